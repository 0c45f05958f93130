"""Measures the promises: prints promise, verdict and figure, and keeps the results.

    python -m benchmarks [--quick] [--only NAME]... [--list]

Verdicts are not the exit status: 0 means that everything was measured.

A quick run makes three pairs instead of ten, whose interval covers the median in only 75 %
of cases; it is for trying, and its results go to build/benchmarks instead of results/.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import datetime

from benchmarks import machine
from benchmarks.load.build import grpc_client
from benchmarks.measure import FULL, QUICK, Bench
from benchmarks.promises.batching import mid, minilm, wide
from benchmarks.promises.busy import busy
from benchmarks.promises.clients import generator_rate, ordinary_profile
from benchmarks.promises.death import death
from benchmarks.promises.frameworks import torch_overhead
from benchmarks.promises.loading import loading
from benchmarks.promises.monitoring import monitoring
from benchmarks.promises.requests import big, mlp_alone, mlp_grpc_core, mlp_packed
from benchmarks.promises.start import start
from benchmarks.promises.tls import tls
from benchmarks.promises.traces import traces
from benchmarks.results import FOLDER, Row, save, table
from runtime.errors import LeeboardError

PROMISES: dict[str, Callable[[Bench], list[Row]]] = {
    "mlp-packed": mlp_packed,
    "mlp-grpc-core": mlp_grpc_core,
    "mlp-alone": mlp_alone,
    "mid": mid,
    "wide": wide,
    "minilm": minilm,
    "big": big,
    "tls": tls,
    "busy": busy,
    "loading": loading,
    "death": death,
    "start": start,
    "torch-overhead": torch_overhead,
    "traces": traces,
    "monitoring": monitoring,
    "ordinary-profile": ordinary_profile,
    "generator": generator_rate,
}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three pairs, for trying")
    parser.add_argument("--only", action="append", choices=PROMISES, help="may be repeated")
    parser.add_argument("--list", action="store_true", help="name the promises and end")
    return parser.parse_args()


def run(names: list[str], bench: Bench) -> tuple[list[Row], list[str]]:
    """Measure each promise; returns the rows and what could not be measured."""
    rows: list[Row] = []
    broken: list[str] = []
    for name in names:
        began = time.monotonic()
        try:
            rows += PROMISES[name](bench)
        except LeeboardError as error:
            broken.append(f"{name}: {error}")
        print(f"measured {name} in {time.monotonic() - began:.0f} s", file=sys.stderr)
    return rows, broken


def main() -> int:
    """Return 0 when everything was measured, whatever the verdicts."""
    chosen = read_arguments()
    if chosen.list:
        print("\n".join(PROMISES))
        return 0
    folder = machine.scratch()
    bench = Bench(QUICK if chosen.quick else FULL, folder, grpc_client())
    machine.prepare()
    rows, broken = run(chosen.only or list(PROMISES), bench)
    if rows:
        about = {**machine.record(), "pairs": bench.plan.pairs, "quick": chosen.quick}
        stamp = datetime.now().astimezone().strftime("%Y-%m-%d-%H%M%S")
        path = save(rows, about, stamp, folder / "quick" if chosen.quick else FOLDER)
        print(table(rows))
        print(f"{'quick run, for trying only; ' if chosen.quick else ''}results: {path}")
        if not chosen.quick:
            print("`make readme` writes these figures into README.md")
    for line in broken:
        print(f"not measured: {line}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
