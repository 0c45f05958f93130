"""From starting the command to ready, and the memory of all processes after some load.

The clock is ours: it begins before the process and ends when the ready file is there,
looked for every millisecond. One start that does not count fills the page cache. Memory is
the proportional share (Pss) of front, zygote and worker after 20,000 requests of one row.
"""

from __future__ import annotations

from benchmarks.load.clients import as_found, measurer
from benchmarks.load.question import make_question
from benchmarks.measure import Bench
from benchmarks.models import model
from benchmarks.processes import leeboard
from benchmarks.promises.contest import CONNECTIONS, IN_FLIGHT
from benchmarks.results import Row
from runtime.capacity.local import pss_bytes
from runtime.capacity.scenario import Load
from runtime.statistics.intervals import Limit, median_interval

LOAD = Load(
    concurrency=IN_FLIGHT, connections=CONNECTIONS, profile="packed", requests=20_000,
    warmup_s=0.0,
)  # fmt: skip
MIB = 1 << 20


def start(bench: Bench) -> list[Row]:
    """Start the server some ten times."""
    path = model("mlp", bench.folder)
    question = make_question(path, bench.folder)
    with leeboard(path, bench.folder):
        pass
    ready_s, memory_mib = [], []
    for _ in range(bench.plan.pairs):
        with leeboard(path, bench.folder) as server:
            ready_s.append(server.ready_s)
            as_found(measurer(server, question)(LOAD))
            memory_mib.append(pss_bytes(server.family()) / MIB)
    return [
        Row(
            "start",
            "small model, start to ready with a warm page cache < 1 s",
            "s",
            Limit("at most", 1.0),
            median_interval(ready_s),
            blocks=[{"ready_s": value} for value in ready_s],
        ),
        Row(
            "memory",
            "small model, front, zygote and worker <= 180 MiB",
            "MiB",
            Limit("at most", 180.0),
            median_interval(memory_mib),
            blocks=[{"pss_mib": value} for value in memory_mib],
        ),
    ]
