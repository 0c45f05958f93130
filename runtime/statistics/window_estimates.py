r"""Estimates from one window of a fixed size, with intervals that hold for that window.

An interval here covers the true value with its chance when it is looked at once. Looked at
again and again it misses some day: what alarms uses confidence sequences instead, and only
means of bounded values have those. So these are named fixed-window intervals wherever they
are shown.

Shares use Wilson's interval [1]_, $(\hat p + z^2 / 2n \pm z \sqrt{\hat p (1 - \hat p) / n
+ z^2 / 4 n^2}) / (1 + z^2 / n)$, which holds for small `n` and near 0 and 1; means use
their standard error.

References
----------
.. [1] E. B. Wilson. Probable inference, the law of succession, and statistical inference.
   Journal of the American Statistical Association 22(158), 1927.
"""

from __future__ import annotations

from math import inf, sqrt

from runtime.statistics.estimates import CONFIDENCE, UNKNOWN, Estimate, z_of


def share(hits: float, n: float, confidence: float = CONFIDENCE) -> Estimate:
    """Return the share of hits among `n` with Wilson's interval.

    Examples
    --------
    >>> found = share(0, 10)
    >>> found.value, found.low, round(found.high, 3)
    (0.0, 0.0, 0.278)
    """
    if n <= 0:
        return UNKNOWN
    z2 = z_of(confidence) ** 2
    p = hits / n
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = sqrt(z2 * (p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    low = 0.0 if hits <= 0 else max(middle - half, 0.0)
    high = 1.0 if hits >= n else min(middle + half, 1.0)
    return Estimate(p, low, high, int(n), confidence)


def mean(total: float, squares: float, n: int, confidence: float = CONFIDENCE) -> Estimate:
    """Return the mean of `n` values of this sum and sum of squares, by standard error.

    One value alone has a mean and no interval.
    """
    if n <= 0:
        return UNKNOWN
    value = total / n
    if n == 1:
        return Estimate(value, -inf, inf, n, confidence)
    variance = max(squares - total * value, 0.0) / (n - 1)
    half = z_of(confidence) * sqrt(variance / n)
    return Estimate(value, value - half, value + half, n, confidence)


def around(
    value: float,
    deviation: float,
    n: int,
    ends: tuple[float, float] = (-inf, inf),
    confidence: float = CONFIDENCE,
) -> Estimate:
    """Return a value with its interval by a standard deviation, kept within `ends`."""
    half = z_of(confidence) * deviation
    low, high = max(value - half, ends[0]), min(value + half, ends[1])
    return Estimate(value, low, high, n, confidence)
