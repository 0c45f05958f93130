"""Stepping back, in processes of their own: what a test gave up it might not get back."""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from typing import Any

import pytest

from runtime.workers.priority import (
    BEST_EFFORT,
    CLASS_SHIFT,
    IDLE,
    LAST,
    STEP,
    io_priority,
    may_return,
    set_io,
)

STORY = """
import os, sys, threading
from contextlib import suppress
from runtime.testing.waiting import wait_until
from runtime.workers.priority import IDLE, io_priority, stepped_back

def ranks():
    found = set()
    for task in map(int, os.listdir("/proc/self/task")):
        with suppress(ProcessLookupError):  # A thread that has just ended.
            nice = os.getpriority(os.PRIO_PROCESS, task)
            found.add((os.sched_getscheduler(task), nice))
    return sorted(found)

stay = threading.Event()
before, io_before = ranks(), io_priority()
with stepped_back(float(sys.argv[1])):
    thread = threading.Thread(target=stay.wait, daemon=True)
    thread.start()
    during, io = ranks(), io_priority()
    if float(sys.argv[1]) == 0:
        wait_until(lambda: ranks() != during or ranks()[0][0] == 0, "its patience ends")
        during = ranks()
        wait_until(lambda: io_priority() != IDLE, "its patience with the disk ends")
        io = io_priority()
print([before, during, ranks(), io_before, io, io_priority()])
stay.set()
"""

Ranks = list[tuple[int, int]]


def all_told(patience_s: float, prefix: tuple[str, ...] = ()) -> tuple[Any, ...]:
    """Return policies and nice values of all threads, and the place on the disk.

    Each before, during and after.
    """
    command = [*prefix, sys.executable, "-c", STORY, str(patience_s)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return tuple(ast.literal_eval(done.stdout))


def told(patience_s: float, prefix: tuple[str, ...] = ()) -> tuple[Ranks, Ranks, Ranks]:
    before, during, after, *_ = all_told(patience_s, prefix)
    return before, during, after


@pytest.mark.parametrize(("patience_s", "place"), [(60, IDLE), (0, BEST_EFFORT | LAST)])
def test_the_disk_is_left_to_others_as_well(patience_s: float, place: int) -> None:
    before, during, _, *places = all_told(patience_s)
    io_before, io_during, io_after = places
    steps = before != during and io_before >= 0
    assert io_during == (place if steps else io_before)
    assert io_after == io_before


def test_a_kernel_that_refuses_or_is_unknown_leaves_the_disk_as_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = io_priority()
    set_io(7 << CLASS_SHIFT)  # There is no such class.
    assert io_priority() == before
    monkeypatch.setattr(platform, "machine", lambda: "abacus")
    set_io(IDLE)
    assert io_priority() == -1
    monkeypatch.undo()
    assert io_priority() == before


def test_a_worker_steps_back_only_where_it_can_return() -> None:
    before, during, after = told(60)
    ((policy, nice),) = before
    steps = may_return(policy, nice) and policy == os.SCHED_OTHER
    assert during == ([(os.SCHED_IDLE, nice)] if steps else before)
    assert after == before


def test_a_load_that_does_not_get_on_is_only_less_important() -> None:
    before, during, after = told(0)
    ((policy, nice),) = before
    steps = may_return(policy, nice) and policy == os.SCHED_OTHER
    assert during == ([(policy, min(nice + STEP, 19))] if steps else before)
    assert after == before


def test_it_never_asks_for_more_than_there_is() -> None:
    before, during, after = told(0, ("nice", "-n", "15"))
    assert during in ([(os.SCHED_OTHER, 19)], before)
    assert after == before


def test_trying_changes_nothing_here() -> None:
    before = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
    may_return(*before)
    assert (os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)) == before


@pytest.mark.parametrize("refused", ["sched_setscheduler", "setpriority"])
def test_a_kernel_that_refuses_is_believed(
    monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    def refuse(*given: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, refused, refuse)
    assert not may_return(os.SCHED_OTHER, 0)
