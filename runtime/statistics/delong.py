r"""The area under the ROC curve of scores themselves, with DeLong's interval.

With a positive score's share of negatives below it, and a negative one's share of positives
above it, the area is the mean of either, and its variance the sum of both variances, each
over its count [1]_; by ranks it takes a sort [2]_. The interval is of a fixed window.
Scores that must merge are binned instead (`ranking`).

References
----------
.. [1] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson. Comparing the areas under two or
   more correlated receiver operating characteristic curves. Biometrics 44(3), 1988.
.. [2] X. Sun, W. Xu. Fast implementation of DeLong's algorithm. IEEE Signal Processing
   Letters 21(11), 2014.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from runtime.statistics.estimates import CONFIDENCE, Estimate
from runtime.statistics.restarts import Floats
from runtime.statistics.window_estimates import around

LEAST_OF_A_CLASS = 2


def auc(
    scores: npt.ArrayLike, labels: npt.ArrayLike, confidence: float = CONFIDENCE
) -> Estimate:
    """Return the area under the ROC curve with DeLong's interval; ties count half.

    `labels` are 1 for positives, 0 for negatives. Raises ValueError unless there are two
    of each, and for scores that are not finite.
    """
    values = np.asarray(scores, dtype=float).reshape(-1)
    truth = np.asarray(labels).reshape(-1).astype(bool)
    if values.shape != truth.shape or not np.isfinite(values).all():
        raise ValueError("scores must be finite, one for each label")
    above, below = values[truth], values[~truth]
    m, n = above.size, below.size
    if min(m, n) < LEAST_OF_A_CLASS:
        raise ValueError(f"AUC of {m} positives and {n} negatives: give two of each")
    together = midranks(np.concatenate([above, below]))
    wins = (together[:m] - midranks(above)) / n
    losses = 1.0 - (together[m:] - midranks(below)) / m
    spread = sqrt(wins.var(ddof=1) / m + losses.var(ddof=1) / n)
    return around(float(wins.mean()), spread, m + n, (0.0, 1.0), confidence)


def midranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of theirs.

    Examples
    --------
    >>> midranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2.0)[inverse])
