r"""How far two distributions are apart, from counts in the same bins or categories.

All functions take counts of the reference first and of what is compared second, of equal
length, and work on the shares $q_i$ (reference) and $p_i$. Bins that are empty on both
sides say nothing. Every function raises ValueError for counts that are negative, of
different lengths, or all zero on one side: there is no distance to nothing.

The population stability index is $\sum (p_i - q_i) \ln (p_i / q_i)$ with empty shares
replaced by a floor. Without any change its expectation is about $(B - 1)(1/N + 1/M)$ and
it exceeds $(1/N + 1/M) \chi^2_{1 - \alpha, B - 1}$ with chance $\alpha$ [1]_, so a fixed
limit alarms on small samples and sleeps on large ones.

References
----------
.. [1] B. Yurdakul. Statistical properties of population stability index. Dissertation 3208,
   Western Michigan University, 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from runtime.statistics import chi_squared

Values = npt.NDArray[np.float64]

FLOOR = 1e-4
"""What an empty share counts as in a population stability index."""
ALPHA = 0.05


@dataclass(frozen=True, slots=True)
class Tested:
    """A test's statistic, its degrees of freedom and the chance of one as large."""

    statistic: float
    dof: int
    p: float


@dataclass(frozen=True, slots=True)
class Stability:
    """A population stability index and what it is worth.

    `corrected` is less its own bias and never negative; up to `limit` the index says
    nothing with chance 1 - alpha when nothing has changed.
    """

    plain: float
    bias: float
    limit: float

    @property
    def corrected(self) -> float:
        """The index less what two samples of one distribution show."""
        return max(self.plain - self.bias, 0.0)

    @property
    def is_beyond_chance(self) -> bool:
        """Whether it is above what chance makes of no change."""
        return self.plain > self.limit


