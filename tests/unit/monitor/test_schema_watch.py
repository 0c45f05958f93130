"""Requests that are refused because their tensors are not the model's."""

from __future__ import annotations

import pytest

from runtime.monitor.drift import About
from runtime.monitor.schema_watch import SchemaWatch
from runtime.monitor.signals import Aspect, Kind

ABOUT = About("m", 3, Kind.INPUT, 1e6, 30.0, 0.05, "")


def test_refusals_beyond_what_is_usual_are_an_alarm() -> None:
    watch = SchemaWatch(ABOUT)
    assert watch.look(1_000, 0, 1.0) == []
    fired = False
    for step in range(1, 20):
        said = watch.look(1_000 + 90 * step, 10 * step, 1.0 + step)
        fired |= any(verdict.is_firing for verdict in said)
    assert fired
    verdict = watch.verdict(30.0)
    assert verdict.subject.aspect is Aspect.SCHEMA
    assert verdict.sentence.startswith("10 % of the requests to m version 3 are refused")
    assert verdict.since is not None
    assert verdict.since.time_s == 2.0  # The first look with a refusal.


def test_one_in_a_thousand_is_none() -> None:
    watch = SchemaWatch(ABOUT)
    watch.look(0, 0, 0.0)
    for step in range(1, 200):
        assert not any(v.is_firing for v in watch.look(999 * step, step, float(step)))


def test_counters_that_begin_anew_are_no_refusals() -> None:
    watch = SchemaWatch(ABOUT)
    watch.look(50_000, 40_000, 0.0)
    assert watch.look(10, 2, 1.0) == []
    assert watch.verdict(1.0).evidence.rows == 0


def test_looks_without_requests_change_nothing() -> None:
    watch = SchemaWatch(ABOUT)
    for step in range(5):
        assert watch.look(7, 3, float(step)) == []
    assert watch.verdict(9.0).evidence.looks == 0
    assert watch.verdict(9.0).since is None


def test_it_goes_on_after_a_restart() -> None:
    watch, other = SchemaWatch(ABOUT), SchemaWatch(ABOUT)
    watch.look(0, 0, 0.0)
    watch.look(90, 10, 1.0)
    other.restore(watch.to_arrays())
    assert other.verdict(2.0) == watch.verdict(2.0)
    with pytest.raises(ValueError, match="cut short"):
        other.restore({})
    assert other.verdict(2.0) == watch.verdict(2.0)
