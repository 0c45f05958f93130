"""What a worker process may use, set by itself before it opens a model."""

from __future__ import annotations

import contextlib
import os
import resource
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OOM_SCORE = 500
"""Added to a worker's badness: when memory runs out the kernel takes it, not the front."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one worker; 0 and an empty tuple mean none.

    `memory_bytes` bounds private writable memory (RLIMIT_DATA: what is asked for fails)
    and, looked at from outside, what is resident. `cpus` are the processors it may run on.
    """

    memory_bytes: int = 0
    cpus: tuple[int, ...] = ()

    def as_message(self) -> dict[str, Any]:
        """Return them for a worker's channel."""
        return {"memory_bytes": self.memory_bytes, "cpus": list(self.cpus)}


def limits_from(message: dict[str, Any]) -> Limits:
    """Return what `as_message` made."""
    return Limits(message["memory_bytes"], tuple(message["cpus"]))


def keep_to(limits: Limits) -> None:
    """Bind this process. What the kernel does not permit is left as it is."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE))
    if limits.cpus:
        with contextlib.suppress(OSError):
            os.sched_setaffinity(0, limits.cpus)
    if limits.memory_bytes:
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        wanted = limits.memory_bytes
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_DATA, (wanted, hard))


def resident_bytes(pid: int) -> int:
    """Return a process's private resident memory, or 0 when it has gone.

    Shared memory is the front's as much as the worker's, and file pages can be dropped.
    """
    return status_bytes(pid).get("RssAnon", 0)


def status_bytes(pid: int | str) -> dict[str, int]:
    """Return the kernel's figures of a process's memory; none when it has gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    sizes = (line.split() for line in lines if line.startswith(("VmHWM:", "Rss")))
    return {size[0].removesuffix(":"): int(size[1]) * 1024 for size in sizes}


class MemoryGrowth:
    """How much private memory this process takes from here on."""

    def __init__(self) -> None:
        # The highest mark starts anew; a kernel that refuses only makes it too high.
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._before = status_bytes("self").get("RssAnon", 0)

    def measure(self) -> tuple[int, int]:
        """Return the bytes by which it has grown, and by which it had at most.

        The kernel keeps the highest mark of all resident pages. Those of files and of
        shared memory are taken off as they are in the end: a model whose file was mapped
        in between is said to have needed that as well.
        """
        sizes = status_bytes("self")
        now = max(sizes.get("RssAnon", 0) - self._before, 0)
        others = sizes.get("RssFile", 0) + sizes.get("RssShmem", 0)
        return now, max(sizes.get("VmHWM", 0) - others - self._before, now)
