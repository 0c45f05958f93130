"""What a prediction journal holds and answers: predictions, labels, and pairs of both.

Every method is one transaction, for one thread; errors of the disk are those of
`runtime.store.errors`, and then nothing was changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Select, bindparam, delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from runtime.monitor import journal_rows as rows
from runtime.monitor.journal_file import Bounds, JournalFile
from runtime.monitor.journal_tables import FORMAT, packed, pairs, predictions, waiting
from runtime.monitor.labels import (
    EARLY_S,
    NOTHING_KNOWN,
    Key,
    Known,
    Label,
    Outcome,
    Summary,
    Tally,
    outcome_of,
)
from runtime.monitor.predictions import Prediction
from runtime.monitor.settings import LabelsWatch
from runtime.store.errors import told

AT_ONCE = 500
"""Keys in one question: SQLite bounds the variables of a statement."""
TRIMMED_AT_ONCE = 20_000
ROOM = 0.95
"""A journal that is over a bound is brought down to this share of it."""


@dataclass(frozen=True, slots=True)
class Added:
    """What became of predictions: new, there before, and pairs that came of them."""

    new: int
    repeated: int
    paired: int


@dataclass(frozen=True, slots=True)
class Trimmed:
    """What was let go: predictions, and labels whose prediction never came."""

    predictions: int = 0
    unlabelled: int = 0
    labels: int = 0


def pieces(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of at most `size` items."""
    left = iter(items)
    while piece := list(islice(left, size)):
        yield piece


