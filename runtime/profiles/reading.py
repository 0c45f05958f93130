"""Rows from files: .npy, .npz, .csv and .parquet."""

from __future__ import annotations

import csv
import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import ProfileError

ABSENT = frozenset({"", "na", "n/a", "nan", "null", "none"})
"""What stands for no value in a CSV file, in lower case."""

Columns = dict[str, npt.NDArray[Any]]


def read_columns(path: Path) -> Columns:
    """Return a file's columns by name; a bare array is one of the name "x".

    .npy and .npz without pickles; .csv with a header line, columns of numbers as floats
    and others as text; .parquet through pyarrow. ProfileError says what is wrong.
    """
    readers = {".npy": from_npy, ".npz": from_npz, ".csv": from_csv,
               ".parquet": from_parquet}  # fmt: skip
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise ProfileError(f"{path.name}: only {', '.join(readers)} are read")
    try:
        return reader(path)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, csv.Error) as error:
        raise ProfileError(f"{path.name} cannot be read: {error}") from error


def from_npy(path: Path) -> Columns:
    """Return the one array of a .npy file."""
    return {"x": np.load(path, allow_pickle=False)}


def from_npz(path: Path) -> Columns:
    """Return the arrays of a .npz file."""
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def from_csv(path: Path) -> Columns:
    """Return the columns of a .csv file whose first line names them."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = csv.reader(file)
        names = next(lines, [])
        rows = [line for line in lines if line]
    if not names or len(set(names)) != len(names):
        raise ProfileError(f"{path.name} needs a first line with a name for each column")
    for number, row in enumerate(rows, 2):
        if len(row) != len(names):
            raise ProfileError(
                f"{path.name}: line {number} has {len(row)} values for {len(names)} columns"
            )
    if not rows:
        return {name: np.empty(0) for name in names}
    return {
        name: typed(list(column))
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    }


def typed(texts: list[str]) -> npt.NDArray[Any]:
    """Return a column as floats where every text is one or absent; else as text."""
    there = [None if text.strip().lower() in ABSENT else text for text in texts]
    try:
        return np.array([np.nan if t is None else float(t) for t in there], np.float64)
    except ValueError:
        return np.array(there, dtype=object)


def from_parquet(path: Path) -> Columns:
    """Return the columns of a .parquet file; needs pyarrow."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise ProfileError("reading .parquet needs pyarrow: pip install pyarrow") from error
    table = parquet.read_table(path)
    return {
        name: np.asarray(table.column(name).to_numpy(zero_copy_only=False))
        for name in table.column_names
    }
