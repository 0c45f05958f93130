"""The reference of one tensor's features, as arrays that detectors take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from runtime.monitor.narrow import narrowed
from runtime.monitor.plan import WHOLE, WatchedTensor
from runtime.profiles.contract import FeatureContract

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TensorReference:
    """What F features of a tensor looked like in `rows` rows, and what they must look like.

    `edges` and `shares` [F, K]: values at or above an edge had that share among the finite
    ones; NaN where a feature has fewer edges, or is one of categories. `categories` [F, C]
    are the values of categorical features and `category_shares` their shares among these,
    NaN where there are fewer or nothing is known. `unseen` [F] is the share of others.
    `missing` and `infinite` [F] are shares of all rows, `outside` of the finite values:
    those below `low` or above `high` [F], which are infinite where there is no range.

    A contract promises things: `keeps_range` and `keeps_values` [F] say where no value
    may be outside or unseen, and `may_miss` [F] which share may be missing, NaN where
    nothing is promised.
    """

    features: tuple[str, ...]
    rows: int
    edges: Floats
    shares: Floats
    categories: Floats
    category_shares: Floats
    missing: Floats
    infinite: Floats
    outside: Floats
    unseen: Floats
    low: Floats
    high: Floats
    keeps_range: Flags
    keeps_values: Flags
    may_miss: Floats

    @classmethod
    def of_numbers(
        cls,
        features: tuple[str, ...],
        rows: int,
        edges: Floats,
        shares: Floats,
        missing: Floats,
        infinite: Floats,
    ) -> TensorReference:
        """Return a reference of numbers without ranges, categories or promises."""
        count = len(features)
        nothing = np.full((count, 1), np.nan)
        nowhere = np.zeros(count, dtype=bool)
        return cls(
            features, rows, edges, shares, nothing, nothing, missing, infinite,
            np.zeros(count), np.zeros(count),
            np.full(count, -np.inf), np.full(count, np.inf),
            nowhere, nowhere, np.full(count, np.nan),
        )  # fmt: skip

    @property
    def is_categorical(self) -> Flags:
        """Which features are of categories."""
        return np.asarray(~np.isnan(self.categories).all(axis=1))

    @property
    def has_mix(self) -> Flags:
        """Which features are of categories whose shares are known."""
        return np.asarray(~np.isnan(self.category_shares).all(axis=1))

    @property
    def is_numeric(self) -> Flags:
        """Which features are of numbers that have edges."""
        return np.asarray(~np.isnan(self.edges).all(axis=1))

    @property
    def has_ranges(self) -> bool:
        """Whether any feature has a range."""
        return bool(np.isfinite(self.low).any() or np.isfinite(self.high).any())

    def known(self) -> tuple[tuple[int, ...], ...]:
        """Return the categories of each feature as whole numbers; () where none has any."""
        if not self.is_categorical.any():
            return ()
        return tuple(
            tuple(int(value) for value in row[~np.isnan(row)]) for row in self.categories
        )


def promised(
    reference: TensorReference,
    contract: Mapping[str, FeatureContract],
    tensor: WatchedTensor,
) -> TensorReference:
    """Return a tensor's reference that holds its features to a contract as well.

    Single values can be told apart only of whole numbers.
    """
    named = {n: contract[f] for n, f in enumerate(reference.features) if f in contract}
    if not named:
        return reference
    low, high = reference.low.copy(), reference.high.copy()
    keeps_range, may_miss = reference.keeps_range.copy(), reference.may_miss.copy()
    outside = reference.outside.copy()
    for place, said in named.items():
        if said.has_range:
            low[place], high[place], outside[place] = said.low, said.high, 0.0
            keeps_range[place] = True
        if said.missing is not None:
            may_miss[place] = said.missing
    held = replace(
        reference, low=narrowed(low, tensor.datatype), high=narrowed(high, tensor.datatype),
        outside=outside, keeps_range=keeps_range, may_miss=may_miss,
    )  # fmt: skip
    if tensor.is_summary or tensor.datatype not in WHOLE:
        return held
    return _with_values(held, {n: said.values for n, said in named.items() if said.values})


def _with_values(
    reference: TensorReference, values: Mapping[int, tuple[int, ...]]
) -> TensorReference:
    """Hold features to single values; what was known of their shares is kept."""
    if not values:
        return reference
    width = max(reference.categories.shape[1], *(len(each) for each in values.values()))
    categories = _widened(reference.categories, width)
    shares = _widened(reference.category_shares, width)
    keeps_values = reference.keeps_values.copy()
    for place, allowed in values.items():
        before = dict(zip(categories[place].tolist(), shares[place].tolist(), strict=True))
        has_shares = not np.isnan(shares[place]).all()
        categories[place], shares[place] = np.nan, np.nan
        categories[place, : len(allowed)] = allowed
        if has_shares:
            shares[place, : len(allowed)] = _normal([before.get(v, 0.0) for v in allowed])
        keeps_values[place] = True
    return replace(
        reference, categories=categories, category_shares=shares, keeps_values=keeps_values
    )


def _widened(array: Floats, width: int) -> Floats:
    wide = np.full((len(array), width), np.nan)
    wide[:, : array.shape[1]] = array
    return wide


def _normal(shares: list[float]) -> Floats:
    """Return shares that add up to one; NaN where there is nothing to share."""
    total = sum(shares)
    return np.array([share / total if total else np.nan for share in shares])
