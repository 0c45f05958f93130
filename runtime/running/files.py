"""Files that a server leaves for others to read."""

from __future__ import annotations

from pathlib import Path

from runtime.atomic import write_bytes
from runtime.errors import ConfigError


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing, a crash included.

    Raises ConfigError, and leaves nothing behind, where that is impossible.
    """
    try:
        write_bytes(path, text.encode())
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
