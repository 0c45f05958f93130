"""Errors of SQLite become the one thing that a caller can do about them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import TimeoutError as PoolTimeout

from runtime.store.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreLocked,
    StoreMissing,
    StoreReadOnly,
    of_sqlite,
    told,
)


def error_of(name: str) -> sqlite3.Error:
    error = sqlite3.OperationalError("it says why")
    error.sqlite_errorname = name
    return error


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("SQLITE_BUSY", StoreLocked),
        ("SQLITE_BUSY_SNAPSHOT", StoreLocked),
        ("SQLITE_LOCKED", StoreLocked),
        ("SQLITE_FULL", StoreFull),
        ("SQLITE_READONLY", StoreReadOnly),
        ("SQLITE_READONLY_DBMOVED", StoreReadOnly),
        ("SQLITE_CORRUPT", StoreCorrupt),
        ("SQLITE_CORRUPT_INDEX", StoreCorrupt),
        ("SQLITE_NOTADB", StoreCorrupt),
        ("SQLITE_IOERR_READ", StoreError),
        ("SQLITE_CANTOPEN", StoreError),
        ("SQLITE_ERROR", StoreError),
        ("", StoreError),
    ],
)
def test_each_code_is_one_of_ours(
    tmp_path: Path, name: str, wanted: type[StoreError]
) -> None:
    assert type(of_sqlite(tmp_path, error_of(name))) is wanted


def test_what_cannot_be_opened_because_it_is_gone_is_missing(tmp_path: Path) -> None:
    error = of_sqlite(tmp_path / "nowhere", error_of("SQLITE_CANTOPEN"))
    assert type(error) is StoreMissing


def test_the_words_of_sqlite_are_kept_where_we_know_no_better(tmp_path: Path) -> None:
    assert "cannot be used: it says why" in str(
        of_sqlite(tmp_path, error_of("SQLITE_IOERR"))
    )
    assert "cannot do this: it says why" in str(
        of_sqlite(tmp_path, sqlite3.Error("it says why"))
    )


def raise_within(folder: Path, error: Exception) -> None:
    with told(folder):
        raise error


def test_too_many_threads_are_a_store_that_is_locked(tmp_path: Path) -> None:
    with pytest.raises(StoreLocked, match="too many threads of this process use it"):
        raise_within(tmp_path, PoolTimeout())


def test_bare_errors_of_sqlite_and_our_own_are_ours(tmp_path: Path) -> None:
    with pytest.raises(StoreFull):
        raise_within(tmp_path, error_of("SQLITE_FULL"))
    with pytest.raises(StoreCorrupt, match="mine"):
        raise_within(tmp_path, StoreCorrupt("mine"))
    with pytest.raises(KeyError):
        raise_within(tmp_path, KeyError("x"))


def test_a_number_that_no_row_can_hold_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="more than the 63 bits"),
        told(tmp_path),
        closing(sqlite3.connect(":memory:")) as raw,
    ):
        raw.execute("SELECT ?", (1 << 64,))
