"""What a running server holds, looked at again and again: does anything grow?

A look costs the server nothing: everything is read from /proc. Growth is judged by the
interval of a slope (`runtime.statistics.slopes`), so noise is not called growth, and a slow
leak is found once the series is long enough to show it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field

from runtime.statistics.intervals import Interval
from runtime.statistics.slopes import slope_interval
from runtime.testing.running import RunningServer
from runtime.workers.limits import resident_bytes

MINUTE_S = 60.0
KIB = 1024

BOUNDS_A_MINUTE = {
    "front_kib": 1024.0,
    "worker_kib": 1024.0,
    "descriptors": 2.0,
    "threads": 0.5,
    "latency_us": 2_000.0,
}
"""Growth that is called growth: well above what pages and caches do as they settle."""


def private_kib(pid: int) -> float:
    """Return a process's private memory: shared memory that a burst touched stays."""
    return resident_bytes(pid) / KIB


def threads_of(pid: int) -> float:
    """Return how many threads a process has."""
    with suppress(OSError):
        return float(len(os.listdir(f"/proc/{pid}/task")))
    return 0.0


@dataclass
class Flatness:
    """Series of looks at one server, by what was looked at; times are in minutes."""

    series: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def look(self, server: RunningServer, at_s: float, latency_us: float) -> None:
        """Add what the server holds at a moment, and what a request took then.

        The largest worker counts: young ones replace those that were killed.
        """
        workers = server.worker_pids()
        found = {
            "front_kib": private_kib(server.pid),
            "worker_kib": max(map(private_kib, workers), default=0.0),
            "descriptors": float(server.open_descriptors()),
            "threads": threads_of(server.pid),
            "latency_us": latency_us,
        }
        for name, value in found.items():
            self.series.setdefault(name, []).append((at_s / MINUTE_S, value))

    def growth(self) -> dict[str, Interval]:
        """Return the growth a minute of everything, the first third left out."""
        return {
            name: slope_interval(points[len(points) // 3 :])
            for name, points in self.series.items()
        }

    def growing(self) -> list[str]:
        """Say what surely grows faster than it may; nothing when all is flat."""
        return [
            f"{name} grows by {interval.middle:.1f} a minute [{interval.low:.1f}, "
            f"{interval.high:.1f}]; {BOUNDS_A_MINUTE[name]:g} is allowed"
            for name, interval in self.growth().items()
            if interval.low > BOUNDS_A_MINUTE[name]
        ]
