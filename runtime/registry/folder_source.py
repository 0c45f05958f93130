"""A folder of models as a registry: MODEL/VERSION/files, with aliases beside.

``latest`` is the highest finished version; other aliases are files that hold a number
(`runtime.registry.folder_aliases`). Digests are computed by reading each file once, and
again after it changed. What servers tell is not kept: a folder has no place for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runtime.registry import folder_aliases
from runtime.registry.copying import copy_all, described
from runtime.registry.folder_aliases import ALIASES_FOLDER, LATEST, Said
from runtime.registry.folder_layout import (
    Stamp,
    files_of,
    framework_of,
    model_folder,
    numbers_of,
    stamp_of,
    version_folder,
)
from runtime.registry.folder_watch import FolderWatch
from runtime.registry.manifest import File, Manifest, ManifestError, digest_of
from runtime.registry.source import (
    CHAMPION,
    PREVIOUS,
    Happened,
    Pointer,
    RegistryError,
    RegistryUnavailable,
    Use,
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What an alias was last seen to point at, and the generation that was told then."""

    number: int
    digest: str
    generation: int


class FolderSource:
    """The models of one folder; see the module and `runtime.registry.source.Source`.

    The generation of ``latest`` comes from when its version's folder came or changed. It
    grows as long as this source is open; a source that is opened after the highest version
    was taken away may tell a lower one, though never the same as before.
    """

    def __init__(self, folder: Path) -> None:
        self._root = folder.absolute()
        self._files: dict[str, tuple[Stamp, File]] = {}
        self._seen: dict[tuple[str, str], Seen] = {}
        self._watch: FolderWatch | None = None

    @property
    def place(self) -> str:
        """Where it is, as `runtime.registry.sources` opens it."""
        return f"folder:{self._root}"

    def look(self, model: str, alias: str) -> Pointer:
        """Return what an alias points at; RegistryError when there is no such alias."""
        with self._asking():
            return self._pointer(model_folder(self._root, model), alias)

    def manifest(self, model: str, number: int) -> Manifest:
        """Return a version's manifest; RegistryError when there is no such version."""
        with self._asking():
            return self._described(model_folder(self._root, model), number)[0]

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        """Write a version's files below an empty folder; DigestMismatch, RegistryError."""
        with self._asking():
            found = self._described(model_folder(self._root, model), number)
            manifest, files = found
            copy_all(manifest, files, number, into)
            return manifest

    def move(
        self, model: str, alias: str, number: int, expected: int, actor: str, reason: str
    ) -> Pointer:
        """Point an alias elsewhere if its generation is `expected`, 0 for a new alias."""
        if alias == LATEST:
            raise RegistryError(
                f"{model}@{LATEST} is always the highest version; move another alias"
            )
        with self._asking():
            folder = model_folder(self._root, model)
            version_folder(folder, number)
            with folder_aliases.locked(folder):
                now = folder_aliases.read(folder, alias)
                self._demand_generation(folder, alias, now, expected)
                if now is not None and now.number == number:
                    return self._pointer(folder, alias)
                if alias == CHAMPION and now is not None:
                    follows = folder_aliases.read(folder, PREVIOUS) or Said(0, 0)
                    before = Said(now.number, follows.generation, actor, reason)
                    folder_aliases.write(folder, PREVIOUS, before)
                generation = now.generation if now else 0
                folder_aliases.write(folder, alias, Said(number, generation, actor, reason))
            return self._pointer(folder, alias)

    def tell(self, server: str, uses: Iterable[Use], news: Iterable[Happened]) -> None:
        """Keep nothing; see the module."""
        with self._asking():
            stamp_of(self._root)

    def head(self) -> str:
        """Return nothing: there is no audit log."""
        return ""

    def watch(self) -> int:
        """Return a descriptor that is readable after a change, or -1 for none.

        The models whose aliases were looked at are listened to, and which models there are.
        """
        if self._watch is None:
            self._watch = FolderWatch()
            self._watch.add(self._root)
            for model in {model for model, _ in self._seen}:
                self._listen(self._root / model)
        return self._watch.descriptor

    def close(self) -> None:
        """Let go of everything."""
        if self._watch is not None:
            self._watch.close()

    def aliases(self, model: str) -> list[str]:
        """Return the aliases of a model that point at something, ``latest`` left out."""
        with self._asking():
            return folder_aliases.names(model_folder(self._root, model))

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Turn what the disk says into what a registry says."""
        try:
            yield
        except OSError as error:
            raise RegistryUnavailable(f"{self.place} cannot be used: {error}") from error
        except ManifestError as error:
            raise RegistryError(f"{self.place}: {error}") from error

    def _pointer(self, folder: Path, alias: str) -> Pointer:
        self._listen(folder)
        said = (
            self._latest(folder) if alias == LATEST else folder_aliases.read(folder, alias)
        )
        if said is None:
            raise RegistryError(
                f"{folder.name} has no alias {alias!r}; {LATEST!r} is its highest version, "
                f"others are files in {folder / ALIASES_FOLDER}"
            )
        digest = digest_of(self._described(folder, said.number)[0])
        previous = folder_aliases.read(folder, PREVIOUS)
        return Pointer(
            folder.name,
            alias,
            said.number,
            digest,
            self._generation(folder.name, alias, said, digest),
            previous=previous.number if previous else 0,
            moved_by=said.moved_by,
            moved_at=said.generation / 1e9,
            reason=said.reason,
        )

    def _latest(self, folder: Path) -> Said | None:
        numbers = numbers_of(folder)
        if not numbers:
            return None
        return Said(numbers[-1], stamp_of(folder / str(numbers[-1])).changed_ns)

    def _generation(self, model: str, alias: str, said: Said, digest: str) -> int:
        """Return the alias's generation, grown wherever what it points at is another."""
        before = self._seen.get((model, alias))
        generation = said.generation
        if before is not None:
            is_same = (before.number, before.digest) == (said.number, digest)
            generation = max(generation, before.generation + (0 if is_same else 1))
        self._seen[model, alias] = Seen(said.number, digest, generation)
        return generation

    def _demand_generation(
        self, folder: Path, alias: str, now: Said | None, expected: int
    ) -> None:
        if now is None:
            if expected:
                raise RegistryError(f"{folder.name}@{alias} is not there any more")
            return
        if self._pointer(folder, alias).generation != expected:
            raise RegistryError(
                f"{folder.name}@{alias} was moved meanwhile: {now.moved_by or 'somebody'} "
                f"pointed it at {now.number}; look again before you move it"
            )

    def _described(self, folder: Path, number: int) -> tuple[Manifest, dict[str, Path]]:
        found = files_of(folder, number)
        files = tuple(self._file(path, name) for name, path in found.items())
        return Manifest(files, framework_of(list(found))), found

    def _file(self, path: Path, name: str) -> File:
        stamp = stamp_of(path)
        known = self._files.get(str(path))
        if known is not None and known[0] == stamp and known[1].path == name:
            return known[1]
        file = described(path, name)
        self._files[str(path)] = (stamp, file)
        return file

    def _listen(self, folder: Path) -> None:
        if self._watch is not None:
            self._watch.add(self._root)
            self._watch.add(folder)
            self._watch.add(folder / ALIASES_FOLDER)
