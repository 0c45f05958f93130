"""The store of this machine as a server's source of versions.

The store is opened when it is first asked, and again after it was away: whoever deletes,
restores or mounts its folder anew need not restart a server.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from runtime.atomic import sync_folder
from runtime.registry.layout import place_of
from runtime.registry.manifest import Manifest, ManifestError
from runtime.registry.records import Version
from runtime.registry.registry import Registry
from runtime.registry.source import (
    DigestMismatch,
    Happened,
    Pointer,
    RegistryUnavailable,
    Use,
)
from runtime.store.engine import DATABASE
from runtime.store.errors import BlobDamaged, BlobMissing, StoreError
from runtime.store.files import make_folder
from runtime.store.store import Store
from runtime.store.watch import ChangeWatch

WAIT_S = 2.0
"""For a lock of the database: a server asks again, and has others to ask meanwhile."""

Identity = tuple[int, int]
"""Device and inode of a database: another one lies in the same place after a restore."""


class StoreSource:
    """A `runtime.registry.source.Source` over a store's folder.

    `actor` is who leases and who the audit log names where nobody else is named. The
    folder need not be there yet.
    """

    def __init__(
        self,
        folder: Path,
        actor: str,
        namespace: str = "default",
        timeout_s: float = WAIT_S,
    ) -> None:
        self._folder = folder
        self._actor = actor
        self._namespace = namespace
        self._timeout_s = timeout_s
        self._store: Store | None = None
        self._opened: Identity | None = None
        self._watch: ChangeWatch | None = None

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._folder)

    def look(self, model: str, alias: str) -> Pointer:
        """Return what an alias points at; RegistryError when there is no such alias."""
        with self._asked() as registry:
            return registry.pointer(model, alias)

    def manifest(self, model: str, number: int) -> Manifest:
        """Return a version's manifest; DigestMismatch when it is not what was pushed."""
        with self._asked() as registry:
            return true_manifest(registry.version(model, number))

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        """Write a version's files below an empty folder, each held to its digest.

        All is durable at the end. Raises DigestMismatch for a blob that is missing or
        damaged; `into` holds some files then.
        """
        with self._asked() as registry:
            manifest = true_manifest(registry.version(model, number))
            folders = {into}
            for file in manifest.files:
                path = into / place_of(file.path, number)
                make_folder(path.parent)
                folders.add(path.parent)
                registry.store.blobs.copy(file.sha256, path)
            for folder in folders:
                sync_folder(folder)
            return manifest

    def move(
        self, model: str, alias: str, number: int, expected: int, actor: str, reason: str
    ) -> Pointer:
        """Point an alias elsewhere if its generation is `expected`, else RegistryError."""
        with self._asked() as asked:
            registry = Registry(asked.store, actor or self._actor, self._namespace)
            return registry.alias(model, alias, number, expected=expected, reason=reason)

    def tell(self, server: str, uses: Iterable[Use], news: Iterable[Happened]) -> None:
        """Say what a server holds and what it did: all of it is kept, or nothing."""
        with self._asked() as registry:
            registry.tell(server, uses, news)

    def head(self) -> str:
        """Return the head of the audit log as ``SEQ:HASH``."""
        with self._asked() as registry:
            return str(registry.store.audit_head())

    def watch(self) -> int:
        """Return a descriptor that is readable after a change, or -1 for none.

        None while the folder is not there: ask again when it answers.
        """
        if self._watch is not None and self._watch.fileno() < 0:
            self._watch.close()
            self._watch = None
        if self._watch is None:
            self._watch = ChangeWatch(self._folder)
        return self._watch.fileno()

    def close(self) -> None:
        """Let go of the store and of the watch."""
        self._forget()
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    @contextmanager
    def _asked(self) -> Iterator[Registry]:
        """Open the store if need be; its errors become those of a source."""
        try:
            yield Registry(self._open(), self._actor, self._namespace)
        except (BlobMissing, BlobDamaged) as error:
            raise DigestMismatch(str(error)) from error
        except (StoreError, OSError) as error:
            raise RegistryUnavailable(
                f"the registry {self._folder} cannot be asked: {error}"
            ) from error

    def _open(self) -> Store:
        """Return the store that lies there, opened anew where it is another one."""
        there = self._there()
        if self._store is None or there != self._opened:
            self._forget()
            self._store = Store.open(self._folder, self._timeout_s)
            self._opened = there
            if self._watch is not None:
                self._watch.drain()  # It may have been of a folder that is gone.
        return self._store

    def _there(self) -> Identity | None:
        try:
            found = (self._folder / DATABASE).stat()
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino

    def _forget(self) -> None:
        if self._store is not None:
            self._store.close()
        self._store = self._opened = None


def true_manifest(version: Version) -> Manifest:
    """Return a version's manifest; DigestMismatch when it is not what its digest is of."""
    digest = hashlib.sha256(version.text.encode()).hexdigest()
    if digest != version.digest:
        raise DigestMismatch(
            f"the manifest of {version.label} was changed: its digest is {digest}, not "
            f"{version.digest}; restore a backup"
        )
    try:
        return version.manifest
    except ManifestError as error:
        raise DigestMismatch(
            f"the manifest of {version.label} is damaged ({error}); restore a backup"
        ) from error
