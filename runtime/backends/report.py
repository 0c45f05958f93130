"""What a model's worker found out before it served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the gate that was passed: how long it took and what it found."""

    name: str
    seconds: float
    found: str


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What the gate found.

    `batchable` is true when batching is proven; otherwise the model must be served with a
    max batch size of 0. `run_us` is the time of one warm run of one row, 0 when unwarmed.
    `max_rows` is the largest batch that was asked for and that the file takes.
    `best_rows` is the batch size that the model runs best, 0 when it was not measured.
    `times_us` are microseconds of CPU of a batch by its rows. `memory_bytes` is what the
    worker's own memory grew by, weights and largest batch included; `peak_bytes` is the
    most that it had grown by while the model was loaded. `digest` is the SHA-256 of the
    model file in hexadecimal digits.
    """

    batchable: bool
    warmed: bool
    notes: tuple[str, ...] = ()
    run_us: float = 0.0
    max_rows: int = 0
    best_rows: int = 0
    digest: str = ""
    file_bytes: int = 0
    memory_bytes: int = 0
    times_us: tuple[tuple[int, float], ...] = ()
    steps: tuple[Step, ...] = ()
    peak_bytes: int = 0


def report_from(message: Mapping[str, Any]) -> LoadReport:
    """Return the report whose `dataclasses.asdict` came through JSON.

    What it does not say, as one of an older version, is as if nothing had been found.
    """
    return LoadReport(
        **dict(message)
        | {
            "notes": tuple(message.get("notes", ())),
            "times_us": tuple((rows, us) for rows, us in message.get("times_us", ())),
            "steps": tuple(Step(**step) for step in message.get("steps", ())),
        }
    )
