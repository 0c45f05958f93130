"""MLflow's registry as a source: aliases are asked for, files held to their digests.

MLflow keeps no digest, no generation and no history of aliases. What is missing lies in
tags: of a model, ``leeboard.alias.ALIAS`` with the last move that was made through here;
of a version, ``leeboard.digest``, ``leeboard.state`` with what a server last did with it,
and ``leeboard.server.NAME`` with what for a server holds it.

There is no compare-and-set: an alias is read before and after it is set, and a move that
was overtaken is reported. Two moves within the same few milliseconds can both be told that
they succeeded; the alias then points at one of them.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from runtime.registry.copying import copy_all, described
from runtime.registry.folder_layout import framework_of
from runtime.registry.manifest import Manifest, ManifestError, digest_of
from runtime.registry.mlflow_client import Known, MlflowRegistry
from runtime.registry.mlflow_layout import files_in
from runtime.registry.source import (
    CHAMPION,
    PREVIOUS,
    DigestMismatch,
    Happened,
    Pointer,
    RegistryError,
    RegistryUnavailable,
    Use,
)

PREFIX = "leeboard."
DIGEST, STATE = f"{PREFIX}digest", f"{PREFIX}state"
ALIAS, SERVER = f"{PREFIX}alias.", f"{PREFIX}server."
LONGEST_TAG = 500
NOT_IN_A_TAG = re.compile(r"[^\w\-. /]")


@dataclass(frozen=True, slots=True)
class Moved:
    """The last move of an alias that was made through this program."""

    number: int = 0
    generation: int = 1
    moved_by: str = ""
    moved_at: float = 0.0
    reason: str = ""


class MlflowSource:
    """The models of one registry of MLflow; see the module.

    Generations grow with each move that this source sees. Looking at a version without
    the tag ``leeboard.digest`` downloads it once.
    """

    def __init__(self, uri: str) -> None:
        self._registry = MlflowRegistry(uri)
        self._manifests: dict[tuple[str, int], Manifest] = {}
        self._seen: dict[tuple[str, str], tuple[int, int]] = {}
        self._told: dict[tuple[str, int, str], str] = {}
        self._asked_of: set[tuple[str, str]] = set()

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return self._registry.place

    @property
    def registry(self) -> MlflowRegistry:
        """What else MLflow knows: for the import."""
        return self._registry

    def look(self, model: str, alias: str) -> Pointer:
        """Return what an alias points at; RegistryError when there is no such alias."""
        try:
            known = self._registry.by_alias(model, alias)
        except RegistryError as error:
            raise RegistryError(f"{model}@{alias} is not there: {error}") from error
        registered = self._registry.model(model)
        moved = last_move(registered.tags, alias)
        is_ours = moved.number == known.number
        return Pointer(
            model,
            alias,
            known.number,
            self._digest(known),
            self._generation(model, alias, known.number, moved),
            previous=registered.aliases.get(PREVIOUS, 0),
            moved_by=moved.moved_by if is_ours else "",
            moved_at=moved.moved_at if is_ours else 0.0,
            reason=moved.reason if is_ours else "",
        )

    def manifest(self, model: str, number: int) -> Manifest:
        """Return a version's manifest, for which its files are downloaded once."""
        known = self._manifests.get((model, number))
        if known is not None:
            return known
        with tempfile.TemporaryDirectory(prefix="leeboard-") as folder:
            return self.download(model, number, Path(folder))[0]

    def fetch(self, model: str, number: int, into: Path) -> Manifest:
        """Write a version's files below an empty folder; DigestMismatch, RegistryError."""
        with tempfile.TemporaryDirectory(prefix=".leeboard-", dir=into) as folder:
            manifest, files = self.download(model, number, Path(folder))
            copy_all(manifest, files, number, into)
            return manifest

    def move(
        self, model: str, alias: str, number: int, expected: int, actor: str, reason: str
    ) -> Pointer:
        """Point an alias elsewhere if its generation is `expected`, 0 for a new alias."""
        self._registry.version(model, number)
        now = self._pointer_or_none(model, alias)
        if (now.generation if now else 0) != expected:
            where = f"points at {now.number}" if now else "is not there any more"
            raise RegistryError(
                f"{model}@{alias} was moved meanwhile and {where}; look again before you "
                "move it"
            )
        if now is not None and now.number == number:
            return now
        if alias == CHAMPION and now is not None:
            self._registry.set_alias(model, PREVIOUS, now.number)
        self._registry.set_alias(model, alias, number)
        moved = {
            "number": number,
            "generation": expected + 1,
            "moved_by": actor,
            "moved_at": time.time(),
            "reason": reason[:LONGEST_TAG],
        }
        self._registry.tag_model(model, ALIAS + alias, json.dumps(moved))
        pointer = self.look(model, alias)
        if pointer.number != number:
            raise RegistryError(
                f"{model}@{alias} points at {pointer.number}, though it was just set to "
                f"{number}: somebody else moved it at the same time"
            )
        return pointer

    def tell(self, server: str, uses: Iterable[Use], news: Iterable[Happened]) -> None:
        """Write what changed into tags; a version that is gone is passed over."""
        key = SERVER + NOT_IN_A_TAG.sub("-", server)
        wanted = {(use.model, use.number): use.use for use in uses}
        models = {model for model, _ in wanted} | {
            model for model, _, told in self._told if told == key
        }
        for model in models:
            self._find_told(model, key)
        gone = [
            (model, number)
            for model, number, told in self._told
            if told == key and (model, number) not in wanted
        ]
        for version in gone:
            self._untag(*version, key)
        for (model, number), use in wanted.items():
            self._tag(model, number, key, use)
            if (model, number) in self._manifests:
                self._tag(model, number, DIGEST, digest_of(self._manifests[model, number]))
        for one in news:
            text = f"{one.action} by {one.actor} on {server}: {one.details}"
            self._tag(one.model, one.number, STATE, text[:LONGEST_TAG])

    def head(self) -> str:
        """Return nothing: there is no audit log."""
        return ""

    def watch(self) -> int:
        """Return -1: MLflow tells nobody, so it is asked from time to time."""
        return -1

    def close(self) -> None:
        """Let go of what is remembered."""
        self._manifests.clear()

    def _pointer_or_none(self, model: str, alias: str) -> Pointer | None:
        if alias not in self._registry.model(model).aliases:
            return None
        return self.look(model, alias)

    def _digest(self, known: Known) -> str:
        tagged = known.tags.get(DIGEST)
        return tagged or digest_of(self.manifest(known.model, known.number))

    def _generation(self, model: str, alias: str, number: int, moved: Moved) -> int:
        """Return a generation that grew if the alias moved since it was last looked at."""
        generation = moved.generation + (moved.number not in (0, number))
        seen = self._seen.get((model, alias))
        if seen is not None:
            generation = max(generation, seen[1] + (seen[0] != number))
        self._seen[model, alias] = number, generation
        return generation

    def download(
        self, model: str, number: int, folder: Path
    ) -> tuple[Manifest, Mapping[str, Path]]:
        """Write a version's artifacts to a folder; returns its manifest and files.

        Raises DigestMismatch for files that are not what they were, or should be.
        """
        known = self._registry.version(model, number)
        label = f"{model} {number} of {self.place}"
        try:
            files = files_in(self._registry.download(model, number, folder))
            found = tuple(described(path, name) for name, path in files.items())
            manifest = Manifest(found, framework_of(list(files)))
            digest = digest_of(manifest)
        except OSError as error:
            raise RegistryUnavailable(f"{label} cannot be downloaded: {error}") from error
        except (RegistryError, ManifestError) as error:
            raise RegistryError(f"{label}: {error}") from error
        before = self._manifests.setdefault((model, number), manifest)
        for wanted in {known.tags.get(DIGEST, digest), digest_of(before)} - {digest}:
            raise DigestMismatch(
                f"{label} has the digest {digest} and should have {wanted}: its files were "
                "changed after it was registered"
            )
        return manifest, files

    def _find_told(self, model: str, key: str) -> None:
        """Learn once what this server said of a model before it was started again."""
        if (model, key) in self._asked_of:
            return
        try:
            for known in self._registry.versions(model):
                if key in known.tags:
                    self._told[model, known.number, key] = known.tags[key]
            self._asked_of.add((model, key))
        except RegistryError:
            return

    def _tag(self, model: str, number: int, key: str, value: str) -> None:
        if self._told.get((model, number, key)) == value:
            return
        try:
            self._registry.tag(model, number, key, value)
        except RegistryError:
            return
        self._told[model, number, key] = value

    def _untag(self, model: str, number: int, key: str) -> None:
        with suppress(RegistryError):  # It is gone, and its tags with it.
            self._registry.untag(model, number, key)
        del self._told[model, number, key]


def last_move(tags: Mapping[str, str], alias: str) -> Moved:
    """Return what a model's tags say of an alias; nothing where anybody wrote nonsense.

    Examples
    --------
    >>> tags = {"leeboard.alias.champion": '{"number": 2, "generation": 5}'}
    >>> last_move(tags, "champion").generation
    5
    >>> last_move({"leeboard.alias.champion": "[]"}, "champion") == Moved()
    True
    """
    try:
        said = json.loads(tags.get(ALIAS + alias, "{}"))
        return Moved(
            int(said.get("number", 0)),
            int(said.get("generation", 1)),
            str(said.get("moved_by", "")),
            float(said.get("moved_at", 0)),
            str(said.get("reason", "")),
        )
    except (AttributeError, TypeError, ValueError, OverflowError):
        return Moved()
