"""Named features with their live statistics: made of rows, merged, kept as bytes.

Works without a server. All numeric features of a batch are added by one call into C++; text
becomes categories by a stable hash. What is counted does not depend on how rows are cut
into batches or which profiles were merged first.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import ProfileError
from runtime.native.stats import TensorProfile
from runtime.profiles.columns import LABELS_AT_MOST, Column, Rows, columns_of

MAGIC = b"LBPP\x01"
SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
TOP = 20


@dataclass(frozen=True, slots=True)
class FeatureSummary:
    """One feature in figures; what is not counted of its kind is NaN or empty.

    `missing` are values that are no finite numbers (of text: that are absent). Quantiles
    are by share, to 1.6 % of themselves. `top` are the most frequent values with counts,
    which are lower bounds where there were more than 128 different ones.
    """

    name: str
    is_categorical: bool
    rows: int
    missing: int
    mean: float = np.nan
    std: float = np.nan
    min: float = np.nan
    max: float = np.nan
    quantiles: dict[float, float] = field(default_factory=dict)
    distinct: float = np.nan
    top: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Categorical:
    """A feature of categories: their counts, how many were missing, what codes mean."""

    name: str
    profile: TensorProfile
    missing: int = 0
    labels: dict[int, str] = field(default_factory=dict)

    def add(self, column: Column) -> None:
        """Add a column's values."""
        self.profile.add(np.ascontiguousarray(column.values, np.int64))
        self.missing += column.missing
        self.learn(dict(column.labels))

    def learn(self, labels: dict[int, str]) -> None:
        """Keep what codes mean, of so many as are kept."""
        room = LABELS_AT_MOST - len(self.labels)
        unseen = [item for item in labels.items() if item[0] not in self.labels]
        self.labels.update(unseen[: max(0, room)])


