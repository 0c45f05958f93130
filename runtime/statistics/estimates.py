"""What an interval says: a figure, its two ends, and what the confidence is worth."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan
from statistics import NormalDist

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure of n values and the range that covers the true one.

    A *sequence* covers at all times at once with chance `confidence`, however often it is
    looked at. Else it is an interval of a *fixed window*: it covers with about that chance
    at one look chosen beforehand, and says less when it is watched. `value` is NaN and the
    interval everything where nothing is known.
    """

    value: float
    low: float
    high: float
    n: int
    confidence: float = CONFIDENCE
    is_sequence: bool = False

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return isfinite(self.value)


UNKNOWN = Estimate(nan, -inf, inf, 0)


def z_of(confidence: float) -> float:
    """Return how many standard deviations a two-sided normal interval has each way.

    Examples
    --------
    >>> round(z_of(0.95), 3)
    1.96
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")
    return NormalDist().inv_cdf(0.5 + confidence / 2.0)
