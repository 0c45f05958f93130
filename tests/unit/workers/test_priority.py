"""Stepping back, in processes of their own: what a test gave up it might not get back."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading

import pytest

from runtime.workers.priority import STEP, may_take_back

STORY = """
import os, threading
from runtime.workers.priority import stepped_back

def nices():
    tasks = os.listdir("/proc/self/task")
    return sorted({os.getpriority(os.PRIO_PROCESS, int(task)) for task in tasks})

stay = threading.Event()
before = nices()
with stepped_back():
    during = os.getpriority(os.PRIO_PROCESS, 0)
    thread = threading.Thread(target=stay.wait)
    thread.start()
print(before[0], during, *nices())
stay.set()
"""


def told(prefix: tuple[str, ...] = ()) -> list[int]:
    """Return the nice values before, during, and of all threads afterwards."""
    done = subprocess.run(
        [*prefix, sys.executable, "-c", STORY], check=True, capture_output=True, text=True
    )
    return [int(word) for word in done.stdout.split()]


def test_a_worker_steps_back_only_where_it_can_return() -> None:
    before, during, *after = told()
    stepped = may_take_back(os.getpriority(os.PRIO_PROCESS, 0))
    assert during == (min(before + STEP, 19) if stepped else before)
    assert after == [before]


def test_it_never_asks_for_more_than_there_is() -> None:
    before, during, *after = told(("nice", "-n", "15"))
    assert during in (before, 19)
    assert after == [before]


def test_a_limit_that_allows_it_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda which: (25, 25))
    assert may_take_back(-5)
    assert threading.active_count() >= 1
