"""The reference of one tensor's features, as arrays that detectors take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TensorReference:
    """What F features of a tensor looked like in `rows` rows.

    `edges` and `shares` [F, K]: values at or above an edge had that share among the finite
    ones; NaN where a feature has fewer edges, or is one of categories. `categories` [F, C]
    and `category_shares` are the values of categorical features, NaN where there are fewer.
    `missing` and `infinite` [F] are shares of all rows, `outside` of the finite values;
    `has_range` [F] tells where a range is known.
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
    has_range: Flags

    @property
    def is_categorical(self) -> Flags:
        """Which features are of categories."""
        return np.asarray(~np.isnan(self.categories).all(axis=1))

    @property
    def is_numeric(self) -> Flags:
        """Which features are of numbers that have edges."""
        return np.asarray(~np.isnan(self.edges).all(axis=1))
