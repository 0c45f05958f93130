"""What an interval says: a figure, its two ends, and what the confidence is worth."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of n labels and the range that covers the true one.

    A *sequence* covers at all times at once with chance `confidence`, however often it is
    looked at. Else it is an interval of a *fixed window*: it covers with about that chance
    at one look chosen beforehand, and says less when it is watched.
    """

    value: float
    low: float
    high: float
    confidence: float
    n: int
    is_sequence: bool


def window(value: float, spread: float, n: int, confidence: float) -> Estimate:
    """Return the fixed-window interval of a figure in [0, 1] with this standard error."""
    reach = normal_quantile(confidence) * spread
    low, high = max(value - reach, 0.0), min(value + reach, 1.0)
    return Estimate(value, low, high, confidence, n, is_sequence=False)


def normal_quantile(confidence: float) -> float:
    """Return how many standard errors a two-sided normal interval reaches.

    Examples
    --------
    >>> round(normal_quantile(0.95), 3)
    1.96
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)
