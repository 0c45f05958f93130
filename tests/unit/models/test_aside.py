"""Work aside: what it returns and raises, and at which priority it runs."""

from __future__ import annotations

import os
import threading

import pytest

from runtime.models.swapping.aside import STEP, aside


def nice() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


def test_work_runs_behind_the_rest_and_the_caller_stays_as_it_was() -> None:
    before = nice()
    assert aside(nice) == min(before + STEP, 19)
    assert nice() == before


def test_what_work_raises_is_raised_to_its_caller() -> None:
    def fail() -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        aside(fail)


def test_the_thread_ends_with_its_work() -> None:
    assert aside(threading.current_thread).is_alive() is False
