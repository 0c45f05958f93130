"""All versions that are served: loads them, publishes them, replaces and unloads them.

A model changes in this order: the new version is loaded and proven, the route table names
it, the one it replaces finishes what it has and goes. What cannot be loaded never sees a
request, and what it was to replace stays.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Iterable
from typing import Protocol

from runtime.errors import LeeboardError, ModelError
from runtime.events import about
from runtime.models.describe import called
from runtime.models.lifecycle import State
from runtime.models.plans import (
    Common,
    Succession,
    batching_of,
    load_request,
    workers_of,
)
from runtime.models.publication import Books, Key, make_table
from runtime.models.repository import Broken, Found, ModelSource
from runtime.models.settings import ModelSettings
from runtime.models.version import Version
from runtime.native.server import Server as Plane
from runtime.workers.zygotes import Zygotes

logger = logging.getLogger(__name__)

MEMORY_LOOK_S = 0.5
LOADS_AT_ONCE = 2
"""Model loads compete for memory and cores; more at once would only load each later."""

RETIRE_S = 60.0
"""How long a replaced version may take to finish what it has."""

UNLOADED, NOT_LOADED, MISSING = "unloaded", "not loaded", "it is not in the repository"
START, CALL = "the start of the server", "a load call"


class Repository(Protocol):
    """Where models are found; see `runtime.models.repository`."""

    def find_model(self, name: str, settings: ModelSettings | None = None) -> Found:
        """Return the versions of one model, under other settings where some are given."""


class ModelManager:
    """Owns the versions; publishes a new route table whenever one changes its state."""

    def __init__(self, repository: Repository, common: Common, plane: Plane) -> None:
        self._repository = repository
        self._common = common
        self._plane = plane
        self._zygotes = Zygotes(common.workers.forks)
        self._watch: asyncio.Task[None] | None = None
        self._gate = asyncio.Semaphore(LOADS_AT_ONCE)
        self._turns: dict[str, asyncio.Lock] = {}
        self._current: dict[Key, Version] = {}
        self._retiring: dict[asyncio.Task[None], Version] = {}
        self.books = Books()
        self.opened = False  # Whether the first load is over.

    @property
    def versions(self) -> list[Version]:
        """All versions that a table names, by name and number."""
        return [self._current[key] for key in sorted(self._current, key=_in_order)]

    @property
    def broken(self) -> list[str]:
        """What cannot be served, a sentence each."""
        unready = [v for v in self.versions if v.state is not State.READY]
        notes = [
            f"{' version '.join(filter(None, key))}: {reason}"
            for key, reason in sorted(self.books.notes.items())
            if key not in self._current and reason not in (UNLOADED, NOT_LOADED)
        ]
        return [f"{v.label}: {v.reason}" for v in unready] + notes

    @property
    def retirements(self) -> frozenset[asyncio.Task[None]]:
        """What is still being finished of versions that no table names."""
        return frozenset(self._retiring)

    @property
    def ready(self) -> bool:
        """Whether the first load is over, and something serves if anything should."""
        states = [version.state for version in self._current.values()]
        return self.opened and (State.READY in states or not (states or self.broken))

    def publish(self) -> None:
        """Give the data plane a table of what is served now."""
        self.books.announce()
        hidden = self._common.hidden
        self._plane.set_table(make_table(self.versions, self.books, self.ready, hidden))

    async def load_all(
        self,
        found: Found,
        names: frozenset[str] | None = None,
        more: Awaitable[None] | None = None,
    ) -> None:
        """Load all that was found, or the models named; what fails has its reason.

        The first load is over when `more` is done, too.
        """
        if self._common.workers.memory_bytes and self._watch is None:
            self._watch = asyncio.create_task(self._watch_memory())
        wanted = [s for s in found.sources if names is None or s.name in names]
        self._note_broken(b for b in found.broken if names is None or b.name in names)
        if names is not None:
            self.books.notes |= {(name, ""): NOT_LOADED for name in found.names - names}
            self.books.notes |= {(name, ""): MISSING for name in names - found.names}
        by_name: dict[str, list[ModelSource]] = {}
        for source in wanted:
            by_name.setdefault(source.name, []).append(source)
        loads = [self._open_all(*item) for item in by_name.items()]
        await asyncio.gather(*loads, *([more] if more else []))
        self.opened = True
        self.publish()

    async def load(
        self,
        name: str,
        version: str = "",
        settings: ModelSettings | None = None,
        chosen_by: str = CALL,
    ) -> None:
        """Load a model, or load it again: new and changed versions come, unwanted ones go.

        With `version` only that one is touched. Raises ModelError with the reasons when
        the repository has no such model or something of it could not be loaded; what was
        served before then stays. `chosen_by` is told of what serves then.
        """
        async with self._turn(name):
            found = await asyncio.to_thread(self._repository.find_model, name, settings)
            sources = [s for s in found.sources if version in ("", s.version)]
            broken = [b for b in found.broken if version in ("", b.version)]
            if not sources and not broken:
                self._forget_stale(name, set())
                self.publish()
                raise ModelError(f"the repository has no model {called(name, version)}")
            self._forget_stale(name, {(b.name, b.version) for b in broken})
            self._note_broken(broken)
            changed = [source for source in sources if not self._has(source)]
            reasons = await asyncio.gather(*(self._open(s, chosen_by) for s in changed))
            if not version and not broken and not any(reasons):
                kept = {source.version for source in sources}
                self._remove(v for v in self._of(name) if v.source.version not in kept)
            self.publish()
            failed = [reason for reason in reasons if reason] + [b.reason for b in broken]
            if failed:
                raise ModelError("; ".join(failed))

    async def unload(self, name: str, version: str = "") -> None:
        """Take a model, or one version of it, out of service; what it has is finished.

        Returns once no new request can reach it. Raises ModelError if it is not loaded.
        """
        async with self._turn(name):
            going = [v for v in self._of(name) if version in ("", v.source.version)]
            if not going:
                self._forget_stale(name, set())
                self.publish()
                raise ModelError(f"model {called(name, version)} is not loaded")
            self._remove(going)

    async def bring(
        self,
        source: ModelSource,
        chosen_by: str,
        before: Version | None = None,
        any_signature: bool = False,
    ) -> Version:
        """Load a version beside those that serve, for those only who name it.

        It has to show that it can take the place of `before`. Raises ModelError with the
        reason when it cannot be loaded: nothing is left of it then but that reason in the
        index.
        """
        after, recorded = None, None
        if before is not None and before.loaded is not None:
            recorded = await before.recorded()
            after = Succession(before.loaded.signature, recorded, any_signature)
        try:
            async with self._turn(source.name):
                reason = await self._open(source, chosen_by, after)
        finally:
            if recorded is not None:
                os.close(recorded)
        version = self._current[source.name, source.version]
        if reason:
            if version.state is not State.READY:  # It is not one that was there before.
                self._remove([version], version.reason)
            raise ModelError(version.reason or reason)
        return version

    def prefer(self, name: str, number: str) -> None:
        """Have those who name no version of a model answered by this one, from now on."""
        self.books.preferred[name] = number
        self.publish()

    def find(self, name: str, number: str) -> Version | None:
        """Return a version that a table names, whatever its state."""
        return self._current.get((name, number))

    def withdraw(self, name: str, number: str) -> None:
        """Take a version out of the table and have it finish what it has."""
        self._remove([self._current[name, number]], "")

    def forgive(self, worker: int, text: str) -> None:
        """Hear that a worker was ended by one request, and by nothing else."""
        any(version.forgive(worker, text) for version in self._all())

    def note_retired(self, number: int) -> None:
        """Hear that the data plane has finished all that a version had."""
        any(version.note_retired(number) for version in self._retiring.values())

    async def close(self, timeout_s: float) -> None:
        """End all workers."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        versions = self._all()  # Those that retire, too: whatever of them is left.
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        await asyncio.gather(*(version.close(timeout_s) for version in versions))
        await self._zygotes.close()

    def _all(self) -> list[Version]:
        return [*self._current.values(), *self._retiring.values()]

    def _of(self, name: str) -> list[Version]:
        return [version for key, version in self._current.items() if key[0] == name]

    def _turn(self, name: str) -> asyncio.Lock:
        """Return the lock of a model, of which one thing is changed at a time."""
        return self._turns.setdefault(name, asyncio.Lock())

    async def _open_all(self, name: str, sources: Iterable[ModelSource]) -> None:
        async with self._turn(name):
            await asyncio.gather(*(self._open(s, START) for s in sources))

    def _has(self, source: ModelSource) -> bool:
        """Tell whether exactly this, as it lies on disk now, is being served."""
        current = self._current.get((source.name, source.version))
        return (
            current is not None
            and current.state is State.READY
            and source.fingerprint is not None
            and current.source == source
        )

    def _forget_stale(self, name: str, broken: set[Key]) -> None:
        """Drop what was said of a model's files and is not true any more."""
        for key, note in list(self.books.notes.items()):
            is_served = key in self._current
            if key[0] == name and not is_served and note != UNLOADED and key not in broken:
                del self.books.notes[key]

    def _note_broken(self, broken: Iterable[Broken]) -> None:
        for one in broken:
            what = " version ".join(filter(None, (one.name, one.version)))
            extra = about("failed", one.name, one.version)
            logger.error("%s cannot be served: %s", what, one.reason, extra=extra)
            self.books.notes[one.name, one.version] = one.reason

    async def _open(
        self, source: ModelSource, chosen_by: str, after: Succession | None = None
    ) -> str:
        """Load one version and let it take its place; returns why it could not, or nothing.

        Where another version of the same number serves, it stays until the new one can.
        """
        key = (source.name, source.version)
        batching = batching_of(source.settings, self._common.batching)
        workers = workers_of(source.settings, self._common.workers)
        version = Version(
            source, batching, workers, self._plane, self._zygotes, self.publish
        )
        for note in source.settings.notes:
            logger.warning("%s: %s", version.label, note)
        before = self._current.get(key)
        if before is None or before.state is not State.READY:
            self._replace(key, version)
        request = load_request(source, batching, workers, self._common.cache_dir)
        request = after.of(request) if after else request
        async with self._gate:
            await version.start(request, chosen_by)
        if version.state is State.READY:
            self.books.notes.pop(key, None)
            self.books.notes.pop((source.name, ""), None)
            self._replace(key, version)
            return ""
        if self._current.get(key) is not version:
            self.books.notes[key] = f"could not be loaded again: {version.reason}"
            self._retire(version)
        return f"{version.label}: {version.reason}"

    def _replace(self, key: Key, version: Version) -> None:
        """Name a version in the table; the one it replaces retires."""
        before = self._current.get(key)
        self._current[key] = version
        self.publish()
        if before is not None and before is not version:
            self._retire(before)

    def _remove(self, going: Iterable[Version], note: str = UNLOADED) -> None:
        """Take versions out of the table, then have them finish and go."""
        gone = list(going)
        for version in gone:
            key = (version.source.name, version.source.version)
            del self._current[key]
            self.books.told.pop(key, None)
            if note:
                self.books.notes[key] = note
        self.publish()
        for version in gone:
            self._retire(version)

    def _retire(self, version: Version) -> None:
        """Have a version that no table names finish and go, while others serve."""

        async def retire() -> None:
            try:
                await version.retire(RETIRE_S)
            except LeeboardError:
                logger.exception("%s could not be ended in order", version.label)

        task = asyncio.get_running_loop().create_task(retire())
        self._retiring[task] = version
        task.add_done_callback(lambda done: self._retiring.pop(done, None))

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(MEMORY_LOOK_S)
            for version in self._all():
                version.end_the_greedy()


def _in_order(key: Key) -> tuple[str, int, str]:
    name, version = key
    return name, len(version), version
