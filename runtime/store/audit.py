"""The log of who did what: a chain of rows, each holding the hash of the one before.

A row is written in the transaction of the change that it tells of. Its hash is the
SHA-256 of the canonical JSON of all its columns, the previous hash among them, so a row
that was changed, taken out or moved breaks the chain there. Rows cut off at the end break
nothing; they are found by a *head* (the last row's number and hash) that was kept
elsewhere: in a log, in a metric, in a backup.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, RowMapping, or_, select

from runtime.errors import ConfigError
from runtime.store.tables import audit

NOTHING = "0" * 64
"""The hash before the first row."""

HEAD = re.compile("([0-9]{1,18}):([0-9a-f]{64})")
MOST_FAULTS = 20


class Head(NamedTuple):
    """The last row of a log: its number, 0 for an empty log, and its hash."""

    seq: int
    hash: str

    def __str__(self) -> str:
        """As a person keeps it: ``12:9f86...``."""
        return f"{self.seq}:{self.hash}"


EMPTY = Head(0, NOTHING)


@dataclass(frozen=True, slots=True)
class Entry:
    """One row. `at` is in Unix seconds; `before` and `after` are JSON or empty."""

    seq: int
    at: float
    actor: str
    action: str
    namespace: str
    object: str
    before: str
    after: str
    details: str
    previous_hash: str
    hash: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a log found: its head, how many rows, and what is wrong."""

    head: Head
    rows: int
    faults: tuple[str, ...]


def canonical(value: object) -> str:
    """Return the one JSON text of a value: sorted, without spaces, ASCII.

    Examples
    --------
    >>> canonical({"b": 1, "a": [None, 0.5]})
    '{"a":[null,0.5],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def storable(text: str) -> str:
    r"""Return text that a database can hold: halves of surrogates become escapes.

    Examples
    --------
    >>> storable("caf\xe9 \udcff")
    'café \\udcff'
    """
    return text.encode("utf-8", "backslashreplace").decode()


def hash_of(row: dict[str, object]) -> str:
    """Return what the column `hash` of a row must be, from all its other columns."""
    columns = {name: value for name, value in row.items() if name != "hash"}
    return hashlib.sha256(canonical(columns).encode()).hexdigest()


def head(connection: Connection) -> Head:
    """Return the head of the log as a transaction sees it."""
    row = connection.execute(
        select(audit.c.seq, audit.c.hash).order_by(audit.c.seq.desc()).limit(1)
    ).first()
    return Head(row.seq, row.hash) if row else EMPTY


def parse_head(text: str) -> Head:
    """Return the head that ``SEQ:HASH`` says; raises ConfigError.

    Examples
    --------
    >>> parse_head("3:" + "ab" * 32).seq
    3
    """
    found = HEAD.fullmatch(text.strip().lower())
    if found is None:
        raise ConfigError(f"{text!r} is no head of an audit log; it is SEQ:HASH")
    return Head(int(found[1]), found[2])


def append(connection: Connection, row: dict[str, object]) -> Head:
    """Add a row to the log in a transaction that may write; returns the head then.

    `row` has every column but seq, previous_hash and hash.
    """
    last = head(connection)
    texts = {k: storable(v) if isinstance(v, str) else v for k, v in row.items()}
    whole = {**texts, "seq": last.seq + 1, "previous_hash": last.hash}
    new = Head(last.seq + 1, hash_of(whole))
    connection.execute(audit.insert().values(**whole, hash=new.hash))
    return new


def concerns(name: str) -> ColumnElement[bool]:
    """Return the condition for rows about a thing, or about a version or alias of it."""
    column = audit.c.object
    return or_(
        column == name,
        column.startswith(f"{name}/", autoescape=True),
        column.startswith(f"{name}@", autoescape=True),
    )


def entries(
    connection: Connection,
    about: str = "",
    since: float = 0.0,
    limit: int = 0,
    namespace: str = "",
) -> Iterator[Entry]:
    """Yield rows, oldest first: about a thing, since a moment, the last `limit` of them."""
    query = select(audit).order_by(audit.c.seq.desc() if limit else audit.c.seq)
    if about:
        query = query.where(concerns(about))
    if namespace:
        query = query.where(audit.c.namespace == namespace)
    if since:
        query = query.where(audit.c.at >= since)
    rows = connection.execute(query.limit(limit) if limit else query).mappings()
    found: Iterator[RowMapping] = reversed(rows.all()) if limit else iter(rows)
    for row in found:
        yield Entry(**row)


class Check:
    """Walks a log once and notes what is wrong with it."""

    def __init__(self, expected: Head | None) -> None:
        self.last = EMPTY
        self.rows = 0
        self.faults: list[str] = []
        self._expected = expected
        self._was_met = expected is None or expected == EMPTY

    def note(self, words: str) -> None:
        """Keep a fault; after many, one that says so."""
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(words)
        elif len(self.faults) == MOST_FAULTS:
            self.faults.append("and more; they are not listed")

    def row(self, row: dict[str, object]) -> None:
        """Look at the next row, in the order of numbers."""
        seq, previous, stored = row["seq"], row["previous_hash"], str(row["hash"])
        assert isinstance(seq, int)
        wanted = self.last.seq + 1
        if seq < wanted:
            self.note(f"row {seq} lies before the first")
        elif seq != wanted:
            gap = (
                f"row {wanted} is"
                if seq == wanted + 1
                else f"rows {wanted} to {seq - 1} are"
            )
            self.note(f"{gap} missing")
        elif previous != self.last.hash:
            self.note(f"row {seq} does not follow row {seq - 1}: one was changed or moved")
        if not self.is_whole(row, stored):
            self.note(f"row {seq} was changed: it is not what its hash is of")
        if self._expected and seq == self._expected.seq:
            self._was_met = True
            if stored != self._expected.hash:
                self.note(f"row {seq} is another one than the head that you kept")
        self.last = Head(seq, stored)
        self.rows += 1

    def is_whole(self, row: dict[str, object], stored: str) -> bool:
        """Say whether a row is what its hash is of."""
        try:
            return hash_of(row) == stored
        except (TypeError, ValueError):  # Bytes or NaN, which we never write.
            return False

    def end(self, ever: int) -> Checked:
        """Say what was found; `ever` is the highest number that was ever given."""
        last = self.last.seq
        if ever > last:
            self.note(f"the log ends at row {last}, but had {ever}: its end was cut off")
        elif ever < last:
            self.note(f"the log ends at row {last}, and its counter says {ever}")
        if self._expected and not self._was_met and self._expected.seq > max(last, ever):
            self.note(
                f"the log ends at row {last}, the head that you kept is row "
                f"{self._expected.seq}: its end was cut off, or it is another log"
            )
        return Checked(self.last, self.rows, tuple(self.faults))


def verify(connection: Connection, expected_head: Head | None = None) -> Checked:
    """Walk the whole log and say what was changed, is missing, was moved or cut off.

    `expected_head` is one that was kept elsewhere: the log must hold it still.
    """
    check = Check(expected_head)
    rows = connection.execute(
        select(audit).order_by(audit.c.seq), execution_options={"yield_per": 500}
    )
    for row in rows.mappings():
        check.row(dict(row))
    ever = connection.exec_driver_sql(
        "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'audit'"
    ).scalar_one()
    return check.end(int(ever))
