"""Files that a server leaves for others to read."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from runtime.errors import ConfigError


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing, a crash included.

    Raises ConfigError, and leaves nothing behind, where that is impossible.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
