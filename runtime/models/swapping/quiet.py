"""The control plane's thread steps back while a version is loaded and takes over.

What that asks of it, a report, a table of routes, log lines, takes some milliseconds of
processor in one piece. On a processor that serving shares, requests would wait for it. The
thread of the caller gets the last place among ordinary ones, and its own back a second
after the last load has ended. Where it could not return it stays as it is. Children that
are started meanwhile begin in the usual place (`usual_place`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from runtime.workers.priority import LOWEST, lent_out, may_return

AFTER_S = 1.0
"""A swap comes right after a load; its predecessor's last answers are over by then."""


class Quiet:
    """Counts loads, from any thread; one thread at a time is stepped back."""

    def __init__(self, after_s: float = AFTER_S) -> None:
        self._after_s = after_s
        self._lock = threading.Lock()
        self._loads = 0
        self._task = self._nice = 0
        self._tasks: frozenset[int] = frozenset()
        self._may: bool | None = None
        self._timer: threading.Timer | None = None

    @contextmanager
    def loading(self) -> Iterator[None]:
        """Stay back while the block runs, and a little longer."""
        self._begin()
        try:
            yield
        finally:
            self._end()

    def _begin(self) -> None:
        with self._lock:
            self._loads += 1
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._task == 0:
                self._step_back()

    def _end(self) -> None:
        with self._lock:
            self._loads -= 1
            if self._loads == 0 and self._task:
                self._timer = threading.Timer(self._after_s, self._return)
                self._timer.daemon = True
                self._timer.start()

    def _step_back(self) -> None:
        """Take the last place, if the kernel would give this one back."""
        policy, nice = os.sched_getscheduler(0), os.getpriority(os.PRIO_PROCESS, 0)
        if policy != os.SCHED_OTHER or nice >= LOWEST:
            return
        if self._may is None:
            self._may = may_return(policy, nice)
        if not self._may:
            return
        self._task, self._nice = threading.get_native_id(), nice
        self._tasks = _tasks()
        lent_out[self._task] = nice
        os.setpriority(os.PRIO_PROCESS, self._task, LOWEST)

    def _return(self) -> None:
        """Give the thread its place back, and those that it has started since."""
        with self._lock:
            if self._loads or not self._task:
                return
            lent_out.pop(self._task, None)
            for task in {self._task, *(_tasks() - self._tasks)}:
                with suppress(OSError):  # It has ended.
                    if os.getpriority(os.PRIO_PROCESS, task) == LOWEST:
                        os.setpriority(os.PRIO_PROCESS, task, self._nice)
            self._task, self._timer = 0, None


def _tasks() -> frozenset[int]:
    return frozenset(map(int, os.listdir("/proc/self/task")))


QUIET = Quiet()
"""The control plane's: it has one thread."""
