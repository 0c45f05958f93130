"""What a tensor's profile has counted, as Python sees it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.uint64]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Category:
    """A whole number and how often it was there.

    The count is exact, or for values that are not known a lower bound.
    """

    value: int
    count: int
    is_known: bool


@dataclass(frozen=True, slots=True, eq=False)
class Profiled:
    """Counts and moments at one moment; an entry of each array per feature, read-only.

    Of finite values: `counts`, `mean`, `m2` (sum of squares about the mean), `min`, `max`
    (infinities of the wrong sign while there is no value). `below` and `above` are finite
    values outside the valid range; empty without one. `cumulative` is features x edges:
    finite values that are at least the edge. `histogram` is features x 64, or x 0.
    """

    rows: int
    counts: Counts
    nan: Counts
    positive_infinities: Counts
    negative_infinities: Counts
    mean: Values
    m2: Values
    min: Values
    max: Values
    below: Counts
    above: Counts
    cumulative: Counts
    histogram: Counts

    @property
    def missing(self) -> Counts:
        """Values that are no finite numbers."""
        return self.nan + self.positive_infinities + self.negative_infinities

    @property
    def variance(self) -> Values:
        """The mean squared distance from the mean; NaN without values."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.m2 / self.counts
