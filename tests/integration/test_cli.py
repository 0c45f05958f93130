"""The command line as a person uses it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from runtime import __version__
from runtime.cli import app
from runtime.models.policy import CRASH_LOOP
from runtime.testing.running import RunningServer
from runtime.testing.waiting import wait_until
from tests.integration.conftest import SAVERS


def leeboard(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "runtime.cli", *arguments],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_version() -> None:
    done = leeboard("--version")
    assert (done.returncode, done.stdout) == (0, f"leeboard {__version__}\n")


def test_infer_with_a_file_and_with_json(server: RunningServer, tmp_path: Path) -> None:
    x = np.array([[1.5, -2.0, 3.25]], np.float32)
    np.save(tmp_path / "x.npy", x)
    saved = tmp_path / "y.npy"
    done = leeboard(
        "infer", "half", "--url", server.grpc, "--input", f"x=@{tmp_path}/x.npy",
        "--output", f"y=@{saved}",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "half version 1" in done.stdout
    assert np.load(saved).tolist() == x.tolist()
    done = leeboard("infer", "embedding", "--url", server.grpc, "-i", "x=[0, 3]")
    assert done.returncode == 0, done.stderr
    assert "y float32 [2, 4]" in done.stdout


def test_infer_adds_the_batch_dimension_that_a_person_leaves_out(
    server: RunningServer,
) -> None:
    done = leeboard("infer", "text", "--url", server.grpc, "-i", 'x=["one", "two"]')
    assert done.returncode == 0, done.stderr
    assert "b'one' b'two'" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nobody", "-i", "x=[1]"], "NOT_FOUND"),
        (["mlp", "-i", "z=[1]"], "mlp has no input 'z'; its inputs are 'x'"),
        (["mlp", "-i", "x=[1, 2]"], "has shape [1, 2], the model expects [-1, 32]"),
        (["mlp", "-i", "x=@nowhere.npy"], "nowhere.npy"),
        (["mlp", "-i", "nothing"], "has no '='"),
    ],
)
def test_what_is_wrong_is_one_line(
    server: RunningServer, arguments: list[str], words: str
) -> None:
    done = leeboard("infer", *arguments, "--url", server.grpc)
    assert done.returncode == 1
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_models_are_listed_as_a_table(server: RunningServer) -> None:
    done = leeboard("models", "list", "--url", server.grpc)
    assert done.returncode == 0, done.stderr
    lines = [line.replace("\N{BOX DRAWINGS LIGHT VERTICAL}", " ").split()
             for line in done.stdout.splitlines()]  # fmt: skip
    assert ["mlp", "1", "READY"] in lines
    (broken,) = (line for line in lines if line[:1] == ["not_a_number"])
    assert broken[1:3] == ["1", "UNAVAILABLE"]
    assert len(broken) > 3


def test_models_are_listed_as_json(server: RunningServer) -> None:
    done = leeboard("models", "list", "--json", "--url", server.grpc)
    assert done.returncode == 0, done.stderr
    listed = {each["name"]: each for each in json.loads(done.stdout)}
    assert sorted(listed) == sorted(SAVERS)
    assert listed["mlp"] == {"name": "mlp", "version": "1", "state": "READY", "reason": ""}
    assert listed["not_a_number"]["reason"] != ""


def test_a_crash_loop_stands_in_the_list_and_goes_when_a_worker_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "ill.fault"
    path.write_text("{}")
    tokens = [tmp_path / f"token{i}" for i in range(2 * CRASH_LOOP)]
    faults = ",".join(f"load:kill?{token}" for token in tokens)
    monkeypatch.setenv("LEEBOARD_FAULTS", faults)
    reasons: list[str] = []
    with RunningServer(path, "--instances", "2") as server:

        def reason() -> str:
            arguments = ["models", "list", "--json", "--url", server.grpc]
            (ill,) = json.loads(CliRunner().invoke(app, arguments).stdout)
            assert ill["state"] == "READY"
            reasons.append(ill["reason"])
            return str(ill["reason"])

        def is_called_a_loop() -> bool:
            return reason().startswith("crash loop: ill/1#")

        for token in tokens:
            token.touch()  # So many workers die while they load.
        os.kill(server.worker_pids()[0], signal.SIGKILL)
        wait_until(is_called_a_loop, lambda: f"a crash loop, not {reasons}")
        for token in tokens:
            token.unlink(missing_ok=True)
        wait_until(lambda: server.total("leeboard_workers") == 2, "both serve again")
        assert any("crash loop: ill/1#" in line for line in server.log)
        wait_until(lambda: reason() == "", "nothing is wrong any more")
        assert server.total("leeboard_crash_looping") == 0
