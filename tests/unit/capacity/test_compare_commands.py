"""``leeboard bench compare``: its output, its file and its exit status."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from runtime.capacity.compare_commands import register
from runtime.capacity.report import FORMAT
from runtime.errors import ConfigError, LeeboardError, MeasurementError

WIDE = {"COLUMNS": "200", "TERM": "dumb", "NO_COLOR": "1"}

app = typer.Typer()
app.callback()(lambda: None)
register(app)


def compare(*arguments: str) -> Any:
    return CliRunner(env=WIDE).invoke(app, ["compare", *arguments])


def refused(*arguments: str) -> str:
    """Return the message of our error."""
    with pytest.raises(LeeboardError) as raised:
        app(["compare", *arguments], standalone_mode=False)
    return str(raised.value)


def write_set(path: Path, values: list[float], **more: Any) -> str:
    usual = {"format": FORMAT, "requests": 10, "ok": 10}
    reports = [{**usual, "latency_us": {"p50": value}, **more} for value in values]
    path.write_text(json.dumps(reports))
    return str(path)


STEADY = [100.0 + i for i in range(10)]


@pytest.mark.parametrize(
    ("factors", "status", "verdict"),
    [
        ([1.0] * 10, 0, "met"),
        ([1.1] * 10, 3, "not met"),
        ([0.9 + i / 40 for i in range(10)], 4, "unresolved"),
    ],
)
def test_the_verdict_is_printed_and_is_the_exit_status(
    tmp_path: Path, factors: list[float], status: int, verdict: str
) -> None:
    baseline = write_set(tmp_path / "a.json", STEADY)
    changed = [value * factor for value, factor in zip(STEADY, factors, strict=True)]
    done = compare(baseline, write_set(tmp_path / "b.json", changed))
    assert done.exit_code == status
    assert f"verdict:      {verdict}\n" in done.stdout


def test_the_output_says_what_is_divided_by_what(tmp_path: Path) -> None:
    baseline = write_set(tmp_path / "a.json", STEADY)
    candidate = write_set(tmp_path / "b.json", [value / 2 for value in STEADY])
    lines = compare(baseline, candidate).stdout.splitlines()
    assert lines == [
        "latency_us.p50, lower is better; median [interval], 10 pairs, 97.9% confidence",
        f"A, baseline:  104 [101, 108] us   {baseline}",
        f"B, candidate: 52.25 [50.50, 54.00] us   {candidate}",
        "B / A:        0.500 [0.500, 0.500]",
        "limit:        B / A at most 1.03",
        "verdict:      met",
    ]


def test_the_file_has_the_sides_and_their_reports(tmp_path: Path) -> None:
    one = write_set(tmp_path / "a.json", [1.0, 1.0])
    other = write_set(tmp_path / "b.json", [2.0, 2.0])
    compare(one, other, "--json", str(tmp_path / "out.json"))
    content = json.loads((tmp_path / "out.json").read_text())
    assert content["sides"] == [one, other]
    assert content["pairs"] == [[1.0, 2.0], [1.0, 2.0]]
    assert content["reports"][1][1]["latency_us"]["p50"] == 2.0


def counting(folder: Path, letter: str, value: float) -> str:
    """Return a command that notes its turn and reports a latency."""
    report = json.dumps({"latency_us": {"p50": value}})
    code = f"open({str(folder / 'turns')!r}, 'a').write({letter!r}); print({report!r})"
    return shlex.join([sys.executable, "-c", code])


def test_commands_run_in_turn_and_one_pair_after_the_other(tmp_path: Path) -> None:
    sides = [counting(tmp_path, "A", 100.0), counting(tmp_path, "B", 90.0)]
    done = compare(*sides, "--pairs", "3")
    assert (tmp_path / "turns").read_text() == "ABBAAB"
    assert "run 3 of B: latency_us.p50 90\n" in done.stderr
    assert done.exit_code == 0


def test_a_doubtful_report_ends_the_comparison_at_once(tmp_path: Path) -> None:
    report = json.dumps(
        {"format": FORMAT, "requests": 5, "ok": 4, "latency_us": {"p50": 1}}
    )
    command = shlex.join(["echo", report])
    with pytest.raises(MeasurementError, match="run 1 of A: 1 of 5 requests failed"):
        app(["compare", command, "false"], standalone_mode=False)
    assert compare(command, command, "--pairs", "2", "--allow", "failed").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["echo", "nowhere.json"], "not one of each"),
        (["nowhere.json", "elsewhere.json", "--pairs", "3"], "--pairs is for commands"),
        (["echo", "echo", "--pairs", "0"], "--pairs is 0"),
        (["echo", "echo", "--limit", "0"], "--limit is 0"),
        (["echo", "echo", "--metric", "rows"], "give --at-most or --at-least"),
        (["echo", "echo", "--margin", "0.1", "--at-most", "1"], "give one of --margin"),
    ],
)
def test_a_wish_that_makes_no_sense_is_refused_before_anything_runs(
    arguments: list[str], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        app(["compare", *arguments], standalone_mode=False)


def test_a_command_that_fails_is_an_error_with_its_words() -> None:
    assert "ended with 2:\nls: " in refused("ls /no-such-folder", "true")


def test_the_exit_statuses_are_explained() -> None:
    said = " ".join(compare("--help").stdout.split())
    assert "0 met, 3 not met, 4 unresolved" in said
