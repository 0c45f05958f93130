"""Which batch size a model runs best, by measurement.

More rows amortise what a batch costs once; too many fall out of the caches. On a small
encoder 12 rows were 11 % faster a row than 64, on wide dense layers 64 were 8 times faster
than one, and an identity of large rows gains nothing from being gathered.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

SIZES = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
REPEATS = 3
BUDGET_S = 0.8
"""What measuring may add to a load; larger sizes are then left out."""

CLOSE = 1.02
"""A smaller batch is preferred when it costs no more than this times the best: it answers
sooner."""

STILL_FALLING = 0.97
"""The last step to a larger batch gained at least so much: the next ones will gain, too."""

BATCH_US = 30.0
"""What the server spends on a batch besides running it."""

GATHERED_ROW_BYTES = 16 << 10
GATHER_BYTES_PER_US = 8000.0
"""Rows from 16 KiB on lie apart and are copied together first when there are several."""


def measure(run: Callable[[int], object], max_rows: int) -> dict[int, float]:
    """Return microseconds of a batch by its rows, the best of a few runs each.

    `run` runs one batch of so many rows. Sizes grow until the budget would be passed. What
    counts is CPU time: wall time on a busy machine measures the neighbours.
    """
    times: dict[int, float] = {}
    started = time.perf_counter()
    for rows in (*(size for size in SIZES if size < max_rows), max_rows):
        spent = time.perf_counter() - started
        last_rows, last_us = next(reversed(times.items()), (1, 0.0))
        expected_s = REPEATS * last_us * 1e-6 * rows / last_rows
        if spent + expected_s > BUDGET_S:
            break
        best = float("inf")
        for _ in range(REPEATS):
            began = time.process_time()
            run(rows)
            best = min(best, time.process_time() - began)
        times[rows] = best * 1e6
    return times


def best_rows(times_us: Mapping[int, float], row_bytes: int, max_rows: int) -> int:
    """Return the smallest size whose cost of a row is within 2 % of the best one's.

    `times_us` are microseconds of a batch by rows, `row_bytes` the input bytes of a row.
    When larger sizes were left out while growing still gained, the answer is `max_rows`.

    Examples
    --------
    >>> best_rows({1: 100.0, 2: 110.0, 4: 130.0}, row_bytes=128, max_rows=4)
    4
    >>> best_rows({1: 5000.0, 2: 10_000.0, 4: 20_000.0}, row_bytes=128, max_rows=4)
    1
    """
    costs = {
        rows: (us + BATCH_US + gathering_us(rows, row_bytes)) / rows
        for rows, us in times_us.items()
    }
    if not costs:
        return max_rows
    limit = CLOSE * min(costs.values())
    best = min(rows for rows, cost in costs.items() if cost <= limit)
    before = max((rows for rows in costs if rows < best), default=best)
    still_falling = best == max(costs) and costs[best] < STILL_FALLING * costs[before]
    return max_rows if still_falling else best


def gathering_us(rows: int, row_bytes: int) -> float:
    """Return what it costs to copy the rows of a batch together."""
    if rows == 1 or row_bytes < GATHERED_ROW_BYTES:
        return 0.0
    return rows * row_bytes / GATHER_BYTES_PER_US
