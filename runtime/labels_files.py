"""Labels in a file: CSV, JSON lines or Parquet, read a row at a time.

Columns are `request_id`, `value` (or `label`), and where needed `row` (0), `model` and
`time` (Unix seconds, or a date and time of ISO 8601; UTC where it says no zone). A value
that reads as a number is one. Other columns are left alone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from runtime.errors import ConfigError
from runtime.printable import escaped

CSV, JSONL, PARQUET = "csv", "jsonl", "parquet"
KINDS = {
    ".csv": CSV,
    ".jsonl": JSONL,
    ".ndjson": JSONL,
    ".parquet": PARQUET,
    ".pq": PARQUET,
}
VALUES = ("value", "label")
MOST_ROW = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FileLabel:
    """A label of a file, and the line (or row, from 1) that it stands on."""

    line: int
    model: str
    request_id: str
    row: int
    value: float | str
    time_s: float | None


def kind_of(path: Path, kind: str = "") -> str:
    """Return how a file is written: as said, or by its ending; raises ConfigError."""
    found = kind or KINDS.get(path.suffix.lower(), "")
    if found not in (CSV, JSONL, PARQUET):
        raise ConfigError(
            f"{path.name} is not known by its ending; say --format {CSV}, {JSONL} or "
            f"{PARQUET}"
        )
    return found


def read_labels(path: Path, kind: str, model: str, texts: bool) -> Iterator[FileLabel]:
    """Yield the labels of a file; raises ConfigError that names the line.

    `model` stands where a row names none; `texts` keeps values as they are written.
    """
    rows = {CSV: csv_rows, JSONL: json_rows, PARQUET: parquet_rows}[kind]
    try:
        for line, row in rows(path):
            try:
                yield label_of(line, row, model, texts)
            except (ValueError, TypeError, OverflowError) as error:
                where = f"{path.name}, line {line}"
                raise ConfigError(f"{where}: {escaped(str(error))}") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not text in UTF-8: {error.reason}") from error


def csv_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield lines of a CSV file by the names of its first line."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        for row in reader:
            yield reader.line_num, row


def json_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the objects of a file that has one on each line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                where = f"{path.name}, line {number}"
                raise ConfigError(f"{where} is no JSON: {error.msg}") from error
            if not isinstance(row, dict):
                raise ConfigError(f"{path.name}, line {number} is no object")
            yield number, row


def parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the rows of a parquet file, counted from 1."""
    try:
        module: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise ConfigError(f"{path.name} is parquet; install pyarrow to read it") from error
    try:
        file = module.ParquetFile(path)
        number = 0
        for batch in file.iter_batches():
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except ValueError as error:  # Of which pyarrow's own error is a kind.
        raise ConfigError(f"{path.name} is no parquet file: {error}") from error


def label_of(line: int, row: Mapping[str, Any], model: str, texts: bool) -> FileLabel:
    """Return the label of a row; raises ValueError."""
    named = text_of(row.get("model")) or model
    request_id = text_of(row.get("request_id"))
    if not named:
        raise ValueError("no model is named; add a column 'model', or say --model")
    if not request_id:
        raise ValueError("no request is named; there must be a column 'request_id'")
    given = next((row[name] for name in VALUES if row.get(name) not in (None, "")), None)
    if given is None:
        raise ValueError("no value is there; there must be a column 'value' or 'label'")
    for each in (named, request_id, str(given)):
        each.encode()  # Halves of characters are UnicodeEncodeError, a ValueError.
    place = row.get("row")
    number = 0 if place in (None, "") else int(place)
    if abs(number) > MOST_ROW:
        raise ValueError(f"the row {number} is not between 0 and {MOST_ROW}")
    return FileLabel(
        line, named, request_id, number, value_of(given, texts), time_of(row.get("time"))
    )


def text_of(given: object) -> str:
    """Return a cell as text; empty for none."""
    return "" if given is None else str(given)


def value_of(given: object, texts: bool) -> float | str:
    """Return a label's value: a number where it reads as one.

    Examples
    --------
    >>> value_of("1", False), value_of("1", True), value_of(True, False)
    (1.0, '1', 1.0)
    """
    if texts:
        return str(given)
    try:
        return float(given) if isinstance(given, int | float) else float(str(given))
    except ValueError:
        return str(given)


def time_of(given: object) -> float | None:
    """Return a time in seconds since 1970; raises ValueError for what is none.

    Examples
    --------
    >>> time_of("1970-01-02"), time_of("60.5"), time_of("")
    (86400.0, 60.5, None)
    """
    if given is None or given == "":
        return None
    if isinstance(given, int | float):
        return float(given)
    found = given if isinstance(given, datetime) else None
    try:
        return float(str(given)) if found is None else aware(found).timestamp()
    except ValueError:
        return aware(datetime.fromisoformat(str(given))).timestamp()


def aware(time: datetime) -> datetime:
    """Return a time that knows its zone: UTC where it knew none."""
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time
