"""The thread of a load steps back and returns, and what it starts does not stay behind."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from runtime.models.swapping.quiet import Quiet
from runtime.testing.waiting import wait_until
from runtime.workers.priority import LOWEST, lent_out, may_return, usual_place

ASK = "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"


def nice(task: int = 0) -> int:
    return os.getpriority(os.PRIO_PROCESS, task)


def nice_of_child() -> int:
    return int(subprocess.run([sys.executable, "-c", ASK], capture_output=True).stdout)


@pytest.fixture
def usual() -> Iterator[int]:
    wait_until(lambda: not lent_out, "loads of other tests are over")
    before = nice()
    if before >= LOWEST or not may_return(os.sched_getscheduler(0), before):
        pytest.skip("this process may not return from a lower priority")
    yield before
    os.setpriority(os.PRIO_PROCESS, 0, before)


def test_a_thread_is_back_after_its_last_load(usual: int) -> None:
    quiet = Quiet(after_s=0.01)
    with quiet.loading():
        assert nice() == LOWEST
        with quiet.loading():
            assert nice() == LOWEST
        assert nice() == LOWEST
    wait_until(lambda: nice() == usual, "it is back")


def test_a_load_that_fails_ends_as_well(usual: int) -> None:
    quiet = Quiet(after_s=0.01)
    with pytest.raises(RuntimeError), quiet.loading():
        raise RuntimeError("it has no file")
    wait_until(lambda: nice() == usual, "it is back")


def test_the_next_load_keeps_it_back(usual: int) -> None:
    quiet = Quiet(after_s=60.0)
    with quiet.loading():
        pass
    assert nice() == LOWEST  # A swap may follow.
    with quiet.loading():
        assert nice() == LOWEST
    assert quiet._timer is not None
    quiet._timer.cancel()
    quiet._return()
    assert nice() == usual


def test_children_begin_in_the_usual_place(usual: int) -> None:
    quiet = Quiet(after_s=0.01)
    with quiet.loading():
        with usual_place():
            assert nice_of_child() == usual
        assert nice() == LOWEST
    wait_until(lambda: nice() == usual, "it is back")
    with usual_place():
        assert nice() == usual


def test_threads_that_were_started_meanwhile_come_back_too(usual: int) -> None:
    quiet, done = Quiet(after_s=0.01), threading.Event()
    with quiet.loading():
        thread = threading.Thread(target=done.wait, args=(60,))
        thread.start()
    assert thread.native_id is not None
    task = thread.native_id
    wait_until(lambda: nice(task) == usual, "the thread is back")
    done.set()
    thread.join()


def test_one_that_could_not_return_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "runtime.models.swapping.quiet.may_return", lambda policy, nice: False
    )
    before = nice()
    with Quiet().loading():
        assert nice() == before
