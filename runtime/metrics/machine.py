"""How busy the machine is, from /proc; nothing where that cannot be read."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

KIB = 1 << 10
SHORTEST_S = 0.5
"""The time between two looks; what is asked sooner is answered from the last one."""

IDLE_FIELDS = (3, 4)
"""idle and iowait in the line ``cpu`` of /proc/stat."""

COUNTED_FIELDS = 8
"""Fields that add up to all time; the guests' time behind them is counted in user's."""


def read_processors(text: str) -> tuple[int, int] | None:
    r"""Return how many ticks all processors spent at work and in all, or None.

    Examples
    --------
    >>> read_processors("cpu  10 0 5 80 5 0 0 0 3 0\ncpu0 ...")
    (15, 100)
    """
    name, _, rest = text.partition("\n")[0].partition(" ")
    fields = rest.split()
    if name != "cpu" or len(fields) <= max(IDLE_FIELDS):
        return None
    ticks = [int(field) for field in fields[:COUNTED_FIELDS]]
    return sum(ticks) - sum(ticks[i] for i in IDLE_FIELDS), sum(ticks)


def read_memory(text: str) -> tuple[int, int] | None:
    r"""Return the machine's memory and what of it is used, in bytes, or None.

    Examples
    --------
    >>> read_memory("MemTotal: 100 kB\nMemFree: 1 kB\nMemAvailable: 40 kB\n")
    (102400, 61440)
    """
    sizes = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        if name in ("MemTotal", "MemAvailable"):
            sizes[name] = int(rest.split()[0]) * KIB
    if len(sizes) != 2:
        return None
    return sizes["MemTotal"], sizes["MemTotal"] - sizes["MemAvailable"]


class Machine:
    """The machine's use between one look and the next. Safe on any thread."""

    def __init__(
        self, proc: Path = Path("/proc"), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._proc = proc
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = clock()
        self._before = self._processors()
        self._share = 0.0

    def use(self) -> Mapping[str, float]:
        """Return the use by Triton's names, without what cannot be read."""
        found: dict[str, float] = {}
        with self._lock:
            if self._before is not None:
                self._look()
                found["nv_cpu_utilization"] = self._share
        memory = read_memory(self._read("meminfo"))
        if memory is not None:
            found["nv_cpu_memory_total_bytes"], found["nv_cpu_memory_used_bytes"] = memory
        return found

    def _look(self) -> None:
        now = self._clock()
        if now - self._looked_at < SHORTEST_S:
            return
        after = self._processors()
        if after is not None and self._before is not None:
            spent = after[1] - self._before[1]
            used = after[0] - self._before[0]
            self._share = min(max(used / spent, 0.0), 1.0) if spent > 0 else 0.0
            self._before, self._looked_at = after, now

    def _processors(self) -> tuple[int, int] | None:
        return read_processors(self._read("stat"))

    def _read(self, name: str) -> str:
        try:
            return (self._proc / name).read_text()
        except OSError:
            return ""
