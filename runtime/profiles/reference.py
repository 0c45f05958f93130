"""What features looked like when all was well: edges, shares, moments, categories.

A reference is kept as canonical JSON, so that its SHA-256 (`digest`) names it: a manifest
holds these bytes, and every alarm says the digest of what it compared with.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import ProfileError
from runtime.native.profile_options import CATEGORIES_AT_MOST, EDGES_AT_MOST
from runtime.profiles.columns import Column, Rows, columns_of

VERSION = 1
EDGES = 10
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ReferenceCategory:
    """A category: its code (a whole number, or the hash of a text), label and share.

    The share is of the values that were there; `count` is how many.
    """

    code: int
    label: str
    count: int
    share: float


@dataclass(frozen=True, slots=True, eq=False)
class FeatureReference:
    """What one feature looked like.

    `tensor` and `place` say where it is in a model's inputs. `rows` counts all values,
    `finite` those that were there and are finite numbers. `edges` ascend strictly, and
    `below` has the share of finite values under each: F0 of "value < edge". `low` and
    `high` are the valid range: as given, or the least and the greatest value. Categorical
    features have `categories` by falling share, at most 128; `rest` is the share of others.
    """

    name: str
    tensor: str
    place: int
    is_categorical: bool
    rows: int
    finite: int
    edges: Values
    below: Values
    mean: float = math.nan
    std: float = math.nan
    low: float = math.nan
    high: float = math.nan
    range_is_given: bool = False
    quantiles: Mapping[float, float] = field(default_factory=dict)
    categories: tuple[ReferenceCategory, ...] = ()
    rest: float = 0.0

    @property
    def missing_rate(self) -> float:
        """The share of values that were absent or no finite numbers."""
        return 1.0 - self.finite / self.rows

    @property
    def kind(self) -> str:
        """Either "categorical" or "numeric"."""
        return "categorical" if self.is_categorical else "numeric"


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What live features are held to."""

    features: tuple[FeatureReference, ...]
    rows: int
    digest: str = ""

    @classmethod
    def from_rows(
        cls,
        data: Rows,
        *,
        names: Sequence[str] = (),
        categorical: Iterable[str] = (),
        edges: int = EDGES,
        ranges: Mapping[str, tuple[float, float]] | None = None,
    ) -> Reference:
        """Return the reference of some rows: a 2-D array, columns, a table or a frame.

        `edges` quantiles are taken of each feature (1 to 32); those that are the same in
        discrete data are one. `ranges` give what is valid, by feature. ProfileError when
        there are no rows, a column without a finite value, or a range of no column.
        """
        if not 1 <= edges <= EDGES_AT_MOST - 1:
            raise ProfileError(
                f"a reference has 1 to {EDGES_AT_MOST - 1} edges per feature"
            )
        columns = columns_of(data, names=names, categorical=categorical)
        if columns[0].rows == 0:
            raise ProfileError("a reference needs rows; there are none")
        given = dict(ranges or {})
        unknown = sorted(set(given) - {column.name for column in columns})
        if unknown:
            raise ProfileError(
                f"ranges are given for {', '.join(unknown)}: no such columns"
            )
        found = [feature_of(c, edges, given.get(c.name)) for c in columns]
        return cls(tuple(found), columns[0].rows).sealed()

    def sealed(self) -> Reference:
        """Return the same with its digest."""
        digest = hashlib.sha256(self.to_bytes()).hexdigest()
        return Reference(self.features, self.rows, digest)

    def feature(self, name: str) -> FeatureReference:
        """Return a feature by name; ProfileError when there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise ProfileError(f"the reference has no feature {name}")

    def to_bytes(self) -> bytes:
        """Return canonical JSON: the same reference is the same bytes."""
        features = [feature_json(feature) for feature in self.features]
        whole = {"version": VERSION, "rows": self.rows, "features": features}
        text = json.dumps(
            whole, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True
        )
        return text.encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Reference:
        """Return what to_bytes wrote; ProfileError for anything else."""
        try:
            whole = json.loads(data)
            if whole["version"] != VERSION:
                raise ProfileError(
                    f"reference of version {whole['version']}; not read here"
                )
            features = tuple(feature_from(entry) for entry in whole["features"])
            rows = int(whole["rows"])
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ProfileError(f"these bytes are no reference: {error!r}") from error
        for feature in features:
            check(feature, rows)
        if not features:
            raise ProfileError("the reference has no features")
        return cls(features, rows).sealed()


def feature_of(
    column: Column, edges: int, given: tuple[float, float] | None
) -> FeatureReference:
    """Return the reference of one column."""
    values = column.values.astype(np.float64)
    finite = values[np.isfinite(values)]
    if len(finite) == 0:
        raise ProfileError(f"column {column.name} has no finite value to refer to")
    low, high = (float(finite.min()), float(finite.max()))
    if given is not None:
        low, high = (float(given[0]), float(given[1]))
        if not low <= high:
            raise ProfileError(f"the range of {column.name} is not in order")
    if column.is_categorical:
        return categorical_feature(column, edges, (low, high), given is not None)
    places = edges_of(finite, edges)
    quantiles = np.quantile(finite, SHARES, method="inverted_cdf")
    with np.errstate(over="ignore"):
        mean, std = float(finite.mean()), float(finite.std())
    return FeatureReference(
        column.name, column.tensor, column.place, False, column.rows, len(finite),
        places, share_below(finite, places), mean, std, low, high, given is not None,
        dict(zip(SHARES, map(float, quantiles), strict=True)),
    )  # fmt: skip


def categorical_feature(
    column: Column, edges: int, bounds: tuple[float, float], is_given: bool
) -> FeatureReference:
    """Return the reference of categories; of whole numbers there are edges as well."""
    codes, counts = np.unique(column.values, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:CATEGORIES_AT_MOST]
    total = len(column.values)
    categories = tuple(
        ReferenceCategory(
            int(codes[i]), column.labels.get(int(codes[i]), str(int(codes[i]))),
            int(counts[i]), float(counts[i] / total),
        )
        for i in order
    )  # fmt: skip
    is_text = bool(column.labels)
    values = column.values.astype(np.float64)
    places = np.empty(0) if is_text else edges_of(values, edges)
    low, high = (math.nan, math.nan) if is_text and not is_given else bounds
    return FeatureReference(
        column.name, column.tensor, column.place, True, column.rows, total,
        places, share_below(values, places), low=low, high=high, range_is_given=is_given,
        categories=categories,
        rest=max(0.0, 1.0 - sum(c.count for c in categories) / total),
    )  # fmt: skip


def edges_of(finite: Values, count: int) -> Values:
    """Return ascending edges at quantiles of the data, the same ones once.

    All edges are values of the data, so that discrete data is cut where it has values. An
    edge with nothing below it says nothing; of a constant the edges are itself and what
    comes next, so that a value on either side is seen.
    """
    different = np.unique(finite)
    if len(different) == 1:
        with np.errstate(over="ignore"):
            after = np.nextafter(different[0], np.inf)
        return np.array([different[0], after] if np.isfinite(after) else different)
    if len(different) - 1 <= count:
        return different[1:]
    shares = np.arange(1, count + 1) / (count + 1)
    edges = np.unique(np.quantile(finite, shares, method="inverted_cdf"))
    kept = edges[edges > different[0]]
    return kept if len(kept) else different[1:2]


def share_below(finite: Values, edges: Values) -> Values:
    """Return the share of values below each edge."""
    ordered = np.sort(finite)
    return np.searchsorted(ordered, edges, side="left") / len(ordered)


def number(value: float) -> float | None:
    """Return a number as JSON has it: null where there is none, or an infinite one."""
    return float(value) if math.isfinite(value) else None


def back(value: float | None) -> float:
    """Return what `number` wrote."""
    return math.nan if value is None else float(value)


def feature_json(feature: FeatureReference) -> dict[str, Any]:
    """Return a feature as JSON has it."""
    return {
        "name": feature.name,
        "tensor": feature.tensor,
        "place": feature.place,
        "kind": feature.kind,
        "rows": feature.rows,
        "finite": feature.finite,
        "edges": feature.edges.tolist(),
        "below": feature.below.tolist(),
        "mean": number(feature.mean),
        "std": number(feature.std),
        "low": number(feature.low),
        "high": number(feature.high),
        "range_is_given": feature.range_is_given,
        "quantiles": [[share, value] for share, value in feature.quantiles.items()],
        "categories": [[c.code, c.label, c.count] for c in feature.categories],
    }


def feature_from(entry: Mapping[str, Any]) -> FeatureReference:
    """Return a feature from JSON."""
    finite = int(entry["finite"])
    categories = tuple(
        ReferenceCategory(int(code), str(label), int(count), int(count) / finite)
        for code, label, count in entry["categories"]
    )
    is_categorical = {"numeric": False, "categorical": True}[entry["kind"]]
    counted = sum(category.count for category in categories)
    return FeatureReference(
        str(entry["name"]), str(entry["tensor"]), int(entry["place"]), is_categorical,
        int(entry["rows"]), finite,
        np.array(entry["edges"], np.float64), np.array(entry["below"], np.float64),
        back(entry["mean"]), back(entry["std"]), back(entry["low"]), back(entry["high"]),
        bool(entry["range_is_given"]),
        {float(share): float(value) for share, value in entry["quantiles"]},
        categories, max(0.0, 1.0 - counted / finite) if is_categorical else 0.0,
    )  # fmt: skip


def check(feature: FeatureReference, rows: int) -> None:
    """Raise ProfileError unless a feature that was read can have been counted."""
    edges, below = feature.edges, feature.below
    fits = (
        edges.shape == below.shape
        and edges.ndim == 1
        and len(edges) <= EDGES_AT_MOST
        and bool(np.all(np.isfinite(edges)) and np.all(np.diff(edges) > 0))
        and bool(np.all((below >= 0) & (below <= 1)) and np.all(np.diff(below) >= 0))
    )
    if not fits:
        raise ProfileError(f"the edges of feature {feature.name} cannot be")
    counted = sum(category.count for category in feature.categories)
    if feature.rows != rows or not 0 < feature.finite <= rows or counted > feature.finite:
        raise ProfileError(f"the counts of feature {feature.name} cannot be")
