"""``leeboard bench sweep``: its options and its table."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from runtime.capacity.knee import Rule
from runtime.capacity.scenario import Load
from runtime.capacity.sweep_commands import load_at, make_plan, make_table
from runtime.errors import ConfigError
from tests.unit.capacity.sweeps import CONCURRENCY, RATE, swept


@pytest.mark.parametrize(
    ("concurrency", "rate", "words"),
    [
        (None, None, "give either --concurrency FROM:TO or --rate FROM:TO"),
        ("1:2", "1:2", "give either"),
        ("64", None, "--concurrency is '64'; it must be FROM:TO"),
        ("1:x", None, "it must be FROM:TO"),
        ("1.5:8", None, "both must be whole numbers"),
        ("8:1", None, "0 < FROM <= TO"),
        (None, "0:100", "--rate is 0:100"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    concurrency: str | None, rate: str | None, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        make_plan(concurrency, rate, Rule())


def test_concurrency_doubles_and_a_rate_grows_by_half() -> None:
    assert make_plan("1:64", None, Rule()).factor == 2.0
    assert make_plan(None, "0.5:64", Rule()).factor == 1.5


def test_a_step_has_the_load_of_its_axis_and_all_other_options() -> None:
    usual = Load(rate=1.0, duration_s=3.0, profile="packed", arrivals="constant")
    assert load_at(RATE, usual, 150.0) == replace(usual, rate=150.0)
    assert load_at(CONCURRENCY, usual, 8) == replace(usual, rate=0.0, concurrency=8)


def test_the_table_has_the_steps_by_load_and_marks_the_knee() -> None:
    written = io.StringIO()
    Console(file=written, width=160).print(make_table(swept(RATE, 1000.0)))
    lines = [line.split("\N{BOX DRAWINGS LIGHT VERTICAL}") for line in
             written.getvalue().splitlines() if "500" in line]  # fmt: skip
    rows = [[cell.strip() for cell in line[1:-1]] for line in lines]
    assert [row[0] for row in rows] == [
        "100", "200", "400", "800", "951", "1,037", "1,131", "1,600"
    ]  # fmt: skip
    assert rows[4] == ["951", "951", "100", "500", "0", "20%", "-", "knee"]
    assert rows[7][-1] == "good answers came at 62% of the pace of requests"
