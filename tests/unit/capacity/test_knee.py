"""Which step is good, and which comes next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.capacity.knee import (
    Plan,
    Rule,
    Step,
    Trial,
    end_of,
    highest_good,
    judge_step,
    next_value,
)
from runtime.errors import ConfigError
from tests.unit.capacity.sweeps import CONCURRENCY, GOOD, RATE, bounded


def judged(plan: Plan, value: float, before: tuple[Step, ...] = (), **more: Any) -> Step:
    return judge_step(Trial(plan, before, value, replace(GOOD, **more)))


def at(value: float, rps: float = 1000.0, p99_us: float = 500.0) -> Step:
    latency = {"p50": 100.0, "p99": p99_us}
    return Step(value, replace(GOOD, throughput_rps=rps, latency_us=latency))


Server = Callable[[Plan, float], dict[str, Any]]


def sweep(plan: Plan, server: Server) -> list[Step]:
    """Return all steps of a sweep of a server that answers by a formula."""
    steps: list[Step] = []
    while (value := next_value(plan, steps)) is not None:
        report = replace(GOOD, **server(plan, value))
        steps.append(judge_step(Trial(plan, tuple(steps), value, report)))
    return steps


def up_to(capacity: float) -> Server:
    """A server that keeps up to a rate."""
    return partial(bounded, capacity=capacity)


def loads(steps: list[Step]) -> list[float]:
    return [step.value for step in steps]


def test_a_step_without_faults_is_good() -> None:
    assert judged(RATE, 1000.0).good


@pytest.mark.parametrize(
    ("more", "fault", "words"),
    [
        ({"client_saturated": True}, "client", "the client was the bottleneck, busy 20%"),
        ({"partial": True}, "stopped", "the step ended before its time"),
        (
            {"ok": 995, "errors": {"UNAVAILABLE": 3}, "unsent": 2},
            "failures",
            "5 of 1,000 requests failed, most: UNAVAILABLE",
        ),
        (
            {"requests": 0, "ok": 0, "throughput_rps": 0.0},
            "failures",
            "nothing was answered",
        ),
        ({"throughput_rps": 0.0}, "failures", "nothing was answered within the step"),
        ({"throughput_rps": 979.0}, "rate", "good answers came at 98% of the pace"),
    ],
)
def test_a_fault_is_named(more: dict[str, Any], fault: str, words: str) -> None:
    step = judged(RATE, 1000.0, **more)
    assert step.fault == fault
    assert words in step.words


def test_one_failure_in_a_thousand_is_borne() -> None:
    assert judged(RATE, 1000.0, ok=999).good


def test_poisson_arrivals_are_measured_by_what_was_due_not_by_the_rate() -> None:
    assert judged(RATE, 1000.0, requests=950, ok=950, throughput_rps=950.0).good


def test_the_p99_of_a_rate_sweep_is_bounded_by_ten_times_that_of_its_first_step() -> None:
    first = (at(100.0, p99_us=500.0),)
    slow = {"p50": 1.0, "p99": 5001.0}
    assert judged(RATE, 200.0, before=first, latency_us={"p50": 1.0, "p99": 5000.0}).good
    assert judged(RATE, 200.0, before=first, latency_us=slow).words == (
        "p99 5.00 ms is above 5.00 ms"
    )


def test_a_given_limit_of_p99_is_in_force_at_the_first_step_too() -> None:
    plan = replace(RATE, rule=Rule(p99_us=400.0))
    assert judged(plan, 100.0).fault == "latency"


def test_waiting_for_others_in_flight_is_no_fault_without_a_limit() -> None:
    first = (at(1, rps=100.0, p99_us=100.0),)
    late = {"p50": 1.0, "p99": 64_000.0}
    assert judged(CONCURRENCY, 2, before=first, latency_us=late).good


@pytest.mark.parametrize(
    ("value", "rps", "good"),
    [(2, 1050.0, True), (2, 1049.0, False), (4, 1102.5, True), (4, 1102.0, False)],
)
def test_throughput_must_grow_five_percent_with_each_doubling(
    value: float, rps: float, good: bool
) -> None:
    assert judged(CONCURRENCY, value, before=(at(1),), throughput_rps=rps).good is good


def test_a_sweep_ramps_up_and_then_closes_in_on_the_knee() -> None:
    steps = sweep(RATE, up_to(1000.0))
    assert loads(steps)[:5] == [100.0, 200.0, 400.0, 800.0, 1600.0]
    assert loads(steps)[5:] == pytest.approx([1131.4, 951.4, 1037.5], abs=0.1)
    knee = highest_good(steps)
    assert knee is not None
    assert knee.value == pytest.approx(951.4, abs=0.1)
    assert end_of(RATE, steps) == "knee"


def test_loads_in_flight_are_whole_numbers_each_tried_once() -> None:
    steps = sweep(replace(CONCURRENCY, bisections=9), up_to(5000.0))
    values = loads(steps)
    assert values[:5] == [1, 2, 4, 8, 16]
    assert len(set(values)) == len(values)
    assert all(value == int(value) for value in values)


def test_one_flat_step_does_not_end_a_ramp() -> None:
    def batching(plan: Plan, value: float) -> dict[str, Any]:
        return {"throughput_rps": 100.0 if value < 4 else 100.0 * value}

    steps = sweep(CONCURRENCY, batching)
    assert loads(steps) == [1, 2, 4, 8, 16, 32, 64]
    assert end_of(CONCURRENCY, steps) == "highest"


def test_two_flat_steps_end_a_ramp() -> None:
    values = loads(sweep(CONCURRENCY, up_to(4000.0)))
    assert values[:5] == [1, 2, 4, 8, 16]
    assert max(values) == 16


def test_a_knee_above_the_last_step_is_said_to_be_there() -> None:
    steps = sweep(RATE, up_to(1e9))
    assert (loads(steps)[-1], end_of(RATE, steps)) == (1600.0, "highest")


def test_the_last_step_is_not_passed() -> None:
    assert loads(sweep(replace(RATE, last=500.0), up_to(1e9)))[-2:] == [400.0, 500.0]


def test_a_first_step_that_is_not_borne_ends_the_sweep() -> None:
    steps = sweep(RATE, up_to(50.0))
    assert (loads(steps), end_of(RATE, steps)) == ([100.0], "lowest")


def test_a_saturated_client_ends_the_sweep_without_bisection() -> None:
    def fast(plan: Plan, value: float) -> dict[str, Any]:
        return {**bounded(plan, value, 1e9), "client_saturated": value > 300}

    steps = sweep(RATE, fast)
    assert (loads(steps), end_of(RATE, steps)) == ([100.0, 200.0, 400.0], "client")


def test_a_step_that_was_stopped_ends_the_sweep() -> None:
    steps = sweep(RATE, lambda plan, value: {"partial": True})
    assert (loads(steps), end_of(RATE, steps)) == ([100.0], "stopped")


@given(
    capacity=st.floats(1.0, 1e6),
    plan=st.sampled_from([RATE, CONCURRENCY, replace(CONCURRENCY, first=3, last=50)]),
    bisections=st.integers(0, 12),
)
def test_every_sweep_ends_within_its_range_and_above_no_bad_step(
    capacity: float, plan: Plan, bisections: int
) -> None:
    steps = sweep(replace(plan, bisections=bisections), up_to(capacity))
    assert all(plan.first <= step.value <= plan.last for step in steps)
    assert len(steps) <= 9 + bisections
    knee = highest_good(steps)
    bad = [step.value for step in steps if step.fault and step.fault != "growth"]
    assert knee is None or all(knee.value < value for value in bad)


@pytest.mark.parametrize(("first", "last"), [(0, 5), (-1, 5), (6, 5)])
def test_a_range_must_go_up_from_above_zero(first: float, last: float) -> None:
    with pytest.raises(ConfigError, match="must be FROM:TO with 0 < FROM <= TO"):
        Plan("rate", first, last, 2.0)
