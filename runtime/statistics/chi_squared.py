r"""The chi-squared distribution, without a library: its tail and its quantiles.

The tail is the regularised upper incomplete gamma function $Q(k / 2, x / 2)$: a power
series below $a + 1$ and a continued fraction (by Lentz's method) above [1]_. Both are good
to 1e-12 relative for the degrees of freedom that a table of counts has.

References
----------
.. [1] W. Gautschi. A computational procedure for incomplete gamma functions. ACM
   Transactions on Mathematical Software 5(4), 1979.
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, inf, lgamma, log

STEPS = 10_000
CLOSE = 1e-15
TINY = 1e-300


def tail(x: float, dof: float) -> float:
    """Return the chance that a chi-squared value of `dof` degrees is above `x`.

    Raises ValueError unless `dof` is positive. NaN has no place in it either.

    Examples
    --------
    >>> round(tail(10.60035650623886, 5), 8)
    0.05990546
    """
    if not dof > 0 or x != x:
        raise ValueError(f"no chi-squared tail at {x:g} with {dof:g} degrees of freedom")
    a, z = dof / 2.0, x / 2.0
    if z <= 0:
        return 1.0
    if x == inf:
        return 0.0
    return 1.0 - series(a, z) if z < a + 1.0 else fraction(a, z)


@lru_cache(maxsize=1_024)
def quantile(p: float, dof: float) -> float:
    """Return the value that a chi-squared value of `dof` degrees is below with chance `p`.

    Raises ValueError unless 0 < p < 1.

    Examples
    --------
    >>> round(quantile(0.95, 9), 4)
    16.919
    """
    if not 0 < p < 1:
        raise ValueError(f"a quantile's chance is between 0 and 1, not {p:g}")
    low, high = 0.0, dof + 10.0
    while tail(high, dof) > 1.0 - p:
        low, high = high, high * 2.0
    while high - low > 1e-14 * high:
        middle = (low + high) / 2.0
        if middle in (low, high):
            break
        low, high = (middle, high) if tail(middle, dof) > 1.0 - p else (low, middle)
    return (low + high) / 2.0


def series(a: float, z: float) -> float:
    """Return the lower function P(a, z) by its power series."""
    term = total = 1.0 / a
    for step in range(1, STEPS):
        term *= z / (a + step)
        total += term
        if term < total * CLOSE:
            break
    return total * exp(a * log(z) - z - lgamma(a))


def fraction(a: float, z: float) -> float:
    """Return the upper function Q(a, z) by its continued fraction."""
    b = z + 1.0 - a
    c, d = 1.0 / TINY, 1.0 / b
    value = d
    for step in range(1, STEPS):
        numerator = -step * (step - a)
        b += 2.0
        d = 1.0 / (numerator * d + b or TINY)
        c = numerator / c + b or TINY
        value *= c * d
        if abs(c * d - 1.0) < CLOSE:
            break
    return value * exp(a * log(z) - z - lgamma(a))
