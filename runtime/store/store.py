"""The store: a database, blobs, and a log of who changed what, in one folder.

Several processes and threads use one folder at the same time. Readers see a snapshot and
never wait; one writes at a time. Nothing is lost once `writing` has come to its end, and
nothing of it is there if it has not.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlalchemy import Connection, Engine

from runtime.atomic import sync_folder
from runtime.events import about
from runtime.store import audit
from runtime.store.blobs import Blobs
from runtime.store.engine import (
    BEGIN,
    DATABASE,
    NEW,
    WRITE,
    connect,
    engine_of,
    open_engine,
    open_unlocked,
    raw_of,
)
from runtime.store.errors import (
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreMissing,
    StoreReadOnly,
    closed,
    locked,
    missing,
    of_disk,
    of_files,
    told,
    told_of_files,
)
from runtime.store.files import make_folder, sync_file
from runtime.store.points import reached
from runtime.store.revisions import check_revision, revision_of

CHANGED = "changed"
"""The file that is written after each commit: other processes watch it."""

MAKING = ".making.db"
"""A database until it is whole; then it becomes `DATABASE`."""

TIMEOUT_S = 5.0

logger = logging.getLogger(__name__)


class Writing:
    """One transaction that may write, and whose it is.

    `connection` belongs to the thread that opened it, and ends with it. `at` is the one
    moment that everything in it happens, in Unix seconds.
    """

    def __init__(
        self, connection: Connection, namespace: str, actor: str, at: float
    ) -> None:
        self.connection = connection
        self.namespace = namespace
        self.actor = actor
        self.at = at
        self.head: audit.Head | None = None

    def record(
        self,
        action: str,
        what: str,
        before: object = None,
        after: object = None,
        details: str = "",
    ) -> None:
        """Write a row of the audit log: it is there if the transaction is.

        `what` is the thing, as ``fraud``, ``fraud/3`` or ``fraud@champion``. `before` and
        `after` are JSON values; None is written as an empty text.
        """
        self.head = audit.append(
            self.connection,
            {
                "at": self.at,
                "actor": self.actor,
                "action": action,
                "namespace": self.namespace,
                "object": what,
                "before": "" if before is None else audit.canonical(before),
                "after": "" if after is None else audit.canonical(after),
                "details": details,
            },
        )


def changes_of(connection: Connection) -> int:
    """Return how many rows a connection has changed since it was opened."""
    return raw_of(connection).total_changes


class Store:
    """A store in a folder; made by `create` or `open`, and closed by `close`.

    Safe on any thread. It must not be carried over a fork: open another one there.
    """

    def __init__(
        self, folder: Path, timeout_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self.clock = clock
        self.blobs = Blobs(folder, timeout_s)
        self._engine = open_engine(folder, timeout_s)
        self._unlocked: Engine | None = None
        self._lock = threading.Lock()
        self._file = (0, 0)

    @classmethod
    def create(cls, folder: Path, timeout_s: float = TIMEOUT_S) -> Store:
        """Make a store in a folder, or open the one that is there.

        Raises StoreError where it cannot be made, and what `open` raises.
        """
        with suppress(StoreMissing):
            return cls.open(folder, timeout_s)
        with told_of_files(folder):
            make_folder(folder / "blobs" / "sha256")
            with only_one(folder):
                with suppress(StoreMissing):  # Somebody was faster.
                    return cls.open(folder, timeout_s)
                make_database(folder)
            touch(folder)
        return cls.open(folder, timeout_s)

    @classmethod
    def open(cls, folder: Path, timeout_s: float = TIMEOUT_S) -> Store:
        """Open the store of a folder; what waits for others gives up after `timeout_s`.

        Raises StoreMissing, StoreOlder, StoreNewer, StoreCorrupt or StoreLocked.
        """
        store = cls(folder, timeout_s)
        try:
            with store.reading():
                pass  # The check of the revision is what this is for.
        except BaseException:
            store.close()
            raise
        return store

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Look at the store as it is at one moment, whatever others write meanwhile.

        On a disk that takes nothing, not even the locks of readers, or has no room for
        them, the database is read without; StoreLocked says then that it was changed by
        others meanwhile and that what was read means nothing.
        """
        with (
            told(self.folder),
            self._connection_for_reading() as connection,
            connection.begin(),
        ):
            check_revision(self.folder, revision_of(connection))
            yield connection

    @contextmanager
    def writing(
        self, actor: str, namespace: str = "default", *, quiet: bool = False
    ) -> Iterator[Writing]:
        """Change the store: committed at the end, undone by any exception.

        Whoever watches is told of it, unless it is `quiet`: for rows that nobody follows,
        like the signs of life of servers. Raises StoreLocked when others write for longer
        than the timeout, StoreFull, StoreReadOnly.
        """
        with told(self.folder), self._connect() as plain:
            connection = plain.execution_options(**{BEGIN: WRITE})
            with connection.begin():
                check_revision(self.folder, revision_of(connection))
                before = changes_of(connection)
                writing = Writing(connection, namespace, actor, float(self.clock()))
                yield writing
                has_changed = changes_of(connection) != before
                reached("store.written")
            reached("store.committed")
        if writing.head:
            logger.info("audit head is %s", writing.head, extra=about("audit_head"))
        if has_changed and not quiet:
            touch(self.folder)

    def audit_head(self) -> audit.Head:
        """Return the number and hash of the log's last row, to be kept elsewhere."""
        with self.reading() as connection:
            return audit.head(connection)

    def close(self) -> None:
        """Let go of all connections; no `reading` or `writing` may be open."""
        self._engine.dispose()
        if self._unlocked:
            self._unlocked.dispose()

    def _connect(self) -> Connection:
        """Connect to the database that has the name, also when it is another than before.

        A folder that was moved away, with a restored one in its place, would else be
        followed where nobody sees it. Raises StoreMissing.
        """
        try:
            found = os.stat(self.folder / DATABASE)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise missing(self.folder) from error
        except PermissionError as error:
            raise closed(self.folder) from error
        except OSError as error:
            raise of_files(self.folder, error) from error
        with self._lock:
            if self._file != (found.st_dev, found.st_ino):
                self._engine.dispose()
                self._file = (found.st_dev, found.st_ino)
        return self._engine.connect()

    @contextmanager
    def _connection_for_reading(self) -> Iterator[Connection]:
        """Connect with locks where the disk allows them, else without."""
        try:
            with told(self.folder):
                connection = self._connect()
        except (StoreReadOnly, StoreFull) as error:  # A lock is a file, which needs room.
            with self._without_locks(error) as unlocked:
                yield unlocked
            return
        with connection:
            yield connection

    @contextmanager
    def _without_locks(self, why: StoreError) -> Iterator[Connection]:
        """Read the database file as it lies there, and notice when it changes.

        Raises `why` there are no locks while what was committed is in a log beside it.
        """
        log = self.folder / f"{DATABASE}-wal"
        if log.exists() and log.stat().st_size:
            raise why
        before = self._looks()
        if self._unlocked is None:
            self._unlocked = open_unlocked(self.folder)
        try:
            with told(self.folder), self._unlocked.connect() as connection:
                yield connection
        except StoreCorrupt as error:
            if self._looks() != before:
                raise locked(self.folder, "it was changed while it was read") from error
            raise
        if self._looks() != before:
            raise locked(self.folder, "it was changed while it was read")

    def _looks(self) -> tuple[int, ...]:
        """Return what differs once the database was written, or is being written."""
        with told_of_files(self.folder):
            is_logged = (self.folder / f"{DATABASE}-wal").exists()
            found = (self.folder / DATABASE).stat()
        return is_logged, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def touch(folder: Path) -> None:
    """Wake whoever watches a store; a failure costs them a moment and nothing else."""
    with suppress(OSError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC
        file = os.open(folder / CHANGED, flags, 0o640)
        try:
            os.pwrite(file, b"%d\n" % time.time_ns(), 0)
        finally:
            os.close(file)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Keep other processes from making a database in a folder meanwhile."""
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def make_database(folder: Path) -> None:
    """Make the database of a store at the last revision; it appears whole or not at all.

    Only where there is none, and by one process at a time.
    """
    from runtime.store.upgrade import migrate  # Alembic is for this and upgrades only.

    for left in folder.glob(f"{MAKING}*"):
        left.unlink()
    with told(folder):
        engine = engine_of(lambda: connect(folder, NEW, 0.0, MAKING), pooled=False)
        with engine.connect() as connection, connection.begin():
            migrate(connection)
            reached("store.made")
    if (folder / f"{MAKING}-wal").exists():
        raise of_disk(folder, "its log could not be written into it")
    sync_file(folder / MAKING)
    (folder / MAKING).replace(folder / DATABASE)
    reached("store.named")
    sync_folder(folder)
