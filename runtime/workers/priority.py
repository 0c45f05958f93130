"""A worker that loads steps back for those that serve, where it may step forward again.

Loading computes as hard as it can for as long as it takes. At the same priority it takes
its share of a busy processor, and a request that comes while it runs waits for the end of a
time slice, some milliseconds. An idle task (SCHED_IDLE) is interrupted at once, but on
machines that are never idle it would hardly get on: after `PATIENCE_S` a load is only a
less important one, or after a quarter of the time that it may take at all. The kernel lets
any process step back and only some return; the others load as they are. Reading and writing
step back with it: the idle class of the disk, then the last place of the ordinary one.
"""

from __future__ import annotations

import ctypes
import os
import platform
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

PATIENCE_S = 20.0
STEP = 10
LOWEST = 19
NO_PRIORITY = os.sched_param(0)

CALLS = {"x86_64": (251, 252), "aarch64": (30, 31), "riscv64": (30, 31)}
"""Numbers of the system calls ioprio_set and ioprio_get, which no library has."""

PROCESS = 1
CLASS_SHIFT = 13
BEST_EFFORT, IDLE = 2 << CLASS_SHIFT, 3 << CLASS_SHIFT
LAST = 7
"""The place within a class of the disk that comes last."""


lent_out: dict[int, int] = {}
"""The nice values of threads that are stepped back for a while, by their kernel numbers."""


@contextmanager
def usual_place() -> Iterator[None]:
    """Start something as this thread usually would, though it is stepped back just now."""
    task = threading.get_native_id()
    usual = lent_out.get(task)
    if usual is None:
        yield
        return
    now = os.getpriority(os.PRIO_PROCESS, task)
    os.setpriority(os.PRIO_PROCESS, task, usual)
    try:
        yield
    finally:
        if task in lent_out:
            os.setpriority(os.PRIO_PROCESS, task, now)


def may_return(policy: int, nice: int) -> bool:
    """Try, in a thread of its own, whether one that has stepped back may return.

    Limits and capabilities tell only half of it: in a user namespace they promise more
    than the kernel keeps.
    """
    found: list[bool] = []

    def attempt() -> None:
        task = threading.get_native_id()
        try:
            os.sched_setscheduler(task, os.SCHED_IDLE, NO_PRIORITY)
            os.setpriority(os.PRIO_PROCESS, task, LOWEST)
            os.sched_setscheduler(task, policy, NO_PRIORITY)
            os.setpriority(os.PRIO_PROCESS, task, nice)
        except OSError:
            return
        found.append(True)

    thread = threading.Thread(target=attempt, name="load-priority")
    thread.start()
    thread.join()
    return bool(found)


def set_all(policy: int, nice: int) -> None:
    """Give every thread of this process a scheduling policy and a nice value."""
    for task in map(int, os.listdir("/proc/self/task")):
        with suppress(OSError):  # A thread that has just ended.
            os.sched_setscheduler(task, policy, NO_PRIORITY)
            os.setpriority(os.PRIO_PROCESS, task, nice)


def io_priority() -> int:
    """Return the class and place of this thread on the disk, or -1 where nobody tells."""
    calls = CALLS.get(platform.machine())
    if calls is None:
        return -1
    found = int(ctypes.CDLL(None).syscall(calls[1], PROCESS, 0))
    # Without a class some kernels tell a place, and none takes it back.
    return 0 if 0 < found < 1 << CLASS_SHIFT else found


def set_io(priority: int) -> None:
    """Give every thread of this process a class and place on the disk.

    A kernel that refuses leaves it as it is.
    """
    calls = CALLS.get(platform.machine())
    if calls is None or priority < 0:
        return
    system = ctypes.CDLL(None)
    for task in map(int, os.listdir("/proc/self/task")):
        system.syscall(calls[0], PROCESS, task, priority)


def step_back_for_good() -> None:
    """Do the rest whenever nobody else wants the processor: what is left is the end."""
    set_all(os.SCHED_IDLE, os.getpriority(os.PRIO_PROCESS, 0))
    set_io(IDLE)


@contextmanager
def stepped_back(patience_s: float = PATIENCE_S) -> Iterator[None]:
    """Do something whenever nobody else wants the processor, threads of it included."""
    policy = os.sched_getscheduler(0)
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    io = io_priority()
    if policy != os.SCHED_OTHER or not may_return(policy, nice):
        yield
        return
    is_over = threading.Event()

    def lose_patience() -> None:
        if not is_over.wait(patience_s):
            set_all(policy, min(nice + STEP, LOWEST))
            if may_step_back:
                set_io(BEST_EFFORT | LAST)

    may_step_back = io == 0 or BEST_EFFORT <= io < IDLE
    set_all(os.SCHED_IDLE, nice)
    if may_step_back:
        set_io(IDLE)
    watch = threading.Thread(target=lose_patience, name="load-priority", daemon=True)
    watch.start()
    try:
        yield
    finally:
        is_over.set()
        watch.join()
        set_all(policy, nice)
        if may_step_back:
            set_io(io)
