"""The loop of a sweep, what it keeps, and what it says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from runtime.capacity.knee import Rule, Step
from runtime.capacity.report import Report
from runtime.capacity.sweep import conclude, notes, run_sweep
from tests.unit.capacity.sweeps import CONCURRENCY, GOOD, RATE, bounded, swept


def test_every_step_is_told_as_soon_as_it_is_judged() -> None:
    told: list[Step] = []
    found = run_sweep(RATE, lambda value: replace(GOOD, requests=0, ok=0), told.append)
    assert told == list(found.steps)
    assert len(told) == 1


def test_an_interrupt_keeps_what_was_measured() -> None:
    def measure(value: float) -> Report:
        if value > 300:
            raise KeyboardInterrupt
        return replace(GOOD, **bounded(RATE, value, 1e9))

    found = run_sweep(RATE, measure, lambda step: None)
    assert [step.value for step in found.steps] == [100.0, 200.0]
    assert found.as_json()["partial"] is True
    assert conclude(found) == (
        "ended early; highest good step so far: 200 requests/s: 200 answers/s, p99 0.50 ms"
    )


def test_an_interrupt_within_the_first_step_keeps_nothing_and_says_so() -> None:
    def measure(value: float) -> Report:
        raise KeyboardInterrupt

    found = run_sweep(RATE, measure, lambda step: None)
    assert conclude(found).endswith("nothing measured")


@pytest.mark.parametrize(
    ("capacity", "words"),
    [
        (1000.0, "knee: 951 requests/s: 951 answers/s, p99 0.50 ms"),
        (50.0, "no knee: not even the first step was good"),
        (
            1e9,
            "no knee up to the last step; 1,600 requests/s: 1,600 answers/s, p99 0.50 ms",
        ),
    ],
)
def test_the_conclusion_says_where_the_knee_is_or_that_it_is_not_known(
    capacity: float, words: str
) -> None:
    assert conclude(swept(RATE, capacity)) == words


def test_a_saturated_client_is_not_blamed_on_the_server() -> None:
    saturated = replace(GOOD, client_saturated=True)
    found = run_sweep(CONCURRENCY, lambda value: saturated, lambda step: None)
    assert "its knee and not the server's" in conclude(found)


def test_the_file_has_the_rule_the_knee_and_the_reports_of_all_steps() -> None:
    content = json.loads(json.dumps(swept(RATE, 1000.0).as_json()))
    assert content["format"] == "leeboard.sweep/1"
    assert content["knee"] == pytest.approx(951.4, abs=0.1)
    assert content["highest_good"] == content["knee"]
    assert content["ended"] == "knee"
    assert content["p99_limit_us"] == 5000.0
    assert content["plan"]["rule"]["reached_share"] == 0.98
    assert content["steps"][0]["report"]["latency_us"]["p99"] == 500.0
    assert content["steps"][4]["fault"] == "rate"


def test_steps_of_few_requests_are_pointed_out() -> None:
    assert "only 100 requests" in notes(swept(RATE, 1000.0))[1]
    assert notes(swept(CONCURRENCY, 1000.0)) == []


def test_the_limit_of_p99_in_force_is_told_with_its_origin() -> None:
    given = replace(RATE, rule=Rule(p99_us=2000.0))
    made, taken = notes(swept(RATE, 1e9))[0], notes(swept(given, 1e9))[0]
    assert made == "limit of p99: 5.00 ms, 10 x that of the first step"
    assert taken == "limit of p99: 2.00 ms, as given"


def test_only_a_knee_that_was_found_is_called_one() -> None:
    content = swept(RATE, 1e9).as_json()
    assert (content["knee"], content["highest_good"]) == (None, 1600.0)
