"""Rows, their table and their files."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.results import Row, save, table
from runtime.statistics.intervals import Interval, Limit


def row(name: str, middle: float) -> Row:
    figure = Interval(middle - 1, middle, middle + 1, 0.979, 10)
    return Row(
        name, f"promise of {name}", "us", Limit("at most", 13.0), figure, quoted="9 us"
    )


def test_the_table_has_a_line_for_each_promise_with_its_verdict() -> None:
    lines = table([row("fast", 5.0), row("slow", 20.0)]).splitlines()
    assert [" | met " in line for line in lines] == [False, True, False]
    assert "not met" in lines[2]


def test_a_quoted_figure_is_labelled() -> None:
    assert "quoted: 9 us" in table([row("fast", 5.0)])


def test_latest_keeps_the_last_row_of_every_promise(tmp_path: Path) -> None:
    save([row("a", 1.0), row("b", 2.0)], {"cores": 2}, "first", tmp_path)
    save([row("a", 3.0)], {"cores": 4}, "second", tmp_path)
    latest = json.loads((tmp_path / "latest.json").read_text())
    assert latest["a"]["figure"]["middle"] == 3.0
    assert (latest["a"]["from"], latest["b"]["from"]) == ("second.json", "first.json")
    assert (latest["a"]["machine"]["cores"], latest["b"]["machine"]["cores"]) == (4, 2)


def test_a_saved_run_has_its_machine_and_verdicts_and_nothing_else_is_left(
    tmp_path: Path,
) -> None:
    path = save([row("a", 1.0)], {"cores": 2}, "run", tmp_path)
    content = json.loads(path.read_text())
    assert content["machine"] == {"cores": 2}
    assert content["rows"][0]["verdict"] == "met"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["latest.json", "run.json"]
