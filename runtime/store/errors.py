"""What a store cannot do, one class for one thing that a caller can do about it.

`told` is the edge at which errors of SQLite become ours, and `told_of_files` that for
errors of the file system. Each message says which store, what is wrong and what to do.
"""

from __future__ import annotations

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from runtime.errors import LeeboardError

PROBE = b"\0" * 65_536
"""What a full disk has no room for: more than the rest of a half-used block."""

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
REFUSED = {errno.EROFS, errno.EACCES, errno.EPERM}


class StoreError(LeeboardError):
    """The store cannot do this; the subclasses say what a caller can do about it."""


class StoreMissing(StoreError):
    """There is no store in this folder: make one, or name another."""


class StoreLocked(StoreError):
    """Another process holds the store for longer than one waits: try again."""


class StoreFull(StoreError):
    """The disk or the quota is full: nothing was changed; make room and try again."""


class StoreReadOnly(StoreError):
    """The store can be read but not written here."""


class StoreNewer(StoreError):
    """A newer program made this store's tables: use that program."""


class StoreOlder(StoreError):
    """An older program made this store's tables: upgrade them."""


class StoreCorrupt(StoreError):
    """The database is damaged: restore a backup."""


class BlobMissing(StoreError):
    """There is no such blob."""


class BlobDamaged(StoreError):
    """A blob's bytes are not those that its digest is of."""


class BackupDamaged(StoreError):
    """A file is no backup, or not whole: take another."""


def is_full(folder: Path) -> bool:
    """Say whether a folder's disk, its quota or its files may not grow, by trying."""
    try:
        largest = max((path.stat().st_size for path in folder.glob("*")), default=0)
        with tempfile.TemporaryFile(dir=folder) as file:
            # A hole first, so that a limit on the size of a file is met as well.
            os.pwrite(file.fileno(), PROBE, largest)
            os.fsync(file.fileno())
    except OSError as error:
        return error.errno in FULL
    return False


def full(folder: Path) -> StoreFull:
    """Return the error of a full disk."""
    return StoreFull(
        f"the disk of {folder} is full, or its quota: nothing was changed; make room there "
        "and try again"
    )


def read_only(folder: Path) -> StoreReadOnly:
    """Return the error of a disk that takes nothing."""
    return StoreReadOnly(
        f"{folder} is read-only here: nothing was changed; mount it for writing, or write "
        "as a user who may"
    )


def corrupt(folder: Path, what: str) -> StoreCorrupt:
    """Return the error of a damaged database."""
    return StoreCorrupt(
        f"the database of the store {folder} is damaged ({what}); keep the folder, and "
        "restore a backup into another one"
    )


def locked(folder: Path, by: str = "another process writes to it") -> StoreLocked:
    """Return the error of a store that others hold."""
    return StoreLocked(f"the store {folder} is locked: {by}; try again")


def of_sqlite(folder: Path, error: sqlite3.Error) -> StoreError:
    """Return our error for one of SQLite's."""
    # Errors of the module itself have no code.
    name = str(getattr(error, "sqlite_errorname", ""))
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return locked(folder)
    if name == "SQLITE_FULL":
        return full(folder)
    if name.startswith("SQLITE_READONLY"):
        return read_only(folder)
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return corrupt(folder, str(error))
    if name.startswith(("SQLITE_IOERR", "SQLITE_CANTOPEN")):
        return of_disk(folder, str(error))
    return StoreError(f"the store {folder} cannot do this: {error}")


def of_disk(folder: Path, what: str) -> StoreError:
    """Return our error for one that SQLite calls a disk's, whatever is behind it."""
    if not folder.is_dir():
        return missing(folder)
    if not os.access(folder, os.W_OK, effective_ids=True):
        return read_only(folder)
    if is_full(folder):
        return full(folder)
    return StoreError(f"the database of the store {folder} cannot be used: {what}")


def missing(folder: Path) -> StoreMissing:
    """Return the error of a folder without a store."""
    return StoreMissing(
        f"{folder} holds no store; name another folder, or make one there: the first "
        f"`leeboard registry --dir {folder} push` does, or `leeboard registry restore`"
    )


def closed(folder: Path) -> StoreError:
    """Return the error of a folder that this user may not look into."""
    return StoreError(
        f"the store {folder} may not be looked into by this user; ask its owner for the "
        "right to read it and to enter the folders above it"
    )


def of_files(folder: Path, error: OSError) -> StoreError:
    """Return our error for one of the file system."""
    if error.errno in FULL:
        return full(folder)
    if error.errno in REFUSED:
        return read_only(folder)
    what = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return StoreError(f"{folder} cannot be used: {what}")


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Raise ours for errors of SQLite and SQLAlchemy.

    IntegrityError passes: it says that a statement was wrong, not the store.
    """
    try:
        yield
    except IntegrityError:
        raise
    except PoolTimeout as error:
        raise locked(folder, "too many threads of this process use it") from error
    except DBAPIError as error:
        if isinstance(error.orig, sqlite3.Error):
            raise of_sqlite(folder, error.orig) from error
        raise
    except sqlite3.Error as error:
        raise of_sqlite(folder, error) from error
    except OverflowError as error:
        raise StoreError(f"a number has more than the 63 bits of {folder}") from error


@contextmanager
def told_of_files(folder: Path) -> Iterator[None]:
    """Raise ours for errors of the file system."""
    try:
        yield
    except OSError as error:
        raise of_files(folder, error) from error
