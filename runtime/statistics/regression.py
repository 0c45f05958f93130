r"""How far numbers are from the truth, from sums that merge.

The root mean squared error's interval is the root of that of the mean square, a monotone
map. Losses for harm are $\min(|e| / s, 1)$ with a stated scale $s$: a bounded mean is what
a confidence sequence exists for, and one absurd label then weighs no more than any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from runtime.statistics.estimates import UNKNOWN, Estimate
from runtime.statistics.window_estimates import mean

Values = npt.NDArray[np.float64]

WIDE = 0.95
"""The quantile of absolute errors that counts as a whole loss where no scale is said."""


@dataclass(frozen=True, slots=True)
class ErrorSums:
    """Sums over errors e: how many, |e|, e^2 and e^4."""

    n: int = 0
    absolute: float = 0.0
    squares: float = 0.0
    fourths: float = 0.0

    def __add__(self, other: ErrorSums) -> ErrorSums:
        return ErrorSums(
            self.n + other.n,
            self.absolute + other.absolute,
            self.squares + other.squares,
            self.fourths + other.fourths,
        )


def errors(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> Values:
    """Return predictions less labels; raises ValueError where one is not finite."""
    truth = np.asarray(labels, dtype=np.float64).ravel()
    said = np.asarray(predictions, dtype=np.float64).ravel()
    if truth.shape != said.shape:
        raise ValueError(f"{truth.size} labels and {said.size} predictions do not pair")
    if not np.isfinite(truth).all() or not np.isfinite(said).all():
        raise ValueError("labels and predictions must be finite")
    return said - truth


def error_sums(labels: npt.ArrayLike, predictions: npt.ArrayLike) -> ErrorSums:
    """Return the sums over the errors of predictions against labels."""
    found = errors(labels, predictions)
    squares = np.square(found)
    return ErrorSums(
        found.size,
        float(np.abs(found).sum()),
        float(squares.sum()),
        float(np.square(squares).sum()),
    )


def mae(sums: ErrorSums) -> Estimate:
    """Return the mean absolute error, in the unit of the labels."""
    return floored(mean(sums.absolute, sums.squares, sums.n))


def rmse(sums: ErrorSums) -> Estimate:
    """Return the root of the mean squared error, in the unit of the labels."""
    found = floored(mean(sums.squares, sums.fourths, sums.n))
    if not found.is_known:
        return UNKNOWN
    return Estimate(sqrt(found.value), sqrt(found.low), sqrt(found.high), found.n)


def floored(found: Estimate) -> Estimate:
    """Return an estimate whose interval does not go below zero."""
    return Estimate(found.value, max(found.low, 0.0), found.high, found.n)


def scale_of(found: npt.ArrayLike) -> float:
    """Return the error that counts as a whole loss: the 95th percentile, or 1 for none."""
    sizes = np.abs(np.asarray(found, dtype=np.float64).ravel())
    scale = float(np.quantile(sizes, WIDE)) if sizes.size else 0.0
    return scale if scale > 0 else 1.0


def clipped_losses(found: npt.ArrayLike, scale: float) -> Values:
    """Return each error's size over the scale, at most 1.

    Examples
    --------
    >>> clipped_losses([-1.0, 0.5, 9.0], 2.0).tolist()
    [0.5, 0.25, 1.0]
    """
    if not scale > 0:
        raise ValueError(f"the scale of a loss must be positive, not {scale:g}")
    return np.minimum(np.abs(np.asarray(found, dtype=np.float64)) / scale, 1.0)
