r"""Intervals of fixed windows, for figures that have no confidence sequence.

They hold for one look at a window that was chosen beforehand, and by approximation: a
normal distribution of the figure. An alarm must not rest on them.

References
----------
.. [1] E. B. Wilson. Probable inference, the law of succession, and statistical inference.
   Journal of the American Statistical Association 22(158), 1927.
.. [2] E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson. Comparing the areas under two or
   more correlated receiver operating characteristic curves. Biometrics 44(3), 1988.
.. [3] X. Sun, W. Xu. Fast implementation of DeLong's algorithm. IEEE Signal Processing
   Letters 21(11), 2014.
"""

from __future__ import annotations

from math import sqrt

import numpy as np
import numpy.typing as npt

from runtime.statistics.estimates import CONFIDENCE, Estimate, normal_quantile, window
from runtime.statistics.restarts import Floats

LEAST_OF_A_CLASS = 2


def wilson(hits: int, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return a rate with Wilson's score interval.

    Raises ValueError without trials, and for more events than trials.

    Examples
    --------
    >>> estimate = wilson(20, 100)
    >>> round(estimate.low, 4), round(estimate.high, 4)
    (0.1334, 0.2888)
    """
    if not 0 <= hits <= n or n < 1:
        raise ValueError(f"{hits} events in {n} trials have no rate")
    z, p = normal_quantile(confidence), hits / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    reach = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    low = 0.0 if hits == 0 else centre - reach
    high = 1.0 if hits == n else centre + reach
    return Estimate(p, low, high, confidence, n, is_sequence=False)


def f1(
    hits: int, false_alarms: int, misses: int, confidence: float = CONFIDENCE
) -> Estimate:
    r"""Return F1 of a confusion's counts, with the interval of the delta method.

    With $J = TP / (TP + FP + FN)$, a rate, $F_1 = 2J / (1 + J)$ has the standard error
    $2 / (1 + J)^2 \sqrt{J (1 - J) / (TP + FP + FN)}$.

    Raises ValueError when nothing was positive, neither said nor true.

    Examples
    --------
    >>> round(f1(4, 2, 1).value, 10)
    0.7272727273
    """
    n = hits + false_alarms + misses
    if n < 1 or min(hits, false_alarms, misses) < 0:
        raise ValueError("F1 needs at least one positive, said or true")
    share = hits / n
    spread = 2.0 / (1.0 + share) ** 2 * sqrt(share * (1.0 - share) / n)
    return window(2.0 * share / (1.0 + share), spread, n, confidence)


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
    return window(float(wins.mean()), spread, m + n, confidence)


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


def ece(
    counts: npt.ArrayLike,
    confidences: npt.ArrayLike,
    hits: npt.ArrayLike,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return the expected calibration error of bins, with a normal interval.

    Of each bin: how many predictions, the sum of their probabilities, and how many came
    true. The standard error is that of the bins' hits given the predictions. The figure is
    an absolute value, so near zero it is biased upward and its interval is not symmetric
    about the truth: with few labels a perfect model does not show zero.

    Raises ValueError without predictions.
    """
    n = np.asarray(counts, dtype=float)
    said, true = np.asarray(confidences, dtype=float), np.asarray(hits, dtype=float)
    total = float(n.sum())
    if total < 1:
        raise ValueError("a calibration error needs predictions; the bins are empty")
    value = float(np.abs(said - true).sum() / total)
    rate = true / np.maximum(n, 1.0)
    spread = sqrt(float((n * rate * (1.0 - rate)).sum())) / total
    return window(value, spread, int(total), confidence)