class Profile:
    """Named features with their live statistics.

    The features are those of the first rows; later ones must have the same, in any order.
    Not safe for several threads at once.
    """

    def __init__(
        self, data: Rows | None = None, *, names: Sequence[str] = (),
        categorical: Iterable[str] = (),
    ) -> None:  # fmt: skip
        self._names = tuple(names)
        self._chosen = tuple(categorical)
        self._order: tuple[str, ...] = ()
        self._numeric: tuple[str, ...] = ()
        self._numbers: TensorProfile | None = None
        self._categories: dict[str, Categorical] = {}
        self._rows = 0
        if data is not None:
            self.add(data)

    @property
    def rows(self) -> int:
        """How many rows were added."""
        return self._rows

    @property
    def features(self) -> tuple[str, ...]:
        """The features' names, in the order of the first rows."""
        return self._order

    def add(self, data: Rows) -> None:
        """Add rows: a 2-D array, a dict of columns, an Arrow table or a pandas frame.

        ProfileError when the columns are not those of the rows before; nothing is added.
        """
        columns = columns_of(data, names=self._names, categorical=self._chosen)
        if not self._order:
            self._begin(columns)
        by_name = {column.name: column for column in columns}
        self._check(by_name)
        if self._numbers is not None:
            self._numbers.add(self._packed(by_name))
        for name, category in self._categories.items():
            category.add(by_name[name])
        self._rows += columns[0].rows

    def _begin(self, columns: Sequence[Column]) -> None:
        numeric = [column for column in columns if not column.is_categorical]
        self._order = tuple(column.name for column in columns)
        self._numeric = tuple(column.name for column in numeric)
        if numeric:
            narrow = all(column.values.dtype == np.float32 for column in numeric)
            kind = "float32" if narrow else "float64"
            self._numbers = TensorProfile(kind, len(numeric), quantiles=True)
        self._categories = {
            column.name: Categorical(column.name, category_profile())
            for column in columns
            if column.is_categorical
        }

    def _check(self, by_name: dict[str, Column]) -> None:
        if set(by_name) != set(self._order):
            missing = sorted(set(self._order) - set(by_name))
            more = sorted(set(by_name) - set(self._order))
            raise ProfileError(f"wrong columns: missing {missing}, not expected {more}")
        for name, column in by_name.items():
            if column.is_categorical != (name in self._categories):
                was = "categories" if name in self._categories else "numbers"
                raise ProfileError(f"column {name} had {was} before and has not now")
            narrow = self._kind() == "float32" and not column.is_categorical
            if narrow and column.values.dtype != np.float32:
                raise ProfileError(
                    f"column {name} had floats of 32 bits before; convert it"
                )

    def _packed(self, by_name: dict[str, Column]) -> npt.NDArray[Any]:
        assert self._numbers is not None
        columns = [by_name[name].values for name in self._numeric]
        dtype = np.dtype(self._numbers.kind)
        whole = common_base(columns)
        if whole is None or whole.dtype != dtype:
            whole = np.stack(columns, axis=1).astype(dtype, copy=False)
        return np.ascontiguousarray(whole)

    def merge(self, other: Profile) -> None:
        """Add what another profile has counted; ProfileError when its features differ."""
        if not other._order:
            return
        if not self._order:
            self._copy(other)
            return
        same = self._order == other._order and self._numeric == other._numeric
        if not same or self._kind() != other._kind():
            raise ProfileError("profiles of different features do not merge")
        if self._numbers is not None and other._numbers is not None:
            self._numbers.merge(other._numbers)
        for name, category in self._categories.items():
            its = other._categories[name]
            category.profile.merge(its.profile)
            category.missing += its.missing
            category.learn(its.labels)
        self._rows += other._rows

    def _kind(self) -> str:
        return self._numbers.kind if self._numbers is not None else ""

    def _copy(self, other: Profile) -> None:
        copy = Profile.from_bytes(other.to_bytes())
        self._order, self._numeric = copy._order, copy._numeric
        self._numbers, self._categories = copy._numbers, copy._categories
        self._rows = copy._rows

    def to_bytes(self) -> bytes:
        """Return everything, with a version, for from_bytes."""
        parts = [self._numbers.to_bytes()] if self._numbers is not None else []
        parts += [category.profile.to_bytes() for category in self._categories.values()]
        head = {
            "order": self._order,
            "numeric": self._numeric,
            "rows": self._rows,
            "sizes": [len(part) for part in parts],
            "categories": [
                {"name": c.name, "missing": c.missing,
                 "labels": {str(code): label for code, label in c.labels.items()}}
                for c in self._categories.values()
            ],
        }  # fmt: skip
        text = json.dumps(head, ensure_ascii=False).encode("utf-8", "surrogatepass")
        return b"".join([MAGIC, struct.pack("<I", len(text)), text, *parts])

    @classmethod
    def from_bytes(cls, data: bytes) -> Profile:
        """Return what to_bytes wrote; ProfileError for anything else."""
        try:
            return cls._parsed(data)
        except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
            raise ProfileError(f"these bytes are no profile: {error}") from error

    @classmethod
    def _parsed(cls, data: bytes) -> Profile:
        if not data.startswith(MAGIC):
            raise ProfileError("these bytes are no profile of a version that is known")
        at = len(MAGIC) + 4
        size = struct.unpack("<I", data[len(MAGIC) : at])[0]
        head = json.loads(data[at : at + size].decode("utf-8", "surrogatepass"))
        at += size
        if sum(head["sizes"]) != len(data) - at or min(head["sizes"], default=0) < 0:
            raise ProfileError("these bytes are no profile: their length is wrong")
        parts = []
        for size in head["sizes"]:
            parts.append(TensorProfile.from_bytes(data[at : at + size]))
            at += size
        profile = cls()
        profile._order, profile._numeric = tuple(head["order"]), tuple(head["numeric"])
        profile._numbers = parts.pop(0) if profile._numeric else None
        profile._rows = int(head["rows"])
        for about, part in zip(head["categories"], parts, strict=True):
            labels = {int(code): str(label) for code, label in about["labels"].items()}
            category = Categorical(about["name"], part, int(about["missing"]), labels)
            profile._categories[category.name] = category
        profile._agree()
        return profile

    def _agree(self) -> None:
        wide = self._numbers.features if self._numbers is not None else 0
        whole = set(self._numeric) | set(self._categories)
        rows = self._numbers.rows if self._numbers is not None else self._rows
        rows_agree = rows == self._rows and all(
            c.profile.rows + c.missing == self._rows for c in self._categories.values()
        )
        if wide != len(self._numeric) or whole != set(self._order) or not rows_agree:
            raise ProfileError("these bytes are no profile: features and parts differ")

    def summary(self) -> dict[str, FeatureSummary]:
        """Return every feature in figures, by name, in order."""
        found = {name: self._categorical(c) for name, c in self._categories.items()}
        if self._numbers is not None:
            found |= numeric_summaries(self._numeric, self._numbers)
        return {name: found[name] for name in self._order}

    def _categorical(self, category: Categorical) -> FeatureSummary:
        top, _rest, _error = category.profile.categories(0)
        return FeatureSummary(
            category.name, True, self._rows, category.missing,
            distinct=category.profile.distinct(0),
            top={category.labels.get(c.value, str(c.value)): c.count for c in top[:TOP]},
        )  # fmt: skip


def common_base(columns: Sequence[npt.NDArray[Any]]) -> npt.NDArray[Any] | None:
    """Return the array whose columns these are, in order and all of them, or None."""
    base = columns[0].base
    if base is None or base.shape != (len(columns[0]), len(columns)):
        return None
    step = base.strides[1]
    is_whole = all(
        column.base is base and column.ctypes.data == base.ctypes.data + i * step
        for i, column in enumerate(columns)
    )
    return base if is_whole else None


def category_profile() -> TensorProfile:
    """Return an empty profile of one feature of categories."""
    return TensorProfile("int64", 1, categories=True)


def numeric_summaries(
    names: Sequence[str], profile: TensorProfile
) -> dict[str, FeatureSummary]:
    """Return numeric features in figures; NaN where there was no finite value."""
    read = profile.read()
    std = np.sqrt(read.variance)
    found = {}
    for i, name in enumerate(names):
        none = read.counts[i] == 0
        low, high = (np.nan, np.nan) if none else (float(read.min[i]), float(read.max[i]))
        found[name] = FeatureSummary(
            name, False, read.rows, int(read.missing[i]),
            np.nan if none else float(read.mean[i]), float(std[i]), low, high,
            {share: profile.quantile(i, share) for share in SHARES},
        )  # fmt: skip
    return found
