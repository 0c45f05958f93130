r"""Gaps between groups: who is chosen how often, and who is found how often.

*Demographic parity* compares the share of positive decisions, *equal opportunity* that
share among those who are positive. With $k$ groups large enough, every pair's difference
has Newcombe's interval [1]_, built of two Wilson intervals, at the level
$1 - \alpha / (k (k - 1) / 2)$; all of them hold together with chance $1 - \alpha$, and so
does the interval of the largest gap: from the largest lower end to the largest upper end.
Smaller groups are named and left out: a gap of eight people is no gap.

References
----------
.. [1] R. G. Newcombe. Interval estimation for the difference between independent
   proportions: comparison of eleven methods. Statistics in Medicine 17(8), 1998.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from runtime.statistics.estimates import CONFIDENCE, Estimate
from runtime.statistics.window_estimates import share


@dataclass(frozen=True, slots=True)
class Rate:
    """How many of a group's members, `hits` of `n`."""

    hits: float = 0.0
    n: float = 0.0

    def __add__(self, other: Rate) -> Rate:
        return Rate(self.hits + other.hits, self.n + other.n)


@dataclass(frozen=True, slots=True)
class Gap:
    """The largest difference of two groups' rates, with its fixed-window interval.

    `highest` and `lowest` are the groups that it is between; `left_out` those too small.
    `value` is None where fewer than two groups are large enough.
    """

    value: Estimate | None
    highest: str
    lowest: str
    rates: Mapping[str, Estimate]
    left_out: tuple[str, ...]

    def is_over(self, tolerated: float) -> bool:
        """Whether the whole interval is above what is tolerated."""
        return self.value is not None and self.value.low > tolerated


def difference(first: Rate, second: Rate, confidence: float = CONFIDENCE) -> Estimate:
    """Return the first rate less the second, with Newcombe's interval.

    Examples
    --------
    >>> found = difference(Rate(56, 70), Rate(48, 80))
    >>> round(found.value, 3), round(found.low, 4), round(found.high, 4)
    (0.2, 0.0524, 0.3339)
    """
    a, b = (share(rate.hits, rate.n, confidence) for rate in (first, second))
    value = a.value - b.value
    low = sqrt((a.value - a.low) ** 2 + (b.high - b.value) ** 2)
    high = sqrt((a.high - a.value) ** 2 + (b.value - b.low) ** 2)
    return Estimate(value, value - low, value + high, a.n + b.n, confidence)


def gap(rates: Mapping[str, Rate], least: int, confidence: float = CONFIDENCE) -> Gap:
    """Return the largest gap between groups of `least` members or more."""
    large = {name: rate for name, rate in sorted(rates.items()) if rate.n >= max(least, 1)}
    left_out = tuple(sorted(set(rates) - set(large)))
    shown = {name: share(rate.hits, rate.n, confidence) for name, rate in large.items()}
    if len(large) < 2:
        return Gap(None, "", "", shown, left_out)
    ordered = sorted(shown, key=lambda name: shown[name].value)
    pairs = list(combinations(large, 2))
    level = 1.0 - (1.0 - confidence) / len(pairs)
    lows, highs = [0.0], [0.0]
    for one, other in pairs:
        found = difference(large[one], large[other], level)
        # Of the two signs, one end is the least size that the difference may have.
        lows.append(max(found.low, -found.high))
        highs.append(max(found.high, -found.low))
    value = shown[ordered[-1]].value - shown[ordered[0]].value
    n = sum(int(rate.n) for rate in large.values())
    estimate = Estimate(value, max(lows), max(highs), n, confidence)
    return Gap(estimate, ordered[-1], ordered[0], shown, left_out)
