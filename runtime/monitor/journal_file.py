"""The journal's database: opened, bounded, and set aside when it is damaged.

One process and one thread use it. What is committed survives the end of the process; a
loss of power may cost the last seconds, which a journal can bear.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from runtime.events import about
from runtime.monitor.journal_tables import FORMAT, metadata
from runtime.store.engine import BEGIN, NEW, WRITE, connect, engine_of
from runtime.store.errors import StoreCorrupt, told, told_of_files
from runtime.store.files import make_folder

logger = logging.getLogger(__name__)

FILE = "journal.db"
TIMEOUT_S = 5.0
SUFFIXES = ("", "-wal", "-shm")
LOG_BYTES = 8 << 20
"""What the write-ahead log is cut back to; it is on top of the journal's own bound."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a journal may hold; of the three that which is reached first counts.

    `nbytes` is of the database; its log and index take some mebibytes more.
    """

    rows: int = 2_000_000
    nbytes: int = 2 << 30
    waiting: int = 100_000


class JournalFile:
    """An open database of a journal."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        """Open the journal of a folder, or make it; raises StoreError.

        A damaged file, or one of another format, is set aside under another name.
        """
        self.folder = folder
        self.set_aside = ""
        """The name that a damaged journal was given; empty: none was."""
        self._clock = clock
        with told_of_files(folder):
            make_folder(folder)
        try:
            self._engine = self._opened()
        except StoreCorrupt as error:
            self.put_aside(str(error))

    def _opened(self, first_pair: int = 0) -> Engine:
        def creator() -> sqlite3.Connection:
            connection = connect(self.folder, NEW, TIMEOUT_S, FILE)
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA journal_size_limit = {LOG_BYTES}")
            return connection

        with told(self.folder):
            engine = engine_of(creator)
            try:
                prepare(engine, first_pair)
            except BaseException:
                engine.dispose()
                raise
        return engine

    def put_aside(self, why: str) -> None:
        """Give a damaged journal another name and begin an empty one."""
        if hasattr(self, "_engine"):
            self._engine.dispose()
        name = f"{FILE}.damaged-{int(self._clock())}"
        number = 0
        while (self.folder / name).exists():
            number += 1
            name = f"{FILE}.damaged-{int(self._clock())}-{number}"
        with told_of_files(self.folder):
            for suffix in SUFFIXES:
                path = self.folder / (FILE + suffix)
                if path.exists():
                    path.rename(self.folder / (name + suffix))
        self.set_aside = name
        logger.error(
            "the prediction journal is damaged and was set aside as %s; an empty one "
            "begins: %s",
            name,
            why,
            extra=about("journal_damaged"),
        )
        # Readers remember how far they came: pairs go on above all that there were.
        self._engine = self._opened(int(self._clock()))

    def begin(self, writes: bool = True) -> Connection:
        """Return a connection; its transaction begins with its first statement."""
        connection = self._engine.connect()
        if writes:
            connection = connection.execution_options(**{BEGIN: WRITE})
        return connection

    def nbytes(self, connection: Connection) -> int:
        """Return the bytes of pages that are in use."""
        pages, free, size = (
            int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (pages - free) * size

    def close(self) -> None:
        """Give the file back."""
        self._engine.dispose()


def prepare(engine: Engine, first_pair: int) -> None:
    """Make the tables where there are none; raises StoreCorrupt for another format."""
    with engine.connect() as connection, connection.begin():
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found not in (0, FORMAT):
            raise StoreCorrupt(
                f"the journal has format {found}; this program knows {FORMAT}"
            )
        check = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        if check != "ok":
            raise StoreCorrupt(f"the journal is damaged: {check}")
        metadata.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
        if first_pair:
            connection.exec_driver_sql(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('pair', ?)", (first_pair,)
            )
