"""What a monitor does when versions go, records are damaged and clocks go back."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import pytest

from runtime.monitor.alarm_book import Book, Change
from runtime.monitor.lifecycle import State
from runtime.monitor.looks import Look, Window
from runtime.monitor.monitor import Monitor, Served
from runtime.monitor.predictions import Prediction
from runtime.monitor.settings import ModelWatch, Task
from runtime.monitor.signals import Aspect, Blindness, Kind, Subject, VersionPromoted
from runtime.monitor.snapshots import Snapshots
from runtime.native.watch import Watch
from tests.unit.monitor.filled import Filled, signature

SETTINGS = ModelWatch(task=Task.BINARY)
MODEL = signature([("x", "FP32", 2)], [("y", "FP32", 1)])


class Plane:
    """A data plane that gives back what a test puts into it."""

    def __init__(self) -> None:
        self.there: list[Served] = []
        self.filled: list[tuple[int, Filled]] = []

    def served(self) -> Sequence[Served]:
        return self.there

    def exchange(self, number: int, watch: Watch) -> None:
        self.filled = [each for each in self.filled if each[0] != number]

    def take(self) -> Iterable[tuple[int, Watch]]:
        return cast("list[tuple[int, Watch]]", self.filled)


class Later:
    """Keeps what is handed over."""

    def __init__(self) -> None:
        self.offered: list[Prediction] = []

    def offer(self, given: Sequence[Prediction]) -> None:
        self.offered += given

    def pass_over(self, unnamed: int, unsampled: int, dropped: int) -> None:
        raise AssertionError("nothing is passed over here")

    def promoted(self, event: VersionPromoted) -> None:
        assert event.model == "m"


class Rig:
    """A monitor over version 1 of `m`, with what it told."""

    def __init__(self) -> None:
        self.plane, self.later, self.book = Plane(), Later(), Book()
        self.told: list[Change] = []
        self.monitor = Monitor(
            self.plane, self.book, Snapshots(None), lambda _: SETTINGS,
            lambda changes, _: self.told.extend(changes), 1.0, self.later,
        )  # fmt: skip
        self.plane.there = [Served("m", 1, 7, MODEL, True, True)]


@pytest.fixture
def rig() -> Rig:
    return Rig()


def blind(version: int, time_s: float) -> Blindness:
    subject = Subject("m", version, Kind.MONITOR, "labels", Aspect.BLIND)
    return Blindness(subject, time_s, True, "nobody tells")


def test_alarms_about_a_version_that_is_unloaded_end_with_the_reason(rig: Rig) -> None:
    rig.monitor.look(1_000.0)
    rig.monitor.tell([blind(1, 1_001.0)], 1_001.0)
    rig.monitor.tell([blind(1, 1_100.0)], 1_100.0)
    assert [alarm.state for alarm in rig.book.alarms()] == [State.FIRING]
    rig.plane.there = []
    rig.monitor.look(1_101.0)
    (alarm,) = rig.book.alarms()
    assert (alarm.state, alarm.resolved_s) == (State.RESOLVED, 1_101.0)
    assert alarm.reason == "version 1 of m is not loaded any more"
    assert rig.told[-1] == Change(alarm, State.FIRING)
    rig.monitor.look(1_102.0)
    assert rig.told[-1].alarm.resolved_s == 1_101.0


def test_alarms_of_before_a_restart_wait_for_their_version(rig: Rig) -> None:
    rig.monitor.tell([blind(1, 900.0)], 900.0)
    rig.monitor.tell([blind(1, 999.0)], 999.0)
    there, rig.plane.there = rig.plane.there, []
    rig.monitor.look(1_000.0)  # It is not loaded yet.
    rig.plane.there = there
    rig.monitor.look(1_001.0)
    assert [alarm.state for alarm in rig.book.alarms()] == [State.FIRING]


def record(request_id: bytes, values: bytes) -> bytes:
    """Return an answer of one output as csrc/batch/watch.h lays it out."""
    tail = struct.pack("<QII", 5, 0, len(request_id)) + request_id
    tail += struct.pack("<I", len(values)) + values
    return struct.pack("<I", len(tail)) + tail


def test_a_damaged_record_loses_no_look_and_is_told(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    rig.monitor.look(1_000.0)
    filled = Filled([], 0, 0)
    whole = np.float32(0.5).tobytes()
    filled.journal = record(b"a", whole) + record(b"b", b"odd") + record(b"c", whole)
    rig.plane.filled = [(7, filled)]
    rig.monitor.look(1_001.0)
    assert [each.request_id for each in rig.later.offered] == ["a"]
    assert "answers of m version 1 cannot be journalled behind the first 1" in caplog.text
    rig.monitor.look(1_002.0)
    assert len(caplog.records) == 1


def a_look(rows: int) -> Look:
    nothing = np.zeros(1, dtype=np.int64)
    grid = np.zeros((1, 1), dtype=np.int64)
    return Look(rows, nothing, grid, nothing, nothing, nothing, grid, nothing)


def test_a_window_moves_on_though_the_clock_goes_back() -> None:
    window = Window(a_look(0), 1_000_000, 100.0)
    window.add(a_look(10), 5_000.0)
    for second in range(200):
        window.add(a_look(1), 1_000.0 + second)
    # Half of its time at least and all of it at most, by the clock that there is.
    assert window.begin_s >= 1_000.0
    assert 50 <= window.look().rows <= 100


def test_a_version_that_is_loaded_anew_is_no_longer_refused_for_what_it_was(
    rig: Rig,
) -> None:
    chosen = [replace(SETTINGS, features=("a", "b", "c", "d", "e"))]
    monitor = Monitor(
        rig.plane, rig.book, Snapshots(None), lambda _: chosen[0],
        lambda changes, _: None, 1.0,
    )  # fmt: skip
    monitor.look(1_000.0)
    [status] = monitor.versions()
    assert status.note.startswith("it cannot be watched: features names 5")
    chosen[0] = SETTINGS
    monitor.look(1_001.0)
    assert monitor.versions()[0].note == status.note  # Nothing of it has changed.
    rig.plane.there = [Served("m", 1, 8, MODEL, True, True)]
    monitor.look(1_002.0)
    assert not monitor.versions()[0].note.startswith("it cannot be watched")
