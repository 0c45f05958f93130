"""Stepping back, in processes of their own: what a test gave up it might not get back."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from runtime.workers.priority import STEP, may_return

STORY = """
import os, sys, threading
from contextlib import suppress
from runtime.testing.waiting import wait_until
from runtime.workers.priority import stepped_back

def ranks():
    found = set()
    for task in map(int, os.listdir("/proc/self/task")):
        with suppress(ProcessLookupError):  # A thread that has just ended.
            nice = os.getpriority(os.PRIO_PROCESS, task)
            found.add((os.sched_getscheduler(task), nice))
    return sorted(found)

stay = threading.Event()
before = ranks()
with stepped_back(float(sys.argv[1])):
    thread = threading.Thread(target=stay.wait, daemon=True)
    thread.start()
    during = ranks()
    if float(sys.argv[1]) == 0:
        wait_until(lambda: ranks() != during or ranks()[0][0] == 0, "its patience ends")
        during = ranks()
print([before, during, ranks()])
stay.set()
"""

Ranks = list[tuple[int, int]]


def told(patience_s: float, prefix: tuple[str, ...] = ()) -> tuple[Ranks, Ranks, Ranks]:
    """Return policies and nice values of all threads before, during and after."""
    command = [*prefix, sys.executable, "-c", STORY, str(patience_s)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    before, during, after = ast.literal_eval(done.stdout)
    return before, during, after


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
