r"""How good two-sided and many-sided decisions are, from counts that merge.

A `Confusion` has the four counts of decisions about a yes or no; shares of it are estimates
with Wilson's interval. F1 is $2 TP / (2 TP + FP + FN)$; its interval comes from the share
$TP / (TP + FP + FN) = s$ by $F_1 = 2 s / (1 + s)$, a monotone map, so it covers as that
share's does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.statistics.estimates import CONFIDENCE, UNKNOWN, Estimate
from runtime.statistics.window_estimates import share

Values = npt.NDArray[np.float64]

LEAST_CHANCE = float(np.finfo(np.float64).eps)
"""A score of 0 or 1 counts as this far from it in a log-loss, which would be infinite."""


@dataclass(frozen=True, slots=True)
class Confusion:
    """Decisions by what was said and what is true; expected counts may be fractions."""

    tp: float = 0.0
    fp: float = 0.0
    fn: float = 0.0
    tn: float = 0.0

    @property
    def n(self) -> float:
        """All decisions."""
        return self.tp + self.fp + self.fn + self.tn

    def __add__(self, other: Confusion) -> Confusion:
        return Confusion(
            self.tp + other.tp,
            self.fp + other.fp,
            self.fn + other.fn,
            self.tn + other.tn,
        )


def flags(values: npt.ArrayLike, name: str) -> npt.NDArray[np.bool_]:
    """Return values as flags; raises ValueError unless each is 0 or 1."""
    found = np.asarray(values, dtype=np.float64).ravel()
    if not np.isin(found, (0.0, 1.0)).all():
        raise ValueError(f"{name} must be 0 or 1")
    return np.equal(found, 1.0)


def confusion(labels: npt.ArrayLike, decisions: npt.ArrayLike) -> Confusion:
    """Return the counts of decisions against labels, both 0 or 1 and of one length."""
    truth, said = flags(labels, "labels"), flags(decisions, "decisions")
    if truth.shape != said.shape:
        raise ValueError(f"{truth.size} labels and {said.size} decisions do not pair")
    tp = int(np.count_nonzero(truth & said))
    fp, fn = int(said.sum()) - tp, int(truth.sum()) - tp
    return Confusion(tp, fp, fn, truth.size - tp - fp - fn)


def accuracy(counts: Confusion, confidence: float = CONFIDENCE) -> Estimate:
    """Return the share of right decisions.

    Examples
    --------
    >>> accuracy(Confusion(tp=4, fp=2, fn=1, tn=3)).value
    0.7
    """
    return share(counts.tp + counts.tn, counts.n, confidence)


def precision(counts: Confusion, confidence: float = CONFIDENCE) -> Estimate:
    """Return the share of right ones among those that were said to be."""
    return share(counts.tp, counts.tp + counts.fp, confidence)


def recall(counts: Confusion, confidence: float = CONFIDENCE) -> Estimate:
    """Return the share that was found of those that are."""
    return share(counts.tp, counts.tp + counts.fn, confidence)


def f1(counts: Confusion, confidence: float = CONFIDENCE) -> Estimate:
    """Return the harmonic mean of precision and recall."""
    found = share(counts.tp, counts.tp + counts.fp + counts.fn, confidence)
    if not found.is_known:
        return UNKNOWN
    value, low, high = (2 * s / (1 + s) for s in (found.value, found.low, found.high))
    return Estimate(value, low, high, found.n, confidence)


def log_losses(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Values:
    """Return each pair's negative log-likelihood, in nats; labels are 0 or 1."""
    truth = flags(labels, "labels")
    p = np.clip(probabilities(scores), LEAST_CHANCE, 1.0 - LEAST_CHANCE)
    return np.asarray(-np.log(np.where(truth, p, 1.0 - p)), dtype=np.float64)


def brier_losses(labels: npt.ArrayLike, scores: npt.ArrayLike) -> Values:
    """Return each pair's squared error of the score, 0 to 1; labels are 0 or 1."""
    return np.square(probabilities(scores) - flags(labels, "labels"))


def error_losses(labels: npt.ArrayLike, decisions: npt.ArrayLike) -> Values:
    """Return 1 for each wrong decision and 0 for each right one; any classes."""
    same = np.equal(np.asarray(labels).ravel(), np.asarray(decisions).ravel())
    return np.where(same, 0.0, 1.0)


def many_log_losses(classes: npt.ArrayLike, scores: npt.ArrayLike) -> Values:
    """Return the negative log-likelihood of each row's class, in nats.

    `scores` has a row of shares for each class number, made to sum to one.
    """
    rows = np.asarray(scores, dtype=np.float64)
    places = np.asarray(classes, dtype=np.int64).ravel()
    chosen = rows[np.arange(places.size), places] / rows.sum(axis=1)
    return np.asarray(-np.log(np.clip(chosen, LEAST_CHANCE, 1.0)), dtype=np.float64)


def many_brier_losses(classes: npt.ArrayLike, scores: npt.ArrayLike) -> Values:
    """Return half the squared distance of each row of shares from its class, 0 to 1."""
    rows = np.asarray(scores, dtype=np.float64)
    rows = rows / rows.sum(axis=1, keepdims=True)
    places = np.asarray(classes, dtype=np.int64).ravel()
    truth = np.zeros_like(rows)
    truth[np.arange(places.size), places] = 1.0
    return np.asarray(np.square(rows - truth).sum(axis=1) / 2.0, dtype=np.float64)


def probabilities(scores: npt.ArrayLike) -> Values:
    """Return scores as an array; raises ValueError unless all lie between 0 and 1."""
    found = np.asarray(scores, dtype=np.float64).ravel()
    if not ((found >= 0) & (found <= 1)).all():
        raise ValueError("scores must lie between 0 and 1")
    return found
