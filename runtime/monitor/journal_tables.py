"""The tables of a prediction journal, and how a row's outputs are written down.

`prediction` has one row for each journalled row of a request, `waiting` the labels whose
prediction has not come yet, `pair` the predictions that have their label. A pair's `seq`
only ever grows, so it says how far a reader has come.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from runtime.monitor.predictions import Values

FORMAT = 1
"""Of the tables; a journal of another format is set aside."""

metadata = MetaData()

predictions = Table(
    "prediction",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("model", String, nullable=False),
    Column("request_id", String, nullable=False),
    Column("row", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("time_s", Float, nullable=False),
    Column("outputs", LargeBinary, nullable=False),
    Column("groups", Text, nullable=False),  # JSON.
    UniqueConstraint("model", "request_id", "row"),
    sqlite_autoincrement=True,
)

waiting = Table(
    "waiting",
    metadata,
    Column("model", String, primary_key=True),
    Column("request_id", String, primary_key=True),
    Column("row", Integer, primary_key=True),
    Column("number", Float),
    Column("text", Text),
    Column("received_s", Float, nullable=False),
)

pairs = Table(
    "pair",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("prediction", Integer, nullable=False, unique=True),
    Column("model", String, nullable=False),
    Column("number", Float),
    Column("text", Text),
    Column("received_s", Float, nullable=False),
    sqlite_autoincrement=True,
)

Index("prediction_time", predictions.c.model, predictions.c.version, predictions.c.time_s)
Index("prediction_age", predictions.c.model, predictions.c.time_s)
Index("pair_order", pairs.c.model, pairs.c.seq)


def packed(outputs: Mapping[str, Values]) -> bytes:
    """Return outputs as bytes: names and lengths in a line of JSON, then the numbers."""
    arrays = {name: np.asarray(v, dtype="<f8").ravel() for name, v in outputs.items()}
    head = json.dumps({name: array.size for name, array in arrays.items()})
    return b"\n".join([head.encode(), b"".join(a.tobytes() for a in arrays.values())])


def unpacked(content: bytes) -> dict[str, Values]:
    """Return what `packed` wrote.

    Examples
    --------
    >>> unpacked(packed({"y": np.array([0.25, np.nan])}))
    {'y': array([0.25,  nan])}
    """
    head, _, numbers = content.partition(b"\n")
    values = np.frombuffer(numbers, dtype="<f8").astype(np.float64)
    found: dict[str, Values] = {}
    start = 0
    for name, size in json.loads(head).items():
        found[name] = values[start : start + size]
        start += size
    return found
