r"""How well scores put what is before what is not: the area under the ROC curve.

The area is the chance that a score of a positive is above one of a negative, ties counting
half. `ScoreCounts` holds it in 1,024 bins over [0, 1] of equal width in
$\arcsin \sqrt{p}$, narrow near 0 and 1 where the scores of rare events crowd: two counts
for each, which add up over any cut. Only pairs within one bin are undecided, so the true
area lies within `uncertainty` = $\sum_i p_i n_i / (2 P N)$ of the binned one. The error is
stated as at most 2e-3; the uncertainty says what it can be at worst for the data at hand.

The bound takes all pairs of a bin to be in the wrong order, so ties, which count half and
are no error, raise it; the interval, Hanley and McNeil's [1]_ for a window of fixed size,
takes the lesser of it and of what is stated on both sides.

References
----------
.. [1] J. A. Hanley, B. J. McNeil. The meaning and use of the area under a receiver
   operating characteristic (ROC) curve. Radiology 143(1), 1982.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from runtime.statistics.classification import flags, probabilities
from runtime.statistics.estimates import UNKNOWN, Estimate
from runtime.statistics.window_estimates import around

Counts = npt.NDArray[np.int64]

BINS = 1_024
STATED = 2e-3
"""How far a binned area is stated to be from the true one."""


@dataclass(frozen=True, slots=True)
class ScoreCounts:
    """How many negatives and positives have a score in each bin of [0, 1]."""

    negatives: Counts
    positives: Counts

    def __add__(self, other: ScoreCounts) -> ScoreCounts:
        return ScoreCounts(
            self.negatives + other.negatives, self.positives + other.positives
        )

    @property
    def n(self) -> int:
        """All scores."""
        return int(self.negatives.sum() + self.positives.sum())


def score_counts(labels: npt.ArrayLike, scores: npt.ArrayLike) -> ScoreCounts:
    """Return the counts of scores in [0, 1] by their labels, 0 or 1.

    Raises ValueError for other scores or labels.
    """
    truth, p = flags(labels, "labels"), probabilities(scores)
    turned = np.arcsin(np.sqrt(p)) * (2.0 / np.pi)
    places = np.minimum((turned * BINS).astype(np.int64), BINS - 1)
    return ScoreCounts(
        np.bincount(places[~truth], minlength=BINS).astype(np.int64),
        np.bincount(places[truth], minlength=BINS).astype(np.int64),
    )


def no_scores() -> ScoreCounts:
    """Return counts of nothing."""
    return ScoreCounts(np.zeros(BINS, np.int64), np.zeros(BINS, np.int64))


def area(positives: npt.ArrayLike, negatives: npt.ArrayLike) -> float:
    """Return the area of counts (or weights) in order of their score; NaN for one side.

    Examples
    --------
    >>> area([0, 1, 2], [2, 1, 0])
    0.9444444444444444
    """
    p = np.asarray(positives, dtype=np.float64)
    n = np.asarray(negatives, dtype=np.float64)
    total = p.sum() * n.sum()
    if not total > 0:
        return float("nan")
    below = np.cumsum(n) - n
    return float(np.sum(p * (below + n / 2.0)) / total)


def uncertainty(counts: ScoreCounts) -> float:
    """Return how far the true area can be from the binned one; NaN for one side alone."""
    p, n = counts.positives.astype(np.float64), counts.negatives.astype(np.float64)
    total = p.sum() * n.sum()
    return float(np.sum(p * n) / (2.0 * total)) if total > 0 else float("nan")


def binned_auc(counts: ScoreCounts) -> Estimate:
    """Return the area with its fixed-window interval; UNKNOWN for one side alone."""
    value = area(counts.positives, counts.negatives)
    if not value >= 0:
        return UNKNOWN
    positives, negatives = int(counts.positives.sum()), int(counts.negatives.sum())
    found = around(value, deviation(value, positives, negatives), counts.n)
    slack = min(uncertainty(counts), STATED)
    return Estimate(value, max(found.low - slack, 0), min(found.high + slack, 1), counts.n)


def exact_auc(labels: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """Return the area over the scores themselves, whatever their range; ties count half.

    NaN where all labels are one.
    """
    truth = flags(labels, "labels")
    values = np.asarray(scores, dtype=np.float64).ravel()
    if not np.isfinite(values).all() or values.size != truth.size:
        raise ValueError("scores must be finite, one for each label")
    kinds, places = np.unique(values, return_inverse=True)
    size = max(kinds.size, 1)
    return area(
        np.bincount(places[truth], minlength=size),
        np.bincount(places[~truth], minlength=size),
    )


def deviation(value: float, positives: int, negatives: int) -> float:
    """Return Hanley and McNeil's standard error of an area."""
    q1 = value / (2.0 - value)
    q2 = 2.0 * value * value / (1.0 + value)
    square = value * value
    spread = value * (1.0 - value)
    spread += (positives - 1) * (q1 - square) + (negatives - 1) * (q2 - square)
    return sqrt(max(spread, 0.0) / (positives * negatives))
