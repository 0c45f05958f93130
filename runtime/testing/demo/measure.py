"""What a server spent: processor time of its processes, and the sizes of its batches."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from runtime.testing.running import RunningServer, Samples


def cpu_ns(pid: int) -> int:
    """Return the processor time of a process's threads that live now, in nanoseconds."""
    spent = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(
            FileNotFoundError, ProcessLookupError
        ):  # It ended just now.
            spent += thread_cpu_ns(task)
    return spent


def thread_cpu_ns(task: Path) -> int:
    """Return a thread's time, in clock ticks where the kernel counts no nanoseconds."""
    schedstat = task / "schedstat"
    if schedstat.exists():
        return int(schedstat.read_text().split()[0])
    numbers = (task / "stat").read_text().rpartition(")")[2].split()
    ticks = int(numbers[11]) + int(numbers[12])
    return ticks * 1_000_000_000 // os.sysconf("SC_CLK_TCK")


def total(samples: Samples, name: str, **labels: str) -> float:
    """Return the sum of a metric's samples that carry these labels."""
    wanted = set(labels.items())
    return sum(
        value
        for (sample, carried), value in samples.items()
        if sample == name and wanted <= set(carried)
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """A server's counts at one moment."""

    at_s: float
    front_ns: int
    workers_ns: int
    samples: Samples = field(repr=False)


def look(server: RunningServer) -> Spent:
    """Read a server's counts; asking for its metrics costs it a millisecond or so."""
    samples = server.samples()
    return Spent(
        time.monotonic(),
        cpu_ns(server.pid),
        sum(cpu_ns(pid) for pid in server.worker_pids()),
        samples,
    )


@dataclass(frozen=True, slots=True)
class Cost:
    """What a server did between two looks."""

    elapsed_s: float
    requests: int
    failed: int
    front_us: float
    workers_us: float
    batch_rows: dict[str, float]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.elapsed_s


def cost(before: Spent, after: Spent, models: Iterable[str]) -> Cost:
    """Return what lay between two looks; times are for each request."""

    def more(name: str, **labels: str) -> float:
        return total(after.samples, name, **labels) - total(before.samples, name, **labels)

    elapsed_s = after.at_s - before.at_s
    all_of_them = more("leeboard_requests_total")
    answered = int(more("leeboard_requests_total", outcome="ok"))
    front_us = (after.front_ns - before.front_ns) / 1000
    workers_us = (after.workers_ns - before.workers_ns) / 1000
    rows = {
        model: more("leeboard_batch_rows_sum", model=model)
        / max(1.0, more("leeboard_batch_rows_count", model=model))
        for model in models
    }
    return Cost(
        elapsed_s,
        answered,
        int(all_of_them) - answered,
        front_us / max(1, answered),
        workers_us / max(1, answered),
        rows,
    )
