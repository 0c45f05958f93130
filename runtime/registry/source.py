"""Where a server's versions come from: what an alias points at, and the files behind it.

The store of this machine, a folder of models and MLflow are sources; all are held to the
conformance suite in `runtime.testing.registry_conformance`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from runtime.errors import LeeboardError
from runtime.registry.manifest import Manifest

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous"


class RegistryError(LeeboardError):
    """The registry refuses: an unknown name, a moved alias, a missing approval."""


class RegistryUnavailable(LeeboardError):
    """The registry cannot be asked now: it is gone, locked or broken. Ask again later."""


class DigestMismatch(LeeboardError):
    """A file is not what its manifest says, or a blob is missing."""


@dataclass(frozen=True, slots=True)
class Pointer:
    """What an alias pointed at when it was looked at.

    `generation` grows with every move of the alias: a move back to the same number has
    another one. `previous` is where the alias ``previous`` points, 0 for nowhere. With
    `any_signature` whoever moved the alias allowed the signature to change. `frozen` says
    why no server may swap the model, if so. `moved_at` is in Unix seconds.
    """

    model: str
    alias: str
    number: int
    digest: str
    generation: int
    previous: int = 0
    any_signature: bool = False
    frozen: str = ""
    moved_by: str = ""
    moved_at: float = 0.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Use:
    """A version that a server holds, and for what: ``serves``, ``warm`` or ``loading``."""

    model: str
    number: int
    use: str


@dataclass(frozen=True, slots=True)
class Happened:
    """Something a server did that the registry's log should keep.

    `action` is like ``swapped``, ``refused`` or ``rolled-back``; `details` one line.
    """

    action: str
    model: str
    number: int
    actor: str
    details: str = ""


class Source(Protocol):
    """A registry as a server sees it.

    Calls may block, and come from one thread at a time, though not always the same. All
    raise RegistryUnavailable when the registry cannot be asked.
    """

    @property
    def place(self) -> str:
        """Where it is, for people."""

    def look(self, model: str, alias: str) -> Pointer:
        """Return what an alias points at; RegistryError when there is no such alias."""

    def manifest(self, model: str, number: int) -> Manifest:
        """Return a version's manifest; RegistryError when there is no such version."""

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        """Write a version's files below an empty folder, each held to its digest.

        `into` looks like a model's folder then: settings in it, and what the manifest has
        below ``model/`` in a folder named by the number. Raises DigestMismatch.
        """

    def move(
        self, model: str, alias: str, number: int, expected: int, actor: str, reason: str
    ) -> Pointer:
        """Point an alias elsewhere if its generation is `expected`; RegistryError if not.

        ``previous`` follows ``champion``: it points at what that pointed at before.
        """

    def tell(self, server: str, uses: Iterable[Use], news: Iterable[Happened]) -> None:
        """Say what a server holds from now on, and what it did."""

    def head(self) -> str:
        """Return the head of its audit log as ``SEQ:HASH``; empty where it keeps none."""

    def watch(self) -> int:
        """Return a descriptor that is readable after a change, or -1 for none.

        The caller reads it empty; it belongs to the source.
        """

    def close(self) -> None:
        """Let go of everything."""