class JournalStore:
    """Reads and writes a journal."""

    def __init__(self, file: JournalFile, bounds: Bounds) -> None:
        self.file = file
        self.bounds = bounds

    @contextmanager
    def transaction(self, writes: bool = True) -> Iterator[Connection]:
        """Do all of a block or nothing; raises StoreError."""
        with (
            told(self.file.folder),
            self.file.begin(writes) as connection,
            connection.begin(),
        ):
            yield connection

    def add(self, given: Sequence[Prediction]) -> Added:
        """Write predictions down; the first of a key stays. Labels that wait are joined."""
        records = [
            {
                "model": each.model,
                "request_id": each.request_id,
                "row": each.row,
                "version": each.version,
                "time_s": each.time_s,
                "outputs": packed(each.outputs),
                "groups": json.dumps(dict(each.groups), ensure_ascii=False),
            }
            for each in given
        ]
        with self.transaction() as connection:
            newest = func.coalesce(func.max(predictions.c.seq), 0)
            before = int(connection.scalar(select(newest)) or 0)
            if records:
                how = insert_sqlite(predictions).on_conflict_do_nothing()
                connection.execute(how, records)
            count = select(func.count()).where(predictions.c.seq > before)
            new = int(connection.scalar(count.select_from(predictions)) or 0)
            paired = self._join_waiting(connection, before)
        return Added(new, len(records) - new, paired)

    def _join_waiting(self, connection: Connection, before: int) -> int:
        """Pair labels that wait with predictions after a `seq`, in their order."""
        same = (
            (waiting.c.model == predictions.c.model)
            & (waiting.c.request_id == predictions.c.request_id)
            & (waiting.c.row == predictions.c.row)
        )
        found = connection.execute(
            select(
                predictions.c.seq.label("prediction"),
                waiting.c.model,
                waiting.c.request_id,
                waiting.c.row,
                waiting.c.number,
                waiting.c.text,
                waiting.c.received_s,
            )
            .join_from(predictions, waiting, same)
            .where(predictions.c.seq > before)
            .order_by(predictions.c.seq)
        ).mappings()
        joined = [dict(row) for row in found]
        self._pair(connection, joined)
        if joined:
            key = (
                (waiting.c.model == bindparam("of_model"))
                & (waiting.c.request_id == bindparam("of_request"))
                & (waiting.c.row == bindparam("of_row"))
            )
            keys = [
                {"of_model": r["model"], "of_request": r["request_id"], "of_row": r["row"]}
                for r in joined
            ]
            connection.execute(delete(waiting).where(key), keys)
        return len(joined)

    def _pair(self, connection: Connection, joined: Sequence[Mapping[str, Any]]) -> None:
        names = ("prediction", "model", "number", "text", "received_s")
        if joined:
            given = [{name: row[name] for name in names} for row in joined]
            connection.execute(insert(pairs), given)

    def put(
        self, labels: Sequence[Label], watches: Mapping[str, LabelsWatch], now_s: float
    ) -> Summary:
        """Take labels in, each as `outcome_of` says; those of other models are unknown."""
        tally = Tally()
        with self.transaction() as connection:
            known, seqs = self._known(connection, labels)
            room = self.bounds.waiting - self._waiting(connection)
            joined: list[dict[str, Any]] = []
            early: list[dict[str, Any]] = []
            for index, label in enumerate(labels):
                watch = watches.get(label.model)
                found = known.get(label.key, NOTHING_KNOWN)
                outcome, words = self._outcome(label, found, now_s, watch)
                if outcome is Outcome.EARLY and len(early) >= room:
                    outcome = Outcome.UNKNOWN
                    words = "no such prediction is in the journal, and too many labels wait"
                tally.add(index, label, outcome, words)
                if outcome not in (Outcome.ACCEPTED, Outcome.EARLY):
                    continue
                known[label.key] = Known(found.predicted_s, label.value)
                row = {
                    "model": label.model,
                    "received_s": now_s,
                    **rows.columns_of(label.value),
                }
                if outcome is Outcome.ACCEPTED:
                    joined.append({**row, "prediction": seqs[label.key]})
                else:
                    early.append({**row, "request_id": label.request_id, "row": label.row})
            self._pair(connection, joined)
            if early:
                connection.execute(insert(waiting), early)
        return tally.summary

    def _outcome(
        self, label: Label, found: Known, now_s: float, watch: LabelsWatch | None
    ) -> tuple[Outcome, str]:
        if watch is None:
            return Outcome.UNKNOWN, "no such model is watched for labels here"
        return outcome_of(label, found, now_s, watch)

    def _waiting(self, connection: Connection) -> int:
        return int(connection.scalar(select(func.count()).select_from(waiting)) or 0)

    def _known(
        self, connection: Connection, labels: Sequence[Label]
    ) -> tuple[dict[Key, Known], dict[Key, int]]:
        """Return what is known of the labels' keys, and the predictions' `seq`."""
        known: dict[Key, Known] = {}
        seqs: dict[Key, int] = {}
        asked: dict[str, set[str]] = {}
        for label in labels:
            asked.setdefault(label.model, set()).add(label.request_id)
        for model, ids in asked.items():
            for piece in pieces(sorted(ids), AT_ONCE):
                for row in connection.execute(rows.of_predictions(model, piece)):
                    key = (model, row.request_id, row.row)
                    seqs[key] = row.seq
                    known[key] = Known(row.time_s, rows.value_of(row.number, row.text))
                for row in connection.execute(rows.of_waiting(model, piece)):
                    said = rows.value_of(row.number, row.text)
                    known[(model, row.request_id, row.row)] = Known(None, said)
        return known, seqs

    def pairs(self, model: str, after: int, limit: int) -> list[rows.Pair]:
        """Return the next pairs of a model in order of `seq`, after that of another."""
        with self.transaction(writes=False) as connection:
            found = connection.execute(rows.next_pairs(model, after, limit))
            return [rows.pair_of(row) for row in found]

    def probe(self) -> None:
        """Write something; raises StoreError where the disk does not take it."""
        with self.transaction() as connection:
            connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")

    def last_pair(self) -> int:
        """Return the `seq` of the newest pair that ever was; 0 for none."""
        with self.transaction(writes=False) as connection:
            found = connection.exec_driver_sql(
                "SELECT seq FROM sqlite_sequence WHERE name = 'pair'"
            ).scalar()
        return int(found or 0)

    def matured(
        self, model: str, version: int, before_s: float, limit: int
    ) -> list[rows.Journalled]:
        """Return the newest predictions up to a time, newest first."""
        with self.transaction(writes=False) as connection:
            found = connection.execute(rows.matured(model, version, before_s, limit))
            return [rows.journalled_of(row) for row in found]

    def oldest_open(self, model: str, version: int, after_s: float) -> float | None:
        """Return the time of the oldest prediction after another without a label."""
        with self.transaction(writes=False) as connection:
            found = connection.scalar(rows.oldest_open(model, version, after_s))
        return None if found is None else float(found)

    def size(self) -> tuple[int, int, float]:
        """Return the number of predictions, the bytes of pages in use, the oldest's time.

        The oldest is the one that has been here the longest; 0 for none.
        """
        first = select(predictions.c.time_s).order_by(predictions.c.seq).limit(1)
        with self.transaction(writes=False) as connection:
            oldest_s = float(connection.scalar(first) or 0.0)
            return self._rows(connection), self.file.nbytes(connection), oldest_s

    def _rows(self, connection: Connection) -> int:
        return int(connection.scalar(select(func.count()).select_from(predictions)) or 0)

    def trim(self, now_s: float, retention: Mapping[str, float]) -> Trimmed:
        """Let go what is too old, then the oldest until the bounds hold.

        One call lets go at most 20,000 predictions for each reason.
        """
        gone = unlabelled = 0
        with self.transaction() as connection:
            late = delete(waiting).where(waiting.c.received_s < now_s - EARLY_S)
            labels = connection.execute(late).rowcount
            for model, kept_s in retention.items():
                old = (
                    select(predictions.c.seq)
                    .where(predictions.c.model == model)
                    .where(predictions.c.time_s < now_s - kept_s)
                )
                some, without = self._drop(connection, old.limit(TRIMMED_AT_ONCE))
                gone, unlabelled = gone + some, unlabelled + without
            excess = self._excess(connection)
            if excess:
                oldest = select(predictions.c.seq).order_by(predictions.c.seq)
                some, without = self._drop(connection, oldest.limit(excess))
                gone, unlabelled = gone + some, unlabelled + without
        return Trimmed(gone, unlabelled, labels)

    def _excess(self, connection: Connection) -> int:
        """Return how many predictions are too many."""
        count, nbytes = self._rows(connection), self.file.nbytes(connection)
        share = max(count / self.bounds.rows, nbytes / self.bounds.nbytes)
        if share <= 1.0 or not count:
            return 0
        wanted = int(count * ROOM / share)
        return min(count - wanted, TRIMMED_AT_ONCE)

    def _drop(self, connection: Connection, which: Select[Any]) -> tuple[int, int]:
        """Delete predictions with their pairs; return how many, and of those unlabelled."""
        chosen = which.subquery()
        paired = delete(pairs).where(pairs.c.prediction.in_(select(chosen.c.seq)))
        with_label = connection.execute(paired).rowcount
        # The same choice again: nothing that it depends on has changed.
        dropped = delete(predictions).where(predictions.c.seq.in_(select(chosen.c.seq)))
        gone = connection.execute(dropped).rowcount
        return gone, gone - with_label
