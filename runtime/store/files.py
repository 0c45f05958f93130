"""What the store does with files: made durable, read in pieces, locked.

A temporary file is locked by its writer for as long as that lives, so the files of dead
writers can be told from those of living ones, in other containers too.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Protocol

from runtime.atomic import sync_folder
from runtime.store.errors import StoreError

PIECE = 1 << 20
FOLDER_MODE = 0o750
FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
TRIES = 100


class Readable(Protocol):
    """What a blob can be put from: a file opened for bytes, or something like it."""

    def read(self, size: int, /) -> bytes:
        """Return at most `size` bytes, and none at the end."""


class Pieces:
    """Bytes as something to read: what `put_bytes` puts."""

    def __init__(self, content: bytes) -> None:
        self._left = memoryview(content)

    def read(self, size: int, /) -> bytes:
        """Return the next bytes."""
        piece, self._left = self._left[:size], self._left[size:]
        return bytes(piece)


def sync_file(path: Path) -> None:
    """Make a file's bytes durable."""
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner and group can look into, durably."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    with suppress(FileExistsError):
        folder.mkdir(FOLDER_MODE)
    sync_folder(folder.parent)


@contextmanager
def readable(path: Path) -> Iterator[BinaryIO]:
    """Open a file of somebody's; raises StoreError when it cannot be read."""
    try:
        # Opening a pipe would wait for whoever writes to it.
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise StoreError(f"{path} cannot be read: it is no file")
    with os.fdopen(file, "rb") as opened:
        yield opened


def ignore(piece: bytes) -> None:
    """Take a piece and do nothing with it."""


def drain(source: Readable, take: Callable[[bytes], object]) -> tuple[str, int]:
    """Read everything, give each piece to `take`; returns the digest and bytes of all."""
    summed, size = hashlib.sha256(), 0
    while piece := source.read(PIECE):
        summed.update(piece)
        size += len(piece)
        take(piece)
    return summed.hexdigest(), size


def try_lock(file: int, how: int) -> bool:
    """Lock an open file, or say that another has it locked."""
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def digest_of(path: Path) -> tuple[str, int]:
    """Return the SHA-256 of a file of the store in hex digits, and its bytes."""
    with open(path, "rb") as file:
        return drain(file, ignore)


class Scratch:
    """A folder of temporary files, each locked by whoever writes it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def new(self) -> tuple[Path, int]:
        """Return a new temporary file, open and locked; the folder is made for it."""
        make_folder(self.folder)
        for _ in range(TRIES):
            path = self.folder / secrets.token_hex(8)
            file = os.open(path, FLAGS, 0o600)
            # A sweep may take it for a dead writer's before it is locked, but not after.
            if try_lock(file, fcntl.LOCK_EX) and path.exists():
                return path, file
            os.close(file)
        raise StoreError(f"{self.folder} does not keep a file; stop what empties it")

    def sweep(self) -> int:
        """Remove the files of writers that are dead; returns how many there were."""
        if not self.folder.is_dir():
            return 0
        return sum(self._sweep_one(path) for path in self.folder.iterdir())

    def _sweep_one(self, path: Path) -> bool:
        """Remove a file if nobody has it locked."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, PermissionError):  # Another user's is not ours.
            return False
        try:
            if not try_lock(file, fcntl.LOCK_EX):
                return False
            path.unlink(missing_ok=True)
            return True
        finally:
            os.close(file)
