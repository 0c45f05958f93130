r"""Statistics of other detectors over time, for many streams at once, written here.

Each takes values [S, looks, ROWS] and returns, look by look, a number [S, looks] that is an
alarm where it is over a threshold; thresholds are set afterwards, so that all detectors
alarm equally often when nothing changes. Sliding tests are given the true distribution and
ADWIN only the values.

References
----------
.. [1] A. Bifet, R. Gavalda. Learning from time-changing data with adaptive windowing. SIAM
   International Conference on Data Mining, 2007.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.monitor.simulate_streams import DECILES, ROWS, Counts, Floats, exact_normal
from runtime.statistics.betting import KsDetector

PERCENTILES = np.arange(1, 100) / 100
PER_LEVEL = 5

Path = Callable[[Floats], Floats]


def counted(values: Floats, quantiles: Floats) -> Counts:
    """Return how many of each look's values are at or above each edge, [S, looks, K]."""
    edges = exact_normal(1, quantiles).edges[0]
    bins = np.searchsorted(edges, values, side="right")
    streams, looks, _ = values.shape
    size = len(edges) + 1
    place = np.arange(streams * looks).reshape(streams, looks, 1) * size + bins
    histogram = np.bincount(place.ravel(), minlength=streams * looks * size)
    by_bin = histogram.reshape(streams, looks, size)
    return np.asarray(by_bin[..., ::-1].cumsum(axis=2)[..., -2::-1])


def slid(counts: Counts, window: int) -> Floats:
    """Return sums over the last `window` looks, not a number until there are so many."""
    total = counts.cumsum(axis=1, dtype=np.float32)
    sums = np.full(total.shape, np.nan, dtype=np.float32)
    sums[:, window:] = total[:, window:] - total[:, :-window]
    sums[:, window - 1] = total[:, window - 1]
    return np.asarray(sums)


def sliding_chi2(rows: int) -> Path:
    """Return Pearson's statistic on the deciles of the last `rows` rows."""

    def path(values: Floats) -> Floats:
        above = slid(counted(values, DECILES), rows // ROWS)
        ends = np.full((*above.shape[:2], 1), float(rows)), np.zeros((*above.shape[:2], 1))
        bins = -np.diff(np.concatenate([ends[0], above, ends[1]], axis=2), axis=2)
        expected = rows / (len(DECILES) + 1)
        return np.asarray(np.square(bins - expected).sum(axis=2) / expected)

    return path


def sliding_ks(rows: int) -> Path:
    """Return the Kolmogorov-Smirnov distance of the last `rows` rows, on percentiles."""

    def path(values: Floats) -> Floats:
        above = slid(counted(values, PERCENTILES), rows // ROWS)
        return np.asarray(np.abs(above / rows - (1.0 - PERCENTILES)).max(axis=2))

    return path


def adwin(values: Floats) -> Floats:
    r"""Return the confidence $\log(1/\delta)$ at which ADWIN would cut its window.

    Buckets of equal age are merged two by two, so every stream has the same; each cut
    between buckets is tested by ADWIN's bound with the variance of the window, solved for
    delta. Until the first cut the window only grows, and the first cut is the alarm.
    """
    streams, looks, _ = values.shape
    sums, squares = values.sum(axis=2), np.square(values).sum(axis=2)
    sizes: list[int] = []
    held = np.zeros((streams, 0))
    path = np.full((streams, looks), -np.inf)
    total, total_squares = np.zeros(streams), np.zeros(streams)
    for look in range(looks):
        held = np.concatenate([held, sums[:, look : look + 1]], axis=1)
        sizes.append(1)
        total += sums[:, look]
        total_squares += squares[:, look]
        held, sizes = compressed(held, sizes)
        if len(sizes) > 1:
            path[:, look] = cut(held, np.array(sizes) * float(ROWS), total, total_squares)
    return path


def compressed(held: Floats, sizes: list[int]) -> tuple[Floats, list[int]]:
    """Merge the two oldest buckets of every size that has more than `PER_LEVEL`."""
    size = 1
    while sizes.count(size) > PER_LEVEL:
        at = sizes.index(size)
        held[:, at] += held[:, at + 1]
        held = np.delete(held, at + 1, axis=1)
        sizes = [*sizes[:at], 2 * size, *sizes[at + 2 :]]
        size *= 2
    return held, sizes


def cut(held: Floats, sizes: Floats, total: Floats, squares: Floats) -> Floats:
    """Return the largest log(1/delta) over all cuts between buckets, [S]."""
    n = sizes.sum()
    old_n = np.cumsum(sizes)[:-1]
    old = np.cumsum(held, axis=1)[:, :-1]
    gap = np.abs(old / old_n - (total[:, None] - old) / (n - old_n))
    variance = squares / n - np.square(total / n)
    harmonic = 1.0 / (1.0 / old_n + 1.0 / (n - old_n))
    linear = np.sqrt(2.0 / harmonic * variance[:, None])
    square = 2.0 / (3.0 * harmonic)
    root = (np.sqrt(np.square(linear) + 4.0 * square * gap) - linear) / (2.0 * square)
    return np.asarray(np.square(root).max(axis=1) - np.log(2.0 * np.log(n)))


def betting(eps: float) -> Path:
    """Return the evidence of our detector, given the true deciles."""

    def path(values: Floats) -> Floats:
        streams, looks, _ = values.shape
        reference = exact_normal(streams)
        detector = KsDetector(reference.shares, eps, np.exp(40.0))
        counts, rows = counted(values, DECILES), np.full(streams, ROWS)
        state, found = detector.start(), np.zeros((streams, looks))
        for look in range(looks):
            state = detector.look(state, counts[:, look], rows)
            found[:, look] = state.log_e
        return found

    return path


RIVALS: dict[str, Path] = {
    **{f"chi2 of {rows} rows": sliding_chi2(rows) for rows in (200, 500, 1_000, 2_000)},
    **{f"KS of {rows} rows": sliding_ks(rows) for rows in (200, 500, 1_000, 2_000)},
    "ADWIN": adwin,
}
