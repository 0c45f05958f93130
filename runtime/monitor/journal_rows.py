"""Questions to a journal's tables, and what their rows mean."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, Select, func, select

from runtime.monitor.journal_tables import pairs, predictions, unpacked, waiting
from runtime.monitor.labels import Value
from runtime.monitor.predictions import Values

OF_PREDICTION = pairs.c.prediction == predictions.c.seq


@dataclass(frozen=True, slots=True)
class Pair:
    """A prediction and its label; `seq` is greater than that of every earlier pair."""

    seq: int
    model: str
    version: int
    request_id: str
    row: int
    time_s: float
    outputs: Mapping[str, Values]
    groups: Mapping[str, str]
    value: Value


@dataclass(frozen=True, slots=True)
class Journalled:
    """A prediction as the journal knows it, and whether it has its label."""

    time_s: float
    outputs: Mapping[str, Values]
    groups: Mapping[str, str]
    is_labelled: bool


def value_of(number: float | None, text: str | None) -> Value | None:
    """Return a label's value from its two columns."""
    return text if number is None else float(number)


def columns_of(value: Value) -> dict[str, Any]:
    """Return the two columns of a label's value."""
    is_text = isinstance(value, str)
    return {"number": None if is_text else value, "text": value if is_text else None}


def pair_of(row: Row[Any]) -> Pair:
    """Return what a row of `next_pairs` means."""
    return Pair(
        row.pair,
        row.model,
        row.version,
        row.request_id,
        row.row,
        row.time_s,
        unpacked(row.outputs),
        json.loads(row.groups),
        row.text if row.number is None else float(row.number),
    )


def journalled_of(row: Row[Any]) -> Journalled:
    """Return what a row of `matured` means."""
    return Journalled(
        row.time_s, unpacked(row.outputs), json.loads(row.groups), bool(row.is_labelled)
    )


def next_pairs(model: str, after: int, limit: int) -> Select[Any]:
    """Ask for pairs of a model after another, in order of `seq`."""
    return (
        select(pairs.c.seq.label("pair"), pairs.c.number, pairs.c.text, predictions)
        .join_from(pairs, predictions, OF_PREDICTION)
        .where(pairs.c.model == model, pairs.c.seq > after)
        .order_by(pairs.c.seq)
        .limit(limit)
    )


def matured(model: str, version: int, before_s: float, limit: int) -> Select[Any]:
    """Ask for the newest predictions up to a time, newest first."""
    is_labelled = pairs.c.seq.is_not(None)
    return (
        select(predictions, is_labelled.label("is_labelled"))
        .join_from(predictions, pairs, OF_PREDICTION, isouter=True)
        .where(predictions.c.model == model, predictions.c.version == version)
        .where(predictions.c.time_s <= before_s)
        .order_by(predictions.c.time_s.desc(), predictions.c.seq.desc())
        .limit(limit)
    )


def oldest_open(model: str, version: int, after_s: float) -> Select[Any]:
    """Ask for the time of the oldest prediction after another without a label."""
    return (
        select(func.min(predictions.c.time_s))
        .join_from(predictions, pairs, OF_PREDICTION, isouter=True)
        .where(predictions.c.model == model, predictions.c.version == version)
        .where(predictions.c.time_s > after_s, pairs.c.seq.is_(None))
    )


def of_predictions(model: str, ids: list[str]) -> Select[Any]:
    """Ask for predictions of some requests, with their labels."""
    seen = predictions.c
    return (
        select(
            seen.seq, seen.request_id, seen.row, seen.time_s, pairs.c.number, pairs.c.text
        )
        .join_from(predictions, pairs, OF_PREDICTION, isouter=True)
        .where(seen.model == model, seen.request_id.in_(ids))
    )


def of_waiting(model: str, ids: list[str]) -> Select[Any]:
    """Ask for labels of some requests that wait."""
    columns = (waiting.c.request_id, waiting.c.row, waiting.c.number, waiting.c.text)
    return select(*columns).where(waiting.c.model == model, waiting.c.request_id.in_(ids))
