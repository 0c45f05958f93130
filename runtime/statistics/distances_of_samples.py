r"""How far two samples are apart, value by value: Kolmogorov-Smirnov and Wasserstein.

Both compare the empirical distribution functions $F$ and $G$: the first is
$\max |F - G|$, the second $\int |F - G|$, in the values' own unit. Values that are not
finite are left out; the number of those is the caller's to tell. A sample without a finite
value raises ValueError.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from runtime.statistics import distances

Values = npt.NDArray[np.float64]


def finite(sample: npt.ArrayLike, name: str) -> Values:
    """Return a sample's finite values in order."""
    values = np.asarray(sample, dtype=np.float64).ravel()
    values = np.sort(values[np.isfinite(values)])
    if not values.size:
        raise ValueError(f"the {name} sample has no finite value; nothing to compare")
    return values


def ecdfs(
    reference: npt.ArrayLike, current: npt.ArrayLike
) -> tuple[Values, Values, Values]:
    """Return all places in order, and both distribution functions there."""
    x, y = finite(reference, "reference"), finite(current, "compared")
    places = np.sort(np.concatenate([x, y]))
    first = np.searchsorted(x, places, side="right") / x.size
    second = np.searchsorted(y, places, side="right") / y.size
    return places, first, second


def kolmogorov_smirnov(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the largest difference of the distribution functions.

    Examples
    --------
    >>> kolmogorov_smirnov([1, 2, 3, 4], [3, 4, 5, 6])
    0.5
    """
    _, first, second = ecdfs(reference, current)
    return float(np.abs(first - second).max())


def wasserstein(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the Wasserstein distance of order one, in the unit of the values.

    Examples
    --------
    >>> wasserstein([0.0, 1.0], [1.0, 2.0])
    1.0
    """
    places, first, second = ecdfs(reference, current)
    return float(np.sum(np.abs(first - second)[:-1] * np.diff(places)))


def wasserstein_over_iqr(reference: npt.ArrayLike, current: npt.ArrayLike) -> float:
    """Return the Wasserstein distance in interquartile ranges of the reference.

    Infinite where more than half of the reference is one value and anything moved.
    """
    found = wasserstein(reference, current)
    low, high = np.quantile(finite(reference, "reference"), [0.25, 0.75])
    if high > low:
        return float(found / (high - low))
    return float("inf") if found > 0 else 0.0


def decile_edges(reference: npt.ArrayLike, bins: int = 10) -> Values:
    """Return the inner edges of bins that hold equal shares of the reference.

    Edges that fall together are one: a constant has one edge.
    """
    ranks = np.arange(1, bins) / bins
    return np.unique(np.quantile(finite(reference, "reference"), ranks))


def counts_between(edges: npt.ArrayLike, sample: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return how many finite values lie in each bin; a value on an edge is below it."""
    inner = np.asarray(edges, dtype=np.float64)
    values = np.asarray(sample, dtype=np.float64).ravel()
    places = np.searchsorted(inner, values[np.isfinite(values)], side="left")
    return np.bincount(places, minlength=inner.size + 1).astype(np.int64)


def stability(
    reference: npt.ArrayLike, current: npt.ArrayLike, bins: int = 10
) -> distances.Stability:
    """Return the population stability index over quantile bins of the reference."""
    edges = decile_edges(reference, bins)
    return distances.stability(
        counts_between(edges, reference), counts_between(edges, current)
    )
