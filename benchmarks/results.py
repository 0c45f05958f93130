"""Rows of the table, and their files.

Each run writes `results/DATE-TIME.json`; `results/latest.json` keeps the last row of every
promise with the record of the machine it comes from. Both are written beside their place,
flushed to the disk and renamed, so a reader sees all of a file or the one before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from runtime.capacity.files import write_json as write_json
from runtime.statistics.intervals import Interval, Limit, Verdict, judge, show

FOLDER = Path(__file__).resolve().parent / "results"
LATEST = "latest.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One promise, what was measured of it, and the verdict.

    `beside` holds what others measured in the same run; `quoted` what was taken from a
    page; `blocks` every single measurement.
    """

    name: str
    promise: str
    unit: str
    limit: Limit
    figure: Interval
    beside: dict[str, Interval] = field(default_factory=dict)
    quoted: str = ""
    notes: dict[str, object] = field(default_factory=dict)
    blocks: list[dict[str, object]] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Whether the promise is kept."""
        return judge(self.figure, self.limit)

    def as_json(self) -> dict[str, object]:
        """Return everything, the verdict included, for a file."""
        return {**asdict(self), "verdict": self.verdict}


def figure_text(row: Row) -> str:
    """Write a row's figure with what stood beside it."""
    parts = [show(row.figure, row.unit)]
    parts += [f"{name}: {show(interval, '')}" for name, interval in row.beside.items()]
    if row.quoted:
        parts.append(f"quoted: {row.quoted}")
    return "; ".join(parts)


def table(rows: Sequence[Row]) -> str:
    """Return promise, figure and verdict in columns."""
    lines = [("promise", "verdict", "figure")]
    lines += [(row.promise, row.verdict, figure_text(row)) for row in rows]
    first, second = (max(len(line[i]) for line in lines) for i in (0, 1))
    return "\n".join(f"{a:{first}} | {b:{second}} | {c}" for a, b, c in lines)


def merge(
    latest: dict[str, object], rows: Sequence[Row], machine: dict[str, object], source: str
) -> dict[str, object]:
    """Return `latest` with these rows in the place of older ones of the same name."""
    about = {"from": source, "machine": machine}
    new = {row.name: {**about, **without_blocks(row)} for row in rows}
    return {**latest, **new}


def without_blocks(row: Row) -> dict[str, object]:
    """Return a row for reading, without its single measurements."""
    return {key: value for key, value in row.as_json().items() if key != "blocks"}


def save(rows: Sequence[Row], machine: dict[str, object], stamp: str, folder: Path) -> Path:
    """Write this run's file and bring `latest.json` up to date; returns the file."""
    path = folder / f"{stamp}.json"
    write_json(path, {"machine": machine, "rows": [row.as_json() for row in rows]})
    latest = folder / LATEST
    before = json.loads(latest.read_text()) if latest.exists() else {}
    write_json(latest, merge(before, rows, machine, path.name))
    return path
