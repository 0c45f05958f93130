"""A fault happens at its point, at its pass, once; anything else is refused with a list."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.workers import faults
from runtime.workers.faults import (
    ACTIONS,
    POINTS,
    VARIABLE,
    Faults,
    from_environment,
    parse,
)


@pytest.fixture
def acted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Adds an action that is survived; returns what notes that it happened."""
    notes: list[str] = []
    monkeypatch.setitem(faults.ACTIONS, "note", lambda: notes.append("acted"))
    return notes


def passes(made: Faults, *points: str) -> None:
    for point in points:
        made(point)


def test_a_fault_happens_at_its_point_and_nowhere_else(acted: list[str]) -> None:
    made = parse("mid_output:note")
    passes(made, *(point for point in POINTS if point != "mid_output"))
    assert acted == []
    passes(made, "mid_output")
    assert acted == ["acted"]


def test_it_happens_at_the_pass_that_was_asked_for_and_never_again(
    acted: list[str],
) -> None:
    made = parse("load:note@3")
    passes(made, "load", "load")
    assert acted == []
    passes(made, "load", "load", "load")
    assert acted == ["acted"]


def test_of_those_that_share_a_file_only_the_first_acts(
    acted: list[str], tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.touch()
    mine, others = (parse(f"load:note?{token}") for _ in range(2))
    passes(mine, "load")
    passes(others, "load")
    assert acted == ["acted"]
    assert not token.exists()


def test_several_faults_count_their_own_passes(acted: list[str]) -> None:
    made = parse("load:note, load:note@2,warm_up:note")
    passes(made, "load", "load", "warm_up")
    assert len(acted) == 3


@pytest.mark.parametrize(
    "text",
    ["", "load", "nowhere:kill", "load:dance", "load:kill@0", "load:kill@x", "load:kill?",
     "load:kill,", "load kill"],
)  # fmt: skip
def test_what_is_no_fault_is_refused_with_what_there_is(text: str) -> None:
    with pytest.raises(ConfigError, match="is no POINT:ACTION") as caught:
        parse(text)
    assert all(word in str(caught.value) for word in (VARIABLE, *POINTS, *ACTIONS))


def test_without_the_variable_there_are_no_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    assert from_environment() is None
    monkeypatch.setenv(VARIABLE, "load:kill")
    assert isinstance(from_environment(), Faults)


ENDS = {
    "kill": -signal.SIGKILL,
    "crash": -signal.SIGSEGV,
    "abort": -signal.SIGABRT,
    "exit": 3,
}


@pytest.mark.parametrize("action", ENDS)
def test_a_deadly_action_ends_the_process_in_its_way(action: str) -> None:
    code = "from runtime.workers.faults import from_environment as f; f()('load')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, VARIABLE: f"load:{action}"}, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == ENDS[action]


def start_and_wait_for_the_point(action: str) -> subprocess.Popen[str]:
    code = (
        "from runtime.workers.faults import from_environment as f\n"
        "print('here', flush=True)\n"
        "f()('load')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, VARIABLE: f"load:{action}"}, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "here\n"
    return process


@pytest.mark.parametrize("action", ["stop", "hang"])
def test_a_process_that_stands_still_must_be_killed(action: str) -> None:
    process = start_and_wait_for_the_point(action)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.2)
    process.kill()
    assert process.wait(30) == -signal.SIGKILL
