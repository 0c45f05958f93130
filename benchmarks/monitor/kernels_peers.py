"""Times one peer's way of profiling rows; run in the peer's own environment.

    python kernels_peers.py PEER ROWS ROUNDS

Prints nanoseconds per value, a line for each round. Rows have 32 float32 features, N(0, 1).
Each peer gets its fastest documented way to take a batch of all features.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

FEATURES = 32
LEAST_S = 0.05

Batch = Any
Step = Callable[[], object]


def numpy_way(rows: Batch) -> Step:
    """Moments by numpy, deciles by comparing with each edge."""
    edges = np.quantile(rows, np.arange(0.1, 0.95, 0.1), axis=0).astype(np.float32)

    def step() -> object:
        wide = rows.astype(np.float64)
        return (
            np.nansum(wide, axis=0), np.nanvar(wide, axis=0), np.nanmin(rows, axis=0),
            np.nanmax(rows, axis=0), [(rows >= edge).sum(axis=0) for edge in edges],
        )  # fmt: skip

    return step


def river_way(rows: Batch) -> Step:
    """Mean and variance by River, a feature at a time; no quantiles."""
    stats = import_module("river.stats")
    kept = [stats.Var() for _ in range(FEATURES)]
    columns = [np.ascontiguousarray(rows[:, i], np.float64) for i in range(FEATURES)]

    def step() -> object:
        for var, column in zip(kept, columns, strict=True):
            var.update_many(column)
        return kept

    return step


def datasketches_way(rows: Batch) -> Step:
    """One KLL sketch of 200 for each feature, all updated by one call; no moments."""
    datasketches = import_module("datasketches")
    sketches = datasketches.vector_of_kll_floats_sketches(200, FEATURES)
    return lambda: sketches.update(rows)


def whylogs_way(rows: Batch) -> Step:
    """A profile of whylogs, given a frame: counts, moments, KLL, HLL, frequent items."""
    profile = import_module("whylogs.core").DatasetProfile()
    frame = import_module("pandas").DataFrame(
        rows, columns=[f"x{i}" for i in range(FEATURES)]
    )
    return lambda: profile.track(frame)


PEERS = {"numpy": numpy_way, "river": river_way, "datasketches": datasketches_way,
         "whylogs": whylogs_way}  # fmt: skip


def main() -> None:
    """Print what each round took."""
    peer, count, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    rows = np.random.default_rng(1).normal(size=(count, FEATURES)).astype(np.float32)
    step = PEERS[peer](rows)
    step()
    for _ in range(rounds):
        calls, began = 0, time.perf_counter()
        while calls == 0 or time.perf_counter() - began < LEAST_S:
            step()
            calls += 1
        took = time.perf_counter() - began
        print(took / calls / rows.size * 1e9, flush=True)


if __name__ == "__main__":
    main()
