"""A worker that loads steps back for those that serve, where it may step forward again.

Loading computes as hard as it can for as long as it takes: at the same priority it takes
its share of a busy processor from every model that answers. The kernel lets any process
make itself less important, but only some take that back; the others load as they are.
"""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STEP = 10
LOWEST = 19
CAP_SYS_NICE = 1 << 23


def may_take_back(nice: int) -> bool:
    """Tell whether this process may return to a nice value once it has a higher one."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NICE)
    if soft == resource.RLIM_INFINITY or 20 - soft <= nice:
        return True
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) & CAP_SYS_NICE)
    return False


@contextmanager
def stepped_back() -> Iterator[None]:
    """Do something at a lower priority, threads that it starts included."""
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    if not may_take_back(nice):
        yield
        return
    os.setpriority(os.PRIO_PROCESS, 0, min(nice + STEP, LOWEST))
    try:
        yield
    finally:
        for task in os.listdir("/proc/self/task"):
            with suppress(OSError):  # A thread that has just ended.
                os.setpriority(os.PRIO_PROCESS, int(task), nice)
