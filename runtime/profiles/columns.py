"""Rows of any sort as named columns: arrays, dicts, Arrow tables, pandas frames.

Nothing of pyarrow or pandas is imported here: only who has such an object pays for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import ProfileError

Rows = Any
"""A 2-D array, a mapping of names to arrays, an Arrow table or a pandas frame."""

LABELS_AT_MOST = 4_096


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One feature's values.

    Numbers are floats of 64 bits, or of 32 where they came so; missing ones are NaN.
    Categories are codes of 64 bits (whole numbers as they are, text by `code_of`) with
    `labels` for text; missing ones are left out and counted in `missing`. `tensor` and
    `place` say where in a model's inputs the feature is.
    """

    name: str
    tensor: str
    place: int
    values: npt.NDArray[Any]
    is_categorical: bool = False
    missing: int = 0
    labels: Mapping[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows the column has, missing values included."""
        return len(self.values) + self.missing


def code_of(label: str) -> int:
    """Return a text's code: 64 bits of BLAKE2b, the same on every machine and day."""
    digest = hashlib.blake2b(label.encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(digest.digest(), "little", signed=True)


def columns_of(
    data: Rows, *, names: Sequence[str] = (), categorical: Iterable[str] = ()
) -> list[Column]:
    """Return the columns of `data`, in order; all have the same number of rows.

    Arrays with more than one value a row become a column for each, "x[3]". `names` are of
    a bare array's columns. Text, bool and those in `categorical` are categories.
    ProfileError says what cannot be: no rows' shape, other lengths, unknown names.
    """
    chosen = frozenset(categorical)
    found: list[Column] = []
    for name, values in arrays_of(data, names).items():
        found += split(name, values, chosen)
    if not found:
        raise ProfileError("the data has no columns")
    if names:
        found = [replace(c, tensor="x", place=i) for i, c in enumerate(found)]
    lengths = {column.rows for column in found}
    if len(lengths) > 1:
        parts = ", ".join(f"{c.name} has {c.rows}" for c in found[:5])
        raise ProfileError(f"columns must have the same number of rows; {parts}")
    unknown = sorted(chosen - {c.name for c in found} - {c.tensor for c in found})
    if unknown:
        raise ProfileError(f"there is no column {', '.join(unknown)} to be categorical")
    return found


def arrays_of(data: Rows, names: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Return named arrays, whatever the data is."""
    origin = type(data).__module__.partition(".")[0]
    if isinstance(data, Mapping):
        return {str(name): np.asarray(values) for name, values in data.items()}
    if origin == "pandas":
        return {str(name): plain(data[name]) for name in data.columns}
    if origin == "pyarrow":
        return {
            name: np.asarray(data.column(i).to_numpy(zero_copy_only=False))
            for i, name in enumerate(data.schema.names)
        }
    array = np.asarray(data)
    if array.ndim < 2:
        raise ProfileError(f"rows need an array of two dimensions, not {array.ndim}")
    width = int(np.prod(array.shape[1:]))
    if not names:
        return {"x": array}
    if len(names) != width or len(set(names)) != width:
        raise ProfileError(f"rows have {width} values; {len(set(names))} names were given")
    flat = array.reshape(len(array), width)
    return {name: flat[:, i] for i, name in enumerate(names)}


def plain(series: Rows) -> npt.NDArray[Any]:
    """Return a pandas column as numpy has it; its own missing value becomes None."""
    values: npt.NDArray[Any]
    if series.dtype.kind in "biuf" and isinstance(series.dtype, np.dtype):
        values = series.to_numpy()
    elif series.dtype.kind in "iuf":
        values = series.to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        values = series.astype(object).where(series.notna(), None).to_numpy()
    return values


def split(name: str, values: npt.NDArray[Any], categorical: frozenset[str]) -> list[Column]:
    """Return a column for each value of a row."""
    if values.ndim == 0:
        raise ProfileError(f"column {name} is one value; a column has one for each row")
    if values.ndim == 1:
        return [column_of(name, name, 0, values, name in categorical)]
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    chosen = {i for i in range(flat.shape[1]) if f"{name}[{i}]" in categorical}
    return [
        column_of(f"{name}[{i}]", name, i, flat[:, i], name in categorical or i in chosen)
        for i in range(flat.shape[1])
    ]


def column_of(
    name: str, tensor: str, place: int, values: npt.NDArray[Any], is_categorical: bool
) -> Column:
    """Return one column from an array of one dimension."""
    kind = values.dtype.kind
    if kind in "OSU":
        return text_column(name, tensor, place, values, is_categorical)
    if kind == "b" or (kind in "iu" and is_categorical):
        return Column(name, tensor, place, values.astype(np.int64), is_categorical=True)
    if is_categorical and kind == "f":
        return whole_column(name, tensor, place, values)
    if kind in "iuf":
        narrow = values.dtype == np.float32
        return Column(name, tensor, place, values if narrow else values.astype(np.float64))
    raise ProfileError(f"column {name} has values of {values.dtype}, which are no numbers")


def whole_column(name: str, tensor: str, place: int, values: npt.NDArray[Any]) -> Column:
    """Return floats that are whole numbers as categories."""
    there = values[np.isfinite(values)]
    if np.any(there != np.round(there)) or np.any(np.abs(there) > 2.0**53):
        raise ProfileError(f"column {name} is categorical, but not of whole numbers")
    missing = len(values) - len(there)
    codes = there.astype(np.int64)
    return Column(name, tensor, place, codes, is_categorical=True, missing=missing)


def text_column(
    name: str, tensor: str, place: int, values: npt.NDArray[Any], is_categorical: bool
) -> Column:
    """Return objects as categories by their text, or as numbers where all of them are."""
    there = [value for value in values.tolist() if not is_missing(value)]
    if there and not is_categorical and all(is_number(value) for value in there):
        numbers = [np.nan if is_missing(value) else value for value in values.tolist()]
        return Column(name, tensor, place, np.array(numbers, np.float64))
    codes: dict[str, int] = {}
    found = np.empty(len(there), np.int64)
    for i, value in enumerate(there):
        label = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        if label not in codes:
            codes[label] = code_of(label)
        found[i] = codes[label]
    labels = {code: label for label, code in list(codes.items())[:LABELS_AT_MOST]}
    return Column(
        name, tensor, place, found, is_categorical=True, missing=len(values) - len(there),
        labels=labels,
    )  # fmt: skip


def is_missing(value: object) -> bool:
    """Tell whether an object stands for no value: None, or a NaN of any sort."""
    return value is None or value != value


def is_number(value: object) -> bool:
    """Tell whether an object is a number, and no bool."""
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
