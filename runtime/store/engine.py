"""Connections to a store's database, opened so that SQLite keeps its promises.

WAL: readers and the one writer do not wait for each other. FULL: what is committed
survives a loss of power. Transactions begin by our own BEGIN, because Python's module
begins one only before it writes, and then as one that may fail half-way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, cast

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool, QueuePool

from runtime.atomic import sync_folder
from runtime.store.files import sync_file

DATABASE = "store.db"
BEGIN = "leeboard_begin"
"""The execution option that says how a connection's transactions begin."""

READ, WRITE = "BEGIN", "BEGIN IMMEDIATE"
CONNECTIONS, MORE = 4, 28
"""Of one process: those that are kept, and those on top of them for a moment."""

EXISTING, NEW, UNLOCKED = "mode=rw", "mode=rwc", "immutable=1"


def connect(
    folder: Path, mode: str, timeout_s: float, name: str = DATABASE
) -> sqlite3.Connection:
    """Return a connection with our settings, proven to be able to read."""
    address = f"{(folder.absolute() / name).as_uri()}?{mode}"
    connection = sqlite3.connect(
        address, timeout=timeout_s, isolation_level=None, uri=True, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA recursive_triggers = ON")
        connection.execute("PRAGMA synchronous = FULL")
        [found] = connection.execute("PRAGMA journal_mode").fetchone()
        if found != "wal" and mode != UNLOCKED:
            # A copy that somebody put in the place of the database.
            connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA schema_version").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def begin(connection: Connection) -> None:
    """Begin a transaction the way that this connection was asked for."""
    how = connection.get_execution_options().get(BEGIN, READ)
    connection.exec_driver_sql(how)


def engine_of(creator: Callable[[], sqlite3.Connection], pooled: bool = True) -> Engine:
    """Return an engine whose connections come from `creator`."""
    kept: dict[str, Any] = {"poolclass": NullPool}
    if pooled:
        kept = {"poolclass": QueuePool, "pool_size": CONNECTIONS, "max_overflow": MORE}
    engine = create_engine("sqlite://", creator=creator, **kept)
    event.listen(engine, "begin", begin)
    return engine


def open_engine(folder: Path, timeout_s: float) -> Engine:
    """Return an engine for a database that can be written, or at least locked, here."""
    return engine_of(lambda: connect(folder, EXISTING, timeout_s))


def open_unlocked(folder: Path) -> Engine:
    """Return an engine that reads a database without locks; see `Store.reading`."""
    return engine_of(lambda: connect(folder, UNLOCKED, 0.0), pooled=False)


def raw_of(connection: Connection) -> sqlite3.Connection:
    """Return what is behind a connection."""
    return cast(sqlite3.Connection, connection.connection.dbapi_connection)


def copy_from(source: sqlite3.Connection, to: Path) -> None:
    """Copy a database as a connection sees it to a new file, durably, while others write.

    The connection must not be one that writes.
    """
    with closing(sqlite3.connect(to, isolation_level=None)) as copied:
        # All pages in one step: in several, each write of others begins it anew.
        source.backup(copied, pages=-1)
        # One file without a log beside it; `connect` makes it a store's database again.
        copied.execute("PRAGMA journal_mode = DELETE")
    sync_file(to)
    sync_folder(to.parent)
