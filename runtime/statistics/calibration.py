r"""Whether scores are chances, how to make them so, and what they then promise.

`expected_calibration_error` is $\sum_b (n_b / n) |\bar p_b - \bar y_b|$ over bins of equal
width. `Isotonic` is the least-squares non-decreasing map from scores to chances, found by
pooling adjacent violators [1]_; between the scores it was fitted on it is linear, outside
it is clipped. `promised` estimates quality without labels from calibrated chances [2]_: a
row with chance $p$ that was said to be is right with chance $p$. That holds as long as only
the mix of inputs changes; a changed relation between inputs and labels is invisible to it.

References
----------
.. [1] M. Ayer, H. D. Brunk, G. M. Ewing, W. T. Reid, E. Silverman. An empirical
   distribution function for sampling with incomplete information. Annals of Mathematical
   Statistics 26(4), 1955.
.. [2] J. Białek, W. Kuberski, N. Perrakis, A. Bifet. Estimating model performance under
   covariate shift without labels. arXiv 2401.08348, 2024.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from runtime.statistics import classification as cl
from runtime.statistics.estimates import CONFIDENCE, UNKNOWN, Estimate, z_of
from runtime.statistics.ranking import area

Values = npt.NDArray[np.float64]

BINS = 10


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal width: how many scores, their sum, and how many are positive."""

    n: Values
    scores: Values
    positives: Values

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.n + other.n, self.scores + other.scores, self.positives + other.positives
        )


def reliability(
    labels: npt.ArrayLike, scores: npt.ArrayLike, bins: int = BINS
) -> Reliability:
    """Return the bins of scores in [0, 1] with labels 0 or 1; an edge is the bin above."""
    truth, p = cl.flags(labels, "labels"), cl.probabilities(scores)
    edges = np.arange(1, bins) / bins
    places = np.searchsorted(edges, p, side="right")
    n, total, positives = (
        np.bincount(places, weights, minlength=bins).astype(np.float64)
        for weights in (None, p, truth.astype(np.float64))
    )
    return Reliability(n, total, positives)


def expected_calibration_error(found: Reliability) -> Estimate:
    """Return the mean gap between scores and what came true, with a fixed-window interval.

    Gaps of bins are sums of independent errors, so the interval adds their variances. A
    perfectly calibrated score still has an error above zero in a finite window.
    """
    n = float(found.n.sum())
    if not n > 0:
        return UNKNOWN
    value = float(np.abs(found.scores - found.positives).sum() / n)
    seen = found.n > 0
    rates = found.positives[seen] / found.n[seen]
    deviation = sqrt(float(np.sum(found.n[seen] * rates * (1 - rates)))) / n
    half = z_of(CONFIDENCE) * deviation
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0), int(n))


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A non-decreasing map from scores to chances: linear between `knots`."""

    knots: Values
    chances: Values

    def __call__(self, scores: npt.ArrayLike) -> Values:
        """Return the chances of scores; below and above the knots it is level."""
        p = np.asarray(scores, dtype=np.float64)
        return np.interp(p, self.knots, self.chances)


def isotonic(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Isotonic:
    """Return the map fitted to scores with labels 0 or 1; raises ValueError for none.

    Examples
    --------
    >>> fitted = isotonic([0, 1, 0, 1], [0.1, 0.2, 0.3, 0.4])
    >>> fitted([0.0, 0.25, 0.9]).tolist()
    [0.0, 0.5, 1.0]
    """
    truth = cl.flags(labels, "labels").astype(np.float64)
    p = np.asarray(scores, dtype=np.float64).ravel()
    if not p.size or p.size != truth.size or not np.isfinite(p).all():
        raise ValueError("calibration needs finite scores, one for each label")
    knots, places = np.unique(p, return_inverse=True)
    weights = np.bincount(places).astype(np.float64)
    return Isotonic(knots, pooled(np.bincount(places, truth) / weights, weights))


def pooled(values: Values, weights: Values) -> Values:
    """Return the non-decreasing values nearest to these in weighted squares."""
    means: list[float] = []
    sizes: list[float] = []
    lengths: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, size, length = value, weight, 1
        while means and means[-1] >= mean:
            other = sizes.pop()
            mean = (mean * size + means.pop() * other) / (size + other)
            size += other
            length += lengths.pop()
        means.append(mean)
        sizes.append(size)
        lengths.append(length)
    return np.repeat(np.asarray(means, dtype=np.float64), lengths)


@dataclass(frozen=True, slots=True)
class Promised:
    """What calibrated chances say quality is, without a label; NaN where undefined.

    `deviation` is the standard error of the accuracy that real labels would show around
    this estimate, were the chances true.
    """

    counts: cl.Confusion
    accuracy: float
    precision: float
    recall: float
    f1: float
    auc: float
    deviation: float
    n: int


def promised(
    chances: npt.ArrayLike, decisions: npt.ArrayLike, scores: npt.ArrayLike
) -> Promised:
    """Return the quality that calibrated `chances` promise of 0/1 `decisions`.

    `scores` are the model's own: the area is of their order. All are of one length.
    """
    p, said = cl.probabilities(chances), cl.flags(decisions, "decisions")
    values = np.asarray(scores, dtype=np.float64).ravel()
    if not p.size == said.size == values.size:
        raise ValueError("chances, decisions and scores must be of one length")
    counts = cl.Confusion(
        float(p[said].sum()),
        float((1 - p[said]).sum()),
        float(p[~said].sum()),
        float((1 - p[~said]).sum()),
    )
    kinds, places = np.unique(values, return_inverse=True)
    size = max(kinds.size, 1)
    auc = area(
        np.bincount(places, p, minlength=size), np.bincount(places, 1 - p, minlength=size)
    )
    spread = sqrt(float(np.sum(p * (1 - p)))) / p.size if p.size else float("nan")
    return Promised(
        counts=counts,
        accuracy=cl.accuracy(counts).value,
        precision=cl.precision(counts).value,
        recall=cl.recall(counts).value,
        f1=cl.f1(counts).value,
        auc=auc,
        deviation=spread,
        n=p.size,
    )
