"""The token file: read, watched, and changed as a whole.

A broken file never takes effect: the identities of the last good one stay, and one line in
the log says so. The file is written as a whole, with mode 0600.
"""

from __future__ import annotations

import fcntl
import logging
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from runtime.access.identities import Identity
from runtime.access.listed import parse, render
from runtime.atomic import write_bytes
from runtime.errors import ConfigError
from runtime.printable import escaped

logger = logging.getLogger(__name__)

MODE = 0o600
MOST_BYTES = 16 << 20

Print = tuple[int, int, int, int]


def read(path: Path) -> tuple[Identity, ...]:
    """Return the identities of a file; raises ConfigError that names it."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(raw) > MOST_BYTES:
        raise ConfigError(f"{path} is larger than {MOST_BYTES >> 20} MiB")
    try:
        return parse(raw.decode())
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is no UTF-8 text") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {escaped(str(error))}") from error


def write(path: Path, identities: Sequence[Identity]) -> None:
    """Replace a file, readable by its owner only; raises ConfigError."""
    try:
        write_bytes(path, render(identities).encode(), mode=MODE)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep others from changing a file meanwhile: two commands must not lose a token."""
    try:
        lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise ConfigError(f"{path.parent} cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def loose_mode(path: Path) -> str:
    """Return what is wrong with who may read a file, or nothing."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return f"{path} can be read or written by others (mode {mode:o}); chmod 600 it"
    return ""


class AccessFile:
    """A token file that a server follows.

    `on_change` is called with the identities whenever they are others; on the loop's
    thread, or on that of `reload`'s caller.
    """

    def __init__(
        self, path: Path, on_change: Callable[[tuple[Identity, ...]], None]
    ) -> None:
        self._path = path
        self._on_change = on_change
        self._print: Print | None = None
        self._identities: tuple[Identity, ...] = ()

    def open(self) -> None:
        """Read the file for the first time; raises ConfigError when it is no good."""
        self._print = self._look()
        self._identities = read(self._path)
        if not self._identities:
            raise ConfigError(
                f"{self._path} lists nobody: `leeboard tokens new NAME --role infer` adds "
                "the first identity"
            )
        if words := loose_mode(self._path):
            logger.warning("%s", words)
        self._on_change(self._identities)

    def reload(self) -> str:
        """Read the file again; returns what changed, or nothing.

        Raises ConfigError, and keeps what was, when it is no good.
        """
        self._print = self._look()
        identities = read(self._path)
        before = self._identities
        if identities == before:
            return ""
        self._identities = identities
        self._on_change(identities)
        tokens = sum(len(identity.tokens) for identity in identities)
        return f"{self._path}: {len(identities)} identities with {tokens} tokens"

    async def follow(self, every_s: float) -> None:
        """Reload the file whenever it changes, until cancelled."""
        import asyncio  # Commands that only read the file do without it.

        while True:
            await asyncio.sleep(every_s)
            self.look()

    def look(self) -> None:
        """Reload the file if it looks different; the log says what came of it."""
        if self._look() == self._print:
            return
        try:
            if changed := self.reload():
                logger.info("reloaded %s", changed)
        except ConfigError as error:
            logger.error("the tokens stay as they were: %s", error)

    def _look(self) -> Print | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
