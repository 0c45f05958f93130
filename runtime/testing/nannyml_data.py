"""The data sets that lie in nannyml's wheel, as numpy columns; nannyml is not installed.

A wheel is a zip file: its tables are read out of it. Text columns are arrays of `str`,
columns of numbers float64 (empty cells NaN), of True and False bool. Three of the tables
are parquet and need pyarrow.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from runtime.errors import MeasurementError

VERSION = "0.13.1"
WHEEL = f"nannyml-{VERSION}-py3-none-any.whl"
FOLDER = "nannyml/datasets/data"
DOWNLOAD_S = 300.0

Column = npt.NDArray[Any]
Columns = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class DataSet:
    """Three tables in time order: with labels, without them, and those labels."""

    reference: Columns
    analysis: Columns
    labels: Columns


def find_wheel(cache: Path) -> Path:
    """Return the wheel in a folder, downloaded by pip when it is not there.

    Raises MeasurementError where pip cannot fetch it: without a network, for example.
    """
    wheel = cache / WHEEL
    if wheel.exists():
        return wheel
    cache.mkdir(parents=True, exist_ok=True)
    wanted = ["--no-deps", "--quiet", "--dest", str(cache), f"nannyml=={VERSION}"]
    command = [sys.executable, "-m", "pip", "download", *wanted]
    try:
        subprocess.run(
            command, check=True, capture_output=True, text=True, timeout=DOWNLOAD_S
        )
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", "") or str(error)).strip().splitlines()
        why = said[-1] if said else "pip said nothing"
        raise MeasurementError(
            f"{WHEEL} is neither in {cache} nor to be had: {why}"
        ) from error
    return wheel


def car_loan(wheel: Path) -> DataSet:
    """Return 50,000 and 50,000 synthetic loans, label `repaid`; drift from row 25,000."""
    name = "synthetic_car_loan"
    return DataSet(
        table(wheel, f"{name}_reference.csv"),
        table(wheel, f"{name}_analysis.csv"),
        table(wheel, f"{name}_analysis_target.csv"),
    )


def california_housing(wheel: Path) -> DataSet:
    """Return 5,832 and 8,232 districts of California, label `clf_target`.

    They are sorted by place: in this order they are no stream of any time.
    """
    name = "california_housing"
    return DataSet(
        table(wheel, f"{name}_reference.csv"),
        table(wheel, f"{name}_analysis.csv"),
        table(wheel, f"{name}_analysis_gt.csv"),
    )


def census(wheel: Path) -> DataSet:
    """Return 68,785 and 208,892 answers about work in Massachusetts; needs pyarrow."""
    return DataSet(
        table(wheel, "employment_MA_reference.pq"),
        table(wheel, "employment_MA_analysis.pq"),
        table(wheel, "employment_MA_analysis_target.pq"),
    )


def table(wheel: Path, name: str) -> Columns:
    """Return one file of the wheel by column; raises MeasurementError for none."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(f"{FOLDER}/{name}")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise MeasurementError(f"{wheel.name} gives no {name}: {error}") from error
    return read_parquet(content) if name.endswith(".pq") else read_csv(content)


def read_csv(content: bytes) -> Columns:
    """Return a table with a line of names, by column."""
    rows = csv.reader(io.StringIO(content.decode(), newline=""))
    names = next(rows)
    cells = zip(*rows, strict=True)
    return {name: typed(list(column)) for name, column in zip(names, cells, strict=True)}


def read_parquet(content: bytes) -> Columns:
    """Return a parquet table by column."""
    read: Any = import_module("pyarrow.parquet").read_table
    found: Any = read(io.BytesIO(content))
    return {
        name: column.to_numpy()
        for name, column in zip(found.column_names, found.columns, strict=True)
    }


def typed(cells: list[str]) -> Column:
    """Return cells as flags, numbers or text, whichever fits all of them.

    Examples
    --------
    >>> typed(["1", "", "2.5"]).tolist()
    [1.0, nan, 2.5]
    >>> typed(["True", "False"]).tolist(), typed(["1 day", "2"]).tolist()
    ([True, False], ['1 day', '2'])
    """
    text = np.asarray(cells)
    if np.isin(text, ("True", "False")).all():
        return np.asarray(text == "True")
    try:
        return np.where(text == "", "nan", text).astype(np.float64)
    except ValueError:
        return text