def pair(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Values, Values]:
    """Return both counts as arrays; raises ValueError where they cannot be compared."""
    first = np.asarray(reference, dtype=np.float64)
    second = np.asarray(current, dtype=np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(
            f"counts of shapes {first.shape} and {second.shape} have no common bins"
        )
    for name, counts in (("reference", first), ("compared", second)):
        if not np.isfinite(counts).all() or (counts < 0).any():
            raise ValueError(f"the {name} counts must be finite and not negative")
        if not counts.sum() > 0:
            raise ValueError(f"the {name} counts are all zero; there is nothing to compare")
    return first, second


def shares(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Values, Values]:
    """Return both counts as shares of their sums."""
    first, second = pair(reference, current)
    return first / first.sum(), second / second.sum()


def psi(reference: npt.ArrayLike, current: npt.ArrayLike, floor: float = FLOOR) -> float:
    """Return the population stability index, empty shares counting as `floor`.

    Examples
    --------
    >>> round(psi([50, 30, 20, 0], [40, 30, 20, 10]), 10)
    0.7123991075
    """
    q, p = shares(reference, current)
    seen = (q > 0) | (p > 0)
    q, p = np.where(q > 0, q, floor)[seen], np.where(p > 0, p, floor)[seen]
    return float(np.sum((p - q) * np.log(p / q)))


def psi_bias(bins: int, reference_rows: float, rows: float) -> float:
    """Return the index that is expected between two samples of one distribution."""
    return (bins - 1) * (1.0 / reference_rows + 1.0 / rows)


def psi_limit(bins: int, reference_rows: float, rows: float, alpha: float = ALPHA) -> float:
    """Return what the index exceeds with chance `alpha` when nothing has changed.

    Examples
    --------
    >>> round(psi_limit(10, 1000, 500), 10)
    0.0507569328
    """
    if bins < 2:
        return 0.0
    spread = 1.0 / reference_rows + 1.0 / rows
    return spread * chi_squared.quantile(1.0 - alpha, bins - 1)


def stability(
    reference: npt.ArrayLike, current: npt.ArrayLike, alpha: float = ALPHA
) -> Stability:
    """Return the population stability index with its bias and its limit."""
    first, second = pair(reference, current)
    bins = int(np.count_nonzero(first + second))
    rows = float(first.sum()), float(second.sum())
    return Stability(
        psi(first, second), psi_bias(bins, *rows), psi_limit(bins, *rows, alpha)
    )


def kl_divergence(p: npt.ArrayLike, q: npt.ArrayLike) -> float:
    """Return the Kullback-Leibler divergence of counts `p` from `q`, in nats.

    It is infinite where `q` lacks what `p` has.
    """
    first, second = shares(q, p)
    seen = second > 0
    if (first[seen] == 0).any():
        return float("inf")
    return float(np.sum(second[seen] * np.log(second[seen] / first[seen])))


def jensen_shannon(
    reference: npt.ArrayLike, current: npt.ArrayLike, base: float = 2.0
) -> float:
    """Return the Jensen-Shannon distance: the root of the divergence, 0 to 1 in base 2.

    Examples
    --------
    >>> jensen_shannon([1, 0], [0, 1])
    1.0
    """
    q, p = shares(reference, current)
    middle = (p + q) / 2.0
    total = 0.0
    for each in (p, q):
        seen = each > 0
        total += float(np.sum(each[seen] * np.log(each[seen] / middle[seen]))) / 2.0
    return float(np.sqrt(max(total, 0.0) / np.log(base)))


def hellinger(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the Hellinger distance, 0 to 1."""
    q, p = shares(reference, current)
    return float(np.sqrt(np.sum((np.sqrt(p) - np.sqrt(q)) ** 2) / 2.0))


def total_variation(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the total variation distance: the share that lies elsewhere."""
    q, p = shares(reference, current)
    return float(np.abs(p - q).sum() / 2.0)


def l_infinity(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the largest difference of one share."""
    q, p = shares(reference, current)
    return float(np.abs(p - q).max())


def ks_on_grid(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the largest difference of the cumulative shares, of bins in order.

    It is never more than the Kolmogorov-Smirnov distance of the samples themselves, and
    equal to it where that is reached at an edge.
    """
    q, p = shares(reference, current)
    return float(np.abs(np.cumsum(p) - np.cumsum(q)).max())


def wasserstein_on_grid(
    ends: npt.ArrayLike, reference: npt.ArrayLike, current: npt.ArrayLike
) -> float:
    """Return the Wasserstein distance of bins between `ends`, one more than there are bins.

    Rows count as spread evenly over their bin, so it is good to the width of the bins that
    the samples share. The unit is that of the ends, which must be finite and in order.

    Examples
    --------
    >>> wasserstein_on_grid([0.0, 1.0, 2.0], [8, 0], [0, 8])
    1.0
    """
    q, p = shares(reference, current)
    widths = np.diff(np.asarray(ends, dtype=np.float64))
    if widths.shape != q.shape or not np.isfinite(widths).all() or (widths < 0).any():
        raise ValueError("the bins' ends must be finite, in order, and one more than bins")
    apart = np.concatenate([[0.0], np.cumsum(p - q)])
    left, right = apart[:-1], apart[1:]
    sizes = np.abs(left) + np.abs(right)
    # Where the difference changes its sign within a bin, it is two triangles.
    crosses = left * right < 0
    squares = np.divide(left**2 + right**2, sizes, out=np.zeros_like(sizes), where=crosses)
    return float(np.sum(widths * np.where(crosses, squares, sizes)) / 2.0)


def chi_squared_test(reference: npt.ArrayLike, current: npt.ArrayLike) -> Tested:
    """Return Pearson's test that both counts come from one distribution."""
    table, expected = contingency(reference, current)
    return tested(float(np.sum((table - expected) ** 2 / expected)), table)


def g_test(reference: npt.ArrayLike, current: npt.ArrayLike) -> Tested:
    """Return the likelihood-ratio test that both counts come from one distribution."""
    table, expected = contingency(reference, current)
    seen = table > 0
    ratios = np.log(table[seen] / expected[seen])
    return tested(float(2.0 * np.sum(table[seen] * ratios)), table)


def chi_squared_of_fit(reference: npt.ArrayLike, current: npt.ArrayLike) -> Tested:
    """Return Pearson's test of `current` against the reference's shares taken as known.

    The statistic is infinite where the reference lacks a category that is there.
    """
    q, _ = shares(reference, current)
    first, second = pair(reference, current)
    seen = (first > 0) | (second > 0)
    expected, found = q[seen] * second.sum(), second[seen]
    with np.errstate(divide="ignore"):
        statistic = float(np.sum((found - expected) ** 2 / expected))
    return tested(statistic, np.stack([expected, found]))


def cramers_v(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return Cramer's V of the two rows of counts, 0 to 1: an effect, not a test."""
    first, second = pair(reference, current)
    found = chi_squared_test(first, second)
    return float(np.sqrt(found.statistic / (first.sum() + second.sum())))


def contingency(reference: npt.ArrayLike, current: npt.ArrayLike) -> tuple[Values, Values]:
    """Return the table of two rows without empty columns, and what it is expected to be."""
    table = np.stack(pair(reference, current))
    table = table[:, table.sum(axis=0) > 0]
    return table, np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()


def tested(statistic: float, table: Values) -> Tested:
    """Return a statistic with its tail; one column alone is no evidence."""
    dof = table.shape[1] - 1
    return Tested(statistic, dof, chi_squared.tail(statistic, dof) if dof else 1.0)
