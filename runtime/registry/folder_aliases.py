"""Aliases of a folder of models: files ``MODEL/.aliases/ALIAS`` that hold a number.

A person may write one by hand. The file's time of change is the alias's generation: it is
read with the number, and whoever writes here sees to it that it grows, even where the
clock went back. A lock on the folder of aliases makes compare-and-set true among writers
that use it, on every file system with flock.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.atomic import replacing
from runtime.printable import escaped
from runtime.registry.folder_layout import is_name, is_number
from runtime.registry.source import RegistryError, RegistryUnavailable

ALIASES_FOLDER = ".aliases"
LATEST = "latest"
"""The alias that nobody sets: the highest version there is."""

MOST_BYTES = 4096
LOCK_S = 5.0
LOOK_EVERY_S = 0.01


@dataclass(frozen=True, slots=True)
class Said:
    """What an alias's file says; the second line says who moved it, and why."""

    number: int
    generation: int
    moved_by: str = ""
    reason: str = ""


def read(folder: Path, alias: str) -> Said | None:
    """Return what an alias of a model's folder says, None where there is no such alias.

    Raises RegistryError where its file holds no number, and OSError.
    """
    path = folder / ALIASES_FOLDER / alias
    if not is_name(alias):
        return None
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES).decode(errors="replace")
            generation = os.fstat(file.fileno()).st_mtime_ns
    except (FileNotFoundError, NotADirectoryError):
        return None
    number, _, more = text.partition("\n")
    number = number.strip()
    if not is_number(number):
        raise RegistryError(f"{path} holds {number[:40]!r}; the number of a version is due")
    moved_by, _, reason = more.partition("\n")[0].partition(": ")
    return Said(int(number), generation, moved_by, reason)


def names(folder: Path) -> list[str]:
    """Return the aliases that a model's folder has files for."""
    try:
        return sorted(filter(is_name, os.listdir(folder / ALIASES_FOLDER)))
    except FileNotFoundError:
        return []


def write(folder: Path, alias: str, said: Said) -> int:
    """Write an alias under its lock; returns a generation beyond that of `said`."""
    if not is_name(alias) or alias == LATEST:
        raise RegistryError(f"{alias!r} is no alias that can be moved")
    line = f"{escaped(said.moved_by)}: {escaped(said.reason)}"
    generation = max(time.time_ns(), said.generation + 1)
    with replacing(folder / ALIASES_FOLDER / alias) as file:
        file.write(f"{said.number}\n{line}\n".encode()[:MOST_BYTES])
        file.flush()
        os.utime(file.fileno(), ns=(generation, generation))
        # A file system may keep coarser times than it was told.
        return os.fstat(file.fileno()).st_mtime_ns


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other writers from a model's aliases; RegistryUnavailable if one stays."""
    aliases = folder / ALIASES_FOLDER
    aliases.mkdir(exist_ok=True)
    descriptor = os.open(aliases, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        until = time.monotonic() + LOCK_S
        while not _try_lock(descriptor):
            if time.monotonic() > until:
                raise RegistryUnavailable(f"another process keeps {aliases} locked")
            time.sleep(LOOK_EVERY_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
