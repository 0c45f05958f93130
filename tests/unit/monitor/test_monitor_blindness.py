"""The monitor over a data plane that answers when it is told to: who is seen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from runtime.backends.base import Signature, TensorSpec
from runtime.monitor.alarm_book import Book
from runtime.monitor.alarms import Policy
from runtime.monitor.lifecycle import State
from runtime.monitor.monitor import Monitor, Served
from runtime.monitor.settings import Control, ModelWatch
from runtime.monitor.signals import Evidence, Verdict
from runtime.monitor.snapshots import Snapshots
from runtime.native.watch import Watch
from tests.unit.monitor.said import other, verdict

T = 1_900_000_000.0
SIGNATURE = Signature(
    "onnxruntime", (TensorSpec("x", "FP32", (-1, 2)),), (TensorSpec("y", "FP32", (-1, 1)),),
    batchable=True,
)  # fmt: skip
HOUSING = Served("housing", 3, 7, SIGNATURE, batches=True, is_preferred=True)
POLICY = Policy()


class Plane:
    """A data plane without traffic; `is_stuck` gives nothing back."""

    def __init__(self, *served: Served) -> None:
        self.there: Sequence[Served] = served
        self.is_stuck = False
        self._out: list[tuple[int, Watch]] = []

    def served(self) -> Sequence[Served]:
        return self.there

    def exchange(self, number: int, watch: Watch) -> None:
        self._out.append((number, watch))

    def take(self) -> Iterable[tuple[int, Watch]]:
        if self.is_stuck:
            return []
        taken, self._out = self._out, []
        return taken


class Desk:
    """A monitor with its plane, and the states that the alarm `monitor` came into."""

    def __init__(self, watch: ModelWatch | None = None) -> None:
        self.plane = Plane(HOUSING)
        self.book = Book(POLICY)
        self.states: list[State] = []
        self.watch = watch or ModelWatch()
        self.monitor = Monitor(
            self.plane, self.book, Snapshots(None), lambda _: self.watch,
            lambda changes, _: self.states.extend(c.alarm.state for c in changes), 1.0,
        )  # fmt: skip

    def look(self, *after_s: float) -> list[State]:
        for each in after_s:
            self.monitor.look(T + each)
        return self.states


def test_without_traffic_a_version_is_looked_at_and_no_alarm_is_raised() -> None:
    desk = Desk()
    assert desk.look(*range(0, 1_000, 10)) == []
    [status] = desk.monitor.versions()
    assert status.last_look_s == T + 990
    assert (status.looks, status.coverage) == (0, None)


def test_a_data_plane_that_gives_nothing_back_is_an_alarm_until_it_does() -> None:
    desk = Desk()
    desk.look(0.0, 1.0)
    desk.plane.is_stuck = True
    assert desk.look(*range(2, 302, 10)) == []
    assert desk.look(302, 312, 372) == [State.PENDING, State.FIRING]
    assert desk.monitor.versions()[0].last_look_s == T + 1.0
    [alarm] = desk.book.alarms()
    assert alarm.sentence.startswith("Nobody has looked at housing/3 for ")
    desk.plane.is_stuck = False
    desk.look(*range(380, int(400 + POLICY.calm_s + POLICY.settle_s), 10))
    assert desk.states[2:] == [State.COOLING, State.RESOLVED]


def test_looks_that_stood_still_are_an_alarm_at_the_first_one_after() -> None:
    desk = Desk()
    desk.look(0.0, 1.0)
    assert desk.look(901.0) == [State.PENDING, State.FIRING]
    [alarm] = desk.book.alarms()
    assert alarm.sentence.startswith("Nobody looked at housing/3 for 900 s;")
    desk.look(*range(902, int(910 + POLICY.calm_s + POLICY.settle_s), 10))
    assert desk.states[2:] == [State.COOLING, State.RESOLVED]


@pytest.mark.parametrize("back_s", [1.0, 86_400.0])
def test_a_clock_that_goes_back_is_no_stall(back_s: float) -> None:
    desk = Desk()
    assert desk.look(0.0, 1.0, 1.0 - back_s, 2.0 - back_s) == []


def test_a_look_that_fails_each_time_is_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    desk.look(0.0)

    def fail(*_: object) -> None:
        raise RuntimeError("a detector is broken")

    monkeypatch.setattr("runtime.monitor.version_watch.VersionWatch.take", fail)
    assert desk.look(*range(1, 400, 10)) == [State.PENDING, State.FIRING]


def test_a_version_that_cannot_be_watched_is_an_alarm_with_the_reason() -> None:
    desk = Desk(ModelWatch(features=("only one",)))
    assert desk.look(0.0, 30.0, 61.0) == [State.PENDING, State.FIRING]
    [alarm] = desk.book.alarms()
    assert "housing/3 answers and is not watched: it cannot be watched:" in alarm.sentence


def test_a_version_that_is_not_to_be_watched_is_none() -> None:
    assert Desk(ModelWatch(is_on=False)).look(0.0, 30.0, 61.0, 600.0) == []


@pytest.mark.parametrize(
    ("control", "states"),
    [(Control.RUN_LENGTH, []), (Control.ERROR_OVER_PATIENCE, [State.FIRING] * 4)],
)
def test_much_that_has_moved_at_once_needs_less_evidence_by_error_over_patience(
    control: Control, states: list[State], monkeypatch: pytest.MonkeyPatch
) -> None:
    arl = 30 * 86_400.0 * 4
    evidence = Evidence(math.log(arl) - 1.0, math.log(arl), arl, 100, 2_000)

    def found(*_: object) -> list[Verdict]:
        return [
            replace(verdict(T, 0.0, subject=other(f"x{place}")), evidence=evidence)
            for place in range(4)
        ]

    monkeypatch.setattr("runtime.monitor.version_watch.VersionWatch.take", found)
    desk = Desk(ModelWatch(control=control))
    seen = [state for state in desk.look(0.0, 1.0) if state is not State.PENDING]
    assert seen == states


def test_a_version_that_was_unloaded_is_not_shown_any_more() -> None:
    desk = Desk()
    desk.look(0.0)
    assert [each.version for each in desk.monitor.versions("housing")] == [3]
    assert desk.monitor.versions("other") == []
    desk.plane.there = ()
    assert desk.monitor.versions() == []
