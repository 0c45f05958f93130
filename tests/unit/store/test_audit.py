"""The audit log: what was changed, taken out, moved or cut off is found and named."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from runtime.errors import ConfigError
from runtime.store import audit
from runtime.store.engine import DATABASE
from runtime.store.store import Store

ROWS = 6
OBJECTS = ["fraud", "fraud/1", "fraud@champion", "fraud_x", "fraudulent", "churn"]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.create(tmp_path / "registry")
    store.clock = itertools.count(100.5).__next__
    for number, name in enumerate(OBJECTS):
        with store.writing("ann") as writing:
            writing.record("did", name, before={"n": number}, details="so")
    yield store
    store.close()


def check(store: Store, expected: audit.Head | None = None) -> audit.Checked:
    with store.reading() as connection:
        return audit.verify(connection, expected)


def tamper(store: Store, *statements: str) -> None:
    """Change the log as one who owns the file can: without the triggers."""
    with closing(sqlite3.connect(store.folder / DATABASE)) as raw, raw:
        for name in ("audit_no_UPDATE", "audit_no_DELETE", "audit_follows"):
            raw.execute(f"DROP TRIGGER IF EXISTS {name}")
        for statement in statements:
            raw.execute(statement)


def heads(store: Store) -> dict[int, audit.Head]:
    with store.reading() as connection:
        return {e.seq: audit.Head(e.seq, e.hash) for e in audit.entries(connection)}


def test_an_untouched_log_is_whole_and_holds_every_head_it_ever_had(store: Store) -> None:
    for head in heads(store).values():
        assert check(store, head) == audit.Checked(store.audit_head(), ROWS, ())


def test_an_empty_log_is_whole(tmp_path: Path) -> None:
    store = Store.create(tmp_path)
    assert check(store, audit.EMPTY) == audit.Checked(audit.EMPTY, 0, ())
    store.close()


COLUMNS = ["at", "actor", "action", "namespace", "object", "before", "after", "details"]


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("seq", [1, 3, ROWS])
def test_a_changed_row_is_named(store: Store, column: str, seq: int) -> None:
    value = "7.0" if column == "at" else "'other'"
    tamper(store, f'UPDATE audit SET "{column}" = {value} WHERE seq = {seq}')
    assert f"row {seq} was changed: it is not what its hash is of" in check(store).faults


def test_a_row_changed_with_its_hash_breaks_the_chain_behind_it(store: Store) -> None:
    with store.reading() as connection:
        entry = list(audit.entries(connection))[2]
    row = {name: getattr(entry, name) for name in audit.Entry.__slots__}
    row["actor"] = "eve"
    statement = f"UPDATE audit SET actor = 'eve', hash = '{audit.hash_of(row)}' WHERE seq=3"
    tamper(store, statement)
    assert check(store).faults == ("row 4 does not follow row 3: one was changed or moved",)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM audit WHERE seq = 3", "row 3 is missing"),
        ("DELETE FROM audit WHERE seq IN (2, 3, 4)", "rows 2 to 4 are missing"),
        ("DELETE FROM audit WHERE seq = 1", "row 1 is missing"),
    ],
)
def test_a_missing_row_is_named(store: Store, statement: str, words: str) -> None:
    tamper(store, statement)
    assert check(store).faults == (words,)


def test_rows_that_changed_places_are_named(store: Store) -> None:
    tamper(
        store,
        "UPDATE audit SET seq = -3 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = 4",
        "UPDATE audit SET seq = 4 WHERE seq = -3",
    )
    faults = check(store).faults
    assert "row 3 does not follow row 2: one was changed or moved" in faults
    assert "row 4 was changed: it is not what its hash is of" in faults


def test_a_cut_end_is_seen_by_the_highest_number_ever_given(store: Store) -> None:
    tamper(store, "DELETE FROM audit WHERE seq > 4")
    assert check(store).faults == ("the log ends at row 4, but had 6: its end was cut off",)


CLEAN_CUT = (
    "DELETE FROM audit WHERE seq > 4",
    "UPDATE sqlite_sequence SET seq = 4 WHERE name = 'audit'",
)


def test_a_clean_cut_is_seen_by_a_head_kept_elsewhere_only(store: Store) -> None:
    kept = store.audit_head()
    tamper(store, *CLEAN_CUT)
    assert check(store).faults == ()
    [fault] = check(store, kept).faults
    assert "the log ends at row 4, the head that you kept is row 6" in fault


def test_a_log_that_was_cut_and_went_on_is_another_one(store: Store) -> None:
    kept = heads(store)
    tamper(store, *CLEAN_CUT)
    for _ in range(4):
        with store.writing("eve") as writing:
            writing.record("did", "else")
    assert check(store, kept[4]).faults == ()
    assert check(store, kept[6]).faults == (
        "row 6 is another one than the head that you kept",
    )


def test_many_faults_are_not_all_listed(store: Store) -> None:
    for _ in range(30):
        with store.writing("ann") as writing:
            writing.record("did", "x")
    tamper(store, "UPDATE audit SET actor = 'eve'")
    faults = check(store).faults
    assert len(faults) == audit.MOST_FAULTS + 1
    assert faults[-1] == "and more; they are not listed"


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET actor = 'eve'", "takes no UPDATE"),
        ("DELETE FROM audit WHERE seq = 6", "takes no DELETE"),
        ("INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 6", "must follow"),
        ("INSERT INTO audit VALUES (7,1.0,'','','','','','','','x','y')", "must follow"),
    ],
)
def test_the_database_itself_refuses_to_change_the_log(
    store: Store, statement: str, words: str
) -> None:
    def act() -> None:
        with store.writing("eve") as writing:
            writing.connection.exec_driver_sql(statement)

    with pytest.raises(IntegrityError, match=words):
        act()
    assert check(store).faults == ()


def seqs(store: Store, ask: Callable[..., Iterator[audit.Entry]]) -> list[int]:
    with store.reading() as connection:
        return [entry.seq for entry in ask(connection)]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({}, [1, 2, 3, 4, 5, 6]),
        ({"about": "fraud"}, [1, 2, 3]),
        ({"about": "fraud/1"}, [2]),
        ({"about": "frau%"}, []),
        ({"since": 103.5}, [4, 5, 6]),
        ({"limit": 2}, [5, 6]),
        ({"about": "fraud", "limit": 1}, [3]),
        ({"namespace": "other"}, []),
    ],
)
def test_rows_are_found(store: Store, options: dict[str, Any], found: list[int]) -> None:
    assert seqs(store, lambda connection: audit.entries(connection, **options)) == found


def test_a_head_is_written_and_read_as_one_word(store: Store) -> None:
    head = store.audit_head()
    assert audit.parse_head(f" {head}\n") == head


def test_a_counter_that_was_taken_out_is_seen(store: Store) -> None:
    tamper(store, "DELETE FROM audit WHERE seq > 4", "DELETE FROM sqlite_sequence")
    assert check(store).faults == ("the log ends at row 4, and its counter says 0",)


def test_a_row_before_the_first_is_seen(store: Store) -> None:
    columns = "at, actor, action, namespace, object, before, after, details"
    tamper(
        store,
        f"INSERT INTO audit SELECT 0, {columns}, previous_hash, 'x' FROM audit "
        "WHERE seq = 1",
    )
    assert "row 0 lies before the first" in check(store).faults


@pytest.mark.parametrize(
    "text",
    [
        "", "6", "6:abc", "x:" + "0" * 64, "\u0664:" + "0" * 64, "6:" + "z" * 64,
        "9" * 5_000 + ":" + "0" * 64,
    ],
)  # fmt: skip
def test_what_is_no_head_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is no head of an audit log; it is SEQ:HASH"):
        audit.parse_head(text)
