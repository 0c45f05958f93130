"""The suite of registries finds sources that break a promise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.registry.folder_source import FolderSource
from runtime.registry.manifest import Manifest
from runtime.registry.source import Pointer, RegistryError, RegistryUnavailable, Source
from runtime.testing.registry_conformance import CHECKS, ConformanceError
from tests.conformance.folder_stand import FolderStand


class StandsStill(FolderSource):
    """Tells the same generation for ever."""

    def look(self, model: str, alias: str) -> Pointer:
        return replace(super().look(model, alias), generation=1)


class NobodyKnows(FolderSource):
    """Calls an unknown name an outage."""

    def look(self, model: str, alias: str) -> Pointer:
        try:
            return super().look(model, alias)
        except RegistryError as error:
            raise RegistryUnavailable("gone") from error


class AlwaysThere(FolderSource):
    """Calls an outage an unknown name."""

    def look(self, model: str, alias: str) -> Pointer:
        try:
            return super().look(model, alias)
        except RegistryUnavailable as error:
            raise RegistryError("no such model") from error


class LastOneWins(FolderSource):
    """Moves an alias whatever its generation is."""

    def move(
        self, model: str, alias: str, number: int, expected: int, actor: str, reason: str
    ) -> Pointer:
        try:
            expected = self.look(model, alias).generation
        except RegistryError:
            expected = 0
        return super().move(model, alias, number, expected, actor, reason)


class Trusts(FolderSource):
    """Remembers manifests, and copies whatever lies there."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._known: dict[tuple[str, int], Manifest] = {}

    def manifest(self, model: str, number: int) -> Manifest:
        return self._known.setdefault((model, number), super().manifest(model, number))

    def look(self, model: str, alias: str) -> Pointer:
        pointer = super().look(model, alias)
        self.manifest(model, pointer.number)
        return pointer

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        super().fetch(model, number, into)
        return self.manifest(model, number)


class Litters(FolderSource):
    """Leaves a file of its own among those of a version."""

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        manifest = super().fetch(model, number, into)
        (into / "fetched.txt").write_text("yes")
        return manifest


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (StandsStill, "look_follows"),
        (NobodyKnows, "unknown"),
        (AlwaysThere, "outage"),
        (LastOneWins, "move_conflicts"),
        (LastOneWins, "new_alias"),
        (Trusts, "damage"),
        (Litters, "fetch"),
    ],
)
def test_a_broken_promise_is_found(
    make: Callable[[Path], Source], check: str, tmp_path: Path
) -> None:
    class Stand(FolderStand):
        def open(self) -> Source:
            return make(self.root)

    with pytest.raises(ConformanceError):
        CHECKS[check](Stand(tmp_path))
