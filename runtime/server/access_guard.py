"""Brings the token file to the data plane and to the control port, and follows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from runtime.access.decisions import AccessTable
from runtime.access.file import AccessFile
from runtime.access.identities import Identity
from runtime.native import access as native
from runtime.native.server import Server as Plane

FOLLOW_S = 3.0


def native_table(identities: Sequence[Identity], health_open: bool) -> native.AccessTable:
    """Return identities as the data plane takes them; for one `set_access`."""
    table = native.AccessTable(health_open)
    for identity in identities:
        table.add(identity)
    return table


class AccessGuard:
    """Who may do what, on both ports. Without a file everybody may do everything."""

    def __init__(self, path: Path | None, health_open: bool, plane: Plane) -> None:
        self._plane = plane
        self._health_open = health_open
        self._file = None if path is None else AccessFile(path, self._take)
        self.table: AccessTable | None = None

    def open(self) -> None:
        """Read the file; raises ConfigError. Call it before the plane starts."""
        if self._file is not None:
            self._file.open()

    def reload(self) -> str:
        """Read the file again; returns what changed. ConfigError changes nothing."""
        return "" if self._file is None else self._file.reload()

    async def follow(self) -> None:
        """Take over what changes in the file, until cancelled."""
        if self._file is not None:
            await self._file.follow(FOLLOW_S)

    def identity_of(self, name: str) -> Identity | None:
        """Return the identity of a name as the file is now."""
        return None if self.table is None else self.table.named(name)

    def _take(self, identities: tuple[Identity, ...]) -> None:
        native.set_access(self._plane, native_table(identities, self._health_open))
        self.table = AccessTable(identities, self._health_open)
