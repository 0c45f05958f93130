"""What a server knows without its registry: what it served, what it is frozen on.

A folder of its own holds the files of the versions it uses, by digest, and a small file
with the last word on every model. With both a server starts as it was while the registry
is away. One server at a time uses a folder.
"""

from __future__ import annotations

import fcntl
import glob
import json
import os
import shutil
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from runtime.atomic import sync_folder, write_bytes
from runtime.errors import ConfigError
from runtime.registry.source import Pointer

STATE, LOCK, VERSIONS, FETCHING = "state.json", "lock", "versions", ".fetching"


@dataclass(frozen=True, slots=True)
class Frozen:
    """That a model stays as it is: on which version, why, by whom, since when (Unix time).

    With `expected` its alias is to be moved there as well, as soon as the registry can be
    asked and if it still has that generation. That ends the freeze unless it `stays`.
    """

    number: int
    digest: str
    reason: str
    by: str
    at: float
    expected: int | None = None
    stays: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """The last word on one model: the alias, what served last, and a freeze."""

    pointer: Pointer | None = None
    number: int = 0  # Of what served last; 0: nothing ever did.
    digest: str = ""
    frozen: Frozen | None = None

    def frozen_on(self, serving: int) -> Frozen | None:
        """Return why the model stays as it is, if it does: here, or by its registry."""
        pointer = self.pointer
        if self.frozen is None and pointer is not None and pointer.frozen:
            number, by = serving or self.number, "the registry"
            return Frozen(number, self.digest, pointer.frozen, by, pointer.moved_at)
        return self.frozen


NOTHING = Known()


class LocalState:
    """A server's own folder; raises ConfigError where it cannot be had.

    What is set is on the disk when the call returns. Calls come from one thread at a time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            (folder / VERSIONS).mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        except OSError as error:
            raise ConfigError(
                f"{folder} cannot hold the server's state: {error}; give another folder "
                "with --state-dir"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise ConfigError(
                f"{folder} is in use by another server; give this one a folder of its own "
                "with --state-dir"
            ) from error
        try:
            self._known = self._read()
        except ConfigError:
            os.close(self._lock)
            raise
        for left in (folder / VERSIONS).glob(f"{FETCHING}-*"):
            shutil.rmtree(left, ignore_errors=True)

    def close(self) -> None:
        """Let another server have the folder."""
        os.close(self._lock)

    def known(self, model: str) -> Known:
        """Return the last word on a model."""
        return self._known.get(model, NOTHING)

    def set(self, model: str, known: Known) -> None:
        """Change what is known of a model; raises OSError when it cannot be written."""
        if known == self.known(model):
            return
        found = {**self._known, model: known}
        values = {name: asdict(each) for name, each in sorted(found.items())}
        text = json.dumps({"models": values}, indent=1) + "\n"
        write_bytes(self.folder / STATE, text.encode(), mode=0o600)
        self._known = found

    def place(self, digest: str, model: str) -> Path:
        """Return where a version's files are, or belong: a folder called as the model."""
        return self.folder / VERSIONS / f"{digest}-{model}" / model

    def begin(self, digest: str, model: str) -> Path:
        """Return an empty folder to fetch a version into; `finish` puts it in its place."""
        scratch = self.folder / VERSIONS / f"{FETCHING}-{digest}-{model}" / model
        shutil.rmtree(scratch.parent, ignore_errors=True)
        scratch.mkdir(parents=True)
        return scratch

    def finish(self, scratch: Path, digest: str) -> Path:
        """Put a fetched version in its place, in the place of whatever is there.

        Files of another version of the same digest, which may be in use, stay.
        """
        place = self.place(digest, scratch.name)
        if place.parent.exists():
            _take_over(place, scratch)
            shutil.rmtree(place.parent)
        _sync_below(scratch)
        scratch.parent.rename(place.parent)
        sync_folder(place.parent.parent)
        return place

    def keep(self, model: str, digests: Collection[str]) -> None:
        """Remove the files of all other versions of a model."""
        kept = {self.place(digest, model).parent for digest in digests}
        for folder in (self.folder / VERSIONS).glob(f"*/{glob.escape(model)}"):
            place = folder.parent
            if place not in kept and not place.name.startswith(FETCHING):
                shutil.rmtree(place, ignore_errors=True)

    def _read(self) -> dict[str, Known]:
        path = self.folder / STATE
        try:
            values = json.loads(path.read_bytes())["models"]
            return {name: _known_from(one) for name, one in values.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(
                f"{path} cannot be read: {error}; remove it to begin from what the "
                "registry says (freezes are forgotten)"
            ) from error


def _known_from(values: dict[str, Any]) -> Known:
    pointer, frozen = values["pointer"], values["frozen"]
    return Known(
        Pointer(**pointer) if pointer else None,
        int(values["number"]),
        str(values["digest"]),
        Frozen(**frozen) if frozen else None,
    )


def _take_over(place: Path, scratch: Path) -> None:
    """Move the versions of a model's folder that another folder lacks to that one."""
    for version in place.glob("[0-9]*") if place.is_dir() else ():
        if not (scratch / version.name).exists():
            version.rename(scratch / version.name)


def _sync_below(folder: Path) -> None:
    """Wait until all files of a folder are on the disk."""
    for place, _, files in os.walk(folder):
        for name in files:
            descriptor = os.open(os.path.join(place, name), os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        sync_folder(Path(place))
