"""The hands of a real server: files from the registry, versions in the model manager."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import replace
from pathlib import Path

from runtime.atomic import write_bytes
from runtime.errors import ConfigError, ModelError
from runtime.models.declaration import read_settings
from runtime.models.lifecycle import State
from runtime.models.manager import ModelManager
from runtime.models.model_folder import ModelFolder
from runtime.models.repository import ModelSource, found_in
from runtime.models.settings import Versions
from runtime.models.swapping import memory
from runtime.models.swapping.aside import aside
from runtime.models.swapping.errands import Errands
from runtime.models.swapping.hands import Costs, Told
from runtime.models.swapping.local_state import Known, LocalState
from runtime.models.version import Version
from runtime.registry.manifest import (
    MODEL_FOLDER,
    ManifestError,
    digest_of,
    from_json,
    to_json,
)
from runtime.registry.source import DigestMismatch, Pointer, Source

FETCH_S = 3600.0
"""A large model over a slow network may take its time."""

SAVE_S = 60.0
CHUNK = 1 << 20
MANIFEST = "manifest.json"
CONTRACT = "contract.json"


class ServerHands:
    """Changes one model of a server.

    Parameters
    ----------
    source
        Where files come from: this model's own, as a fetch may hang.
    disk
        The thread on which the local state is written.
    """

    def __init__(
        self,
        model: str,
        source: Source,
        manager: ModelManager,
        state: LocalState,
        disk: Errands,
    ) -> None:
        self._model = model
        self._source = source
        self._manager = manager
        self._state = state
        self._files = Errands(f"files of {model}")
        self._disk = disk
        self._left: Version | None = None  # What served and was withdrawn for another.

    async def fetch(self, pointer: Pointer) -> None:
        """Have a version's files here, held to their digests; raises LeeboardError."""
        place = self._state.place(pointer.digest, self._model)
        if await asyncio.to_thread(aside, lambda: is_whole(place, pointer)):
            return
        await self._files.run(lambda: aside(lambda: self._fetch(pointer)), FETCH_S)

    def _fetch(self, pointer: Pointer) -> None:
        scratch = self._state.begin(pointer.digest, self._model)
        manifest = self._source.fetch(self._model, pointer.number, scratch)
        if digest_of(manifest) != pointer.digest:
            raise DigestMismatch(
                f"{self._model}/{pointer.number} has the digest "
                f"{digest_of(manifest)[:12]}; the alias named {pointer.digest[:12]}"
            )
        write_bytes(scratch.parent / MANIFEST, to_json(manifest))
        if manifest.contract:
            contract = json.dumps(dict(manifest.contract))
            write_bytes(scratch.parent / CONTRACT, contract.encode())
        self._state.finish(scratch, pointer.digest)

    async def load(self, pointer: Pointer, chosen_by: str, after: int) -> None:
        """Load a version and prove it; raises ModelError with what it did not show."""
        place = self._state.place(pointer.digest, self._model)
        source = await asyncio.to_thread(source_at, place, pointer.number)
        before = self._manager.find(self._model, str(after)) if after else self._left
        await self._manager.bring(source, chosen_by, before, pointer.any_signature)

    def is_ready(self, number: int) -> bool:
        """Tell whether a version's workers serve."""
        version = self._manager.find(self._model, str(number))
        return version is not None and version.state is State.READY

    def publish(self, preferred: int, told: Told) -> None:
        """Have a version (0: none) answer those who name none, and tell clients of all."""
        books = self._manager.books
        for key in [each for each in books.told if each[0] == self._model]:
            del books.told[key]
        for number, parameters in told.items():
            books.told[self._model, str(number)] = parameters
        self._manager.prefer(self._model, str(preferred) if preferred else "")

    def withdraw(self, number: int) -> None:
        """Take a version out of service; what it has is finished."""
        version = self._manager.find(self._model, str(number))
        if version is None:
            return
        if self._manager.books.preferred.get(self._model) == str(number):
            self._left = version
        self._manager.withdraw(self._model, str(number))

    def refuse(self, number: int, reason: str) -> None:
        """Say in the index why a version (0: the model) is not served; "" takes it back."""
        key, notes = (self._model, str(number) if number else ""), self._manager.books.notes
        if notes.get(key, "") == reason:
            return
        if reason:
            notes[key] = reason
        else:
            del notes[key]
        self._manager.publish()

    async def given_back(self) -> None:
        """Wait until what was withdrawn has ended, and its memory is free."""
        if retirements := self._manager.retirements:
            await asyncio.wait(retirements)

    def close(self) -> None:
        """Let go of the registry's files; what is being fetched goes on for nobody."""
        self._files.close(self._source.close)

    def costs(self, number: int) -> Costs:
        """Return what a version takes, as its first worker measured it."""
        version = self._manager.find(self._model, str(number))
        if version is None or version.loaded is None:
            return Costs()
        report, workers = version.loaded.report, len(version.instances)
        peak = max(report.peak_bytes, report.memory_bytes)
        return Costs(report.memory_bytes * workers, peak * workers)

    def free(self) -> int:
        """Return the bytes of memory that could be taken."""
        return memory.free_bytes()

    async def save(self, known: Known, digests: frozenset[str]) -> None:
        """Write down what is known of the model, and keep the files of these versions."""

        def write() -> None:
            self._state.set(self._model, known)
            aside(lambda: self._state.keep(self._model, digests))

        await self._disk.run(write, SAVE_S)


def source_at(place: Path, number: int) -> ModelSource:
    """Return a fetched version as the server loads one; raises ModelError."""
    folder = ModelFolder(place, place.parent.resolve())
    try:
        settings = read_settings(folder)
        versions = Versions(named=(str(number),))
        origin = settings.origin or "its registry"
        settings = replace(settings, versions=versions, origin=origin)
        found = found_in(folder, settings)
    except (ConfigError, OSError) as error:
        raise ModelError(str(error)) from error
    if found.broken:
        raise ModelError(found.broken[0].reason)
    (source,) = found.sources
    stated = place.parent / CONTRACT  # In the manifest itself.
    return replace(source, contract=stated) if stated.is_file() else source


def is_whole(place: Path, pointer: Pointer) -> bool:
    """Tell whether a version's files are all here, and what its manifest says."""
    try:
        manifest = from_json((place.parent / MANIFEST).read_bytes())
        return digest_of(manifest) == pointer.digest and all(
            sha256(place_of(place, file.path, pointer.number)) == file.sha256
            for file in manifest.files
        )
    except (OSError, ValueError, ManifestError):
        return False


def place_of(place: Path, path: str, number: int) -> Path:
    """Return where a manifest's file lies in a fetched model's folder."""
    folder, _, rest = path.partition("/")
    return place / str(number) / rest if folder == MODEL_FOLDER and rest else place / path


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
