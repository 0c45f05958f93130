r"""Does something grow? The slope of a series with an interval, whatever its noise.

The estimate is the median of the slopes between all pairs of points [1]_, which a few wild
values cannot move. Its interval runs between the two order statistics of those slopes that
Kendall's test of no trend leaves standing [2]_: with $N$ slopes and
$C = z_{1 - \alpha/2} \sqrt{n (n - 1) (2n + 5) / 18}$, from rank $(N - C) / 2$ to
$(N + C) / 2 + 1$. It assumes no distribution, only that neighbours are not correlated.

References
----------
.. [1] H. Theil. A rank-invariant method of linear and polynomial regression analysis.
   Proc. Koninklijke Nederlandse Akademie van Wetenschappen 53, 1950.
.. [2] P. K. Sen. Estimates of the regression coefficient based on Kendall's tau. Journal of
   the American Statistical Association 63(324), 1968.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import ceil, floor, sqrt
from statistics import NormalDist, median

from runtime.statistics.intervals import CONFIDENCE, Interval

LEAST_POINTS = 5


def slope_interval(
    points: Sequence[tuple[float, float]], confidence: float = CONFIDENCE
) -> Interval:
    """Return the slope of (x, y) points, in units of y for one of x, with its interval.

    Points of equal x tell nothing about each other and are not paired. Raises ValueError
    for fewer than five points, or when no two have different x.

    Examples
    --------
    >>> slope_interval([(x, 3.0 * x + 1.0) for x in range(8)]).middle
    3.0
    >>> noisy = [(x, (-1) ** x * 5.0) for x in range(20)]
    >>> interval = slope_interval(noisy)
    >>> interval.low <= 0 <= interval.high
    True
    """
    n = len(points)
    if n < LEAST_POINTS:
        raise ValueError(f"{n} points are too few for a slope; give {LEAST_POINTS} or more")
    slopes = sorted(
        (y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in combinations(points, 2) if x1 != x2
    )
    if not slopes:
        raise ValueError("all points have the same x, so no slope")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    spread = z * sqrt(n * (n - 1) * (2 * n + 5) / 18)
    count = len(slopes)
    low = max(floor((count - spread) / 2) - 1, 0)
    high = min(ceil((count + spread) / 2), count - 1)
    return Interval(slopes[low], median(slopes), slopes[high], confidence, n)
