"""Intervals and verdicts: pure functions of the figures that were measured.

The interval is that of the median between two order statistics: with n sorted values,
from the k-th lowest to the k-th highest. How often it covers the true median follows from
the binomial distribution alone, whatever the distribution of the values, so one repeat that
a neighbour disturbed cannot move it far. With ten values it runs from the second to the
ninth and covers in 97.9 % of cases; five values or fewer cannot reach 95 %, and the
interval then says what it does reach.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, fsum, inf, lgamma, log
from statistics import median
from typing import Literal

Verdict = Literal["met", "not met", "unresolved"]
Sense = Literal["at most", "at least", "within"]

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """A median and the range that covers the true one with chance `confidence`."""

    low: float
    middle: float
    high: float
    confidence: float
    n: int


@dataclass(frozen=True, slots=True)
class Limit:
    """What is promised about a figure.

    "within" is a limit on both sides: no further from `around` than `value`.
    """

    sense: Sense
    value: float
    around: float = 1.0

    @property
    def lowest(self) -> float:
        """The lowest figure that keeps it."""
        ends = {"at most": -inf, "at least": self.value}
        return ends.get(self.sense, self.around - self.value)

    @property
    def highest(self) -> float:
        """The highest figure that keeps it."""
        ends = {"at most": self.value, "at least": inf}
        return ends.get(self.sense, self.around + self.value)


def coverage(n: int, depth: int) -> float:
    """Return how often the median lies between the `depth`-th lowest and highest of n.

    Examples
    --------
    >>> round(coverage(10, 2), 3)
    0.979
    """
    return max(1.0 - 2.0 * fsum(tail(n, i) for i in range(depth)), 0.0)


def tail(n: int, i: int) -> float:
    """Return the chance of i heads in n throws; through logarithms, so of any n."""
    return exp(lgamma(n + 1) - lgamma(i + 1) - lgamma(n - i + 1) - n * log(2.0))


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    """Return the narrowest interval of order statistics with at least this coverage.

    Too few values for it get their whole range and the coverage that it has. Raises
    ValueError without values.
    """
    if not values:
        raise ValueError("no values, so no interval")
    ordered = sorted(values)
    n = len(ordered)
    depth, outside = 1, tail(n, 0)
    while depth < (n + 1) // 2:
        outside += tail(n, depth)
        if 1.0 - 2.0 * outside < confidence:
            break
        depth += 1
    return Interval(
        ordered[depth - 1], median(ordered), ordered[n - depth], coverage(n, depth), n
    )


def ratio_interval(
    pairs: Sequence[tuple[float, float]], confidence: float = CONFIDENCE
) -> Interval:
    """Return the interval of the first over the second, pair by pair.

    What disturbs both sides of a pair alike cancels. A second side that is not positive
    raises ValueError: such a pair measured nothing.
    """
    if any(second <= 0 for _, second in pairs):
        raise ValueError("a pair's second side must be positive")
    return median_interval([first / second for first, second in pairs], confidence)


def judge(interval: Interval, limit: Limit) -> Verdict:
    """Say whether the whole interval keeps the limit, breaks it, or lies across an end.

    Examples
    --------
    >>> judge(Interval(0.9, 1.0, 1.1, 0.979, 10), Limit("within", 0.15))
    'met'
    """
    if limit.lowest <= interval.low and interval.high <= limit.highest:
        return "met"
    if interval.low > limit.highest or interval.high < limit.lowest:
        return "not met"
    return "unresolved"


def show(interval: Interval, unit: str) -> str:
    """Write an interval as a person reads it.

    Examples
    --------
    >>> show(Interval(3.91, 4.02, 4.2, 0.979, 10), "us")
    '4.02 [3.91, 4.20] us'
    """
    values = (interval.middle, interval.low, interval.high)
    digits = 0 if interval.middle >= 100 else 2 if interval.middle >= 1 else 3
    if all(value == int(value) for value in values):
        digits = 0
    middle, low, high = (f"{value:,.{digits}f}" for value in values)
    return f"{middle} [{low}, {high}] {unit}".rstrip()
