"""What a worker adds to a framework's own call, for a network of some microseconds.

`benchmarks.torch_calls` measures it in a process of its own on the server's core; see there
for what differs from real use.
"""

from __future__ import annotations

import json
import sys

from benchmarks.load.clients import run_on
from benchmarks.machine import CORES
from benchmarks.measure import Bench
from benchmarks.processes import environment
from benchmarks.results import Row
from runtime.statistics.intervals import Limit, median_interval

TIME_LIMIT_S = 300.0
MOST_US = 5.0


def torch_overhead(bench: Bench) -> list[Row]:
    """PyTorch's small network: a worker's batch against the bare module."""
    command = [
        sys.executable, "-m", "benchmarks.torch_calls", str(bench.folder),
        str(bench.plan.pairs),
    ]  # fmt: skip
    output = run_on(CORES.server, command, TIME_LIMIT_S, environment())
    found: dict[str, list[dict[str, float]]] = json.loads(output)
    added = {
        name: median_interval([block["worker_us"] - block["bare_us"] for block in blocks])
        for name, blocks in found.items()
    }
    made: list[dict[str, object]] = [
        {"format": name, **block} for name, blocks in found.items() for block in blocks
    ]
    return [
        Row(
            "torch-overhead",
            "small PyTorch module, a worker's batch over the bare call <= 5 us",
            "us",
            Limit("at most", MOST_US),
            added["module"],
            beside={f"{name} over bare us": added[name] for name in ("export", "script")},
            blocks=made,
        )
    ]
