"""A registry that is held to the suite of `runtime.testing.registry_conformance`."""

from __future__ import annotations

import os
import select
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol
from uuid import uuid4

from runtime.errors import LeeboardError
from runtime.registry.manifest import Manifest
from runtime.registry.source import CHAMPION, Source
from runtime.testing.asking import ConformanceError, demand

HEARD_S = 20.0
"""How long a change may take to be heard of; it comes at once, or something is broken."""

NOWHERE = 987_654_321
"""A number that no version has."""


class Stand(Protocol):
    """A registry that is held to the contract, and what others do to it."""

    def open(self) -> Source:
        """Return a source of the registry; the suite closes it."""

    def model_files(self) -> dict[str, bytes]:
        """Return the files of some version, by their names in a manifest.

        Two calls give versions that differ. One file lies below ``model/``.
        """

    def publish(self, model: str, files: Mapping[str, bytes]) -> int:
        """Add a version to a model, which may be new; returns its number."""

    def point(self, model: str, alias: str, number: int) -> None:
        """Point an alias at a version, as another person would."""

    def damage(self, model: str, number: int) -> None:
        """Change bytes of a version's model file, and not its size, behind its back."""

    def stop(self) -> None:
        """Take the registry away."""

    def start(self) -> None:
        """Bring the registry back as it was."""


@contextmanager
def opened(stand: Stand) -> Iterator[Source]:
    """Give a source that is closed afterwards."""
    source = stand.open()
    try:
        yield source
    finally:
        source.close()


def a_name() -> str:
    """Return a model's name that no other check uses."""
    return f"model_{uuid4().hex[:12]}"


def publish_two(stand: Stand) -> tuple[str, int, int]:
    """Publish two versions, the champion at the first; returns the model and both."""
    model = a_name()
    numbers = [stand.publish(model, stand.model_files()) for _ in range(2)]
    stand.point(model, CHAMPION, numbers[0])
    return model, numbers[0], numbers[1]


def refused(kind: type[LeeboardError], act: Callable[[], object], what: str) -> str:
    """Demand that something raises an error of exactly one kind; returns its text."""
    try:
        act()
    except LeeboardError as error:
        demand(
            type(error) is kind,
            f"{what}: {type(error).__name__}, not {kind.__name__}: {error}",
        )
        demand(bool(str(error)), f"{what}: the error has no words")
        return str(error)
    raise ConformanceError(f"{what}: nothing was raised, {kind.__name__} is due")


def fetched(source: Source, model: str, number: int) -> tuple[Manifest, dict[str, bytes]]:
    """Fetch a version; returns its manifest, and its files by their names in it."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder)
        manifest = source.fetch(model, number, into)
        found = {}
        for path in sorted(p for p in into.rglob("*") if not p.is_dir()):
            first, *rest = path.relative_to(into).parts
            name = "/".join(["model" if first == str(number) else first, *rest])
            demand(not path.is_symlink(), f"{name} is a link")
            found[name] = path.read_bytes()
        return manifest, found


def hears(descriptor: int, limit_s: float) -> bool:
    """Wait until a descriptor is readable; False when it is not in time."""
    return bool(select.select([descriptor], [], [], limit_s)[0])


def drain(descriptor: int) -> None:
    """Read a descriptor empty."""
    while hears(descriptor, 0):
        os.read(descriptor, 65536)
