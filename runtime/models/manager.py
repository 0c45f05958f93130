"""All versions that are served: loads them, publishes them, closes them."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from runtime.config import Batching, Workers
from runtime.models import policy
from runtime.models.describe import server_metadata
from runtime.models.lifecycle import State
from runtime.models.repository import ModelSource
from runtime.models.version import Version
from runtime.native.server import Server as Plane
from runtime.native.server import Table
from runtime.workers.limits import Limits
from runtime.workers.process import LoadRequest
from runtime.workers.zygotes import Zygotes

logger = logging.getLogger(__name__)

MEMORY_LOOK_S = 0.5
LOADS_AT_ONCE = 2
"""Model loads compete for memory and cores; more at once would only load each later."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version in a route table; `state` is the data plane's number for it."""

    model: str
    version: str
    state: int
    reason: str
    metadata: bytes
    config: bytes


def entry_of(version: Version) -> Entry:
    """Return the row of the route table for a version as it is now."""
    description = version.description
    return Entry(
        version.source.name,
        version.source.version,
        version.state.value,
        version.reason or version.trouble,
        description.metadata if description else b"",
        description.config if description else b"",
    )


class ModelManager:
    """Owns the versions; publishes a new route table whenever one changes its state."""

    def __init__(
        self,
        sources: list[ModelSource],
        batching: Batching,
        workers: Workers,
        cache_dir: Path | None,
        plane: Plane,
    ) -> None:
        self._plane = plane
        self._cache_dir = cache_dir
        self._batching = batching
        self._workers = workers
        self._zygotes = Zygotes(workers.forks)
        self._watch: asyncio.Task[None] | None = None
        self.versions = [
            Version(source, batching, workers, plane, self._zygotes, self.publish)
            for source in sources
        ]

    @property
    def ready(self) -> bool:
        """Whether loading is over and something can be served."""
        states = [version.state for version in self.versions]
        return State.LOADING not in states and State.READY in states

    def publish(self) -> None:
        """Give the data plane a table of what is served now."""
        table = Table(server_metadata(), self.ready)
        for version in self.versions:
            if version.state is not State.GONE:
                table.add(entry_of(version), version.served)
        self._plane.set_table(table)

    async def load_all(self) -> None:
        """Load every version; one that cannot be loaded is unavailable with its reason."""
        self.publish()
        if self._workers.memory_bytes:
            self._watch = asyncio.create_task(self._watch_memory())
        gate = asyncio.Semaphore(LOADS_AT_ONCE)

        async def load(version: Version) -> None:
            async with gate:
                await version.start(self._request(version))

        await asyncio.gather(*(load(version) for version in self.versions))
        self.publish()

    def forgive(self, worker: int, text: str) -> None:
        """Hear that a worker was ended by one request, and by nothing else."""
        any(version.forgive(worker, text) for version in self.versions)

    async def _watch_memory(self) -> None:
        while True:
            await asyncio.sleep(MEMORY_LOOK_S)
            for version in self.versions:
                version.end_the_greedy()

    async def close(self, timeout_s: float) -> None:
        """End all workers."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await asyncio.gather(*(version.close(timeout_s) for version in self.versions))
        await self._zygotes.close()

    def _request(self, version: Version) -> LoadRequest:
        return LoadRequest(
            name=version.label,
            path=version.source.path,
            max_batch_size=policy.requested_batch(self._batching.max_batch_size),
            measured=self._batching.max_batch_size is None,
            threads=self._workers.threads,
            warmup=version.source.warmup,
            cache_dir=self._cache_dir,
            timeout_s=self._workers.load_timeout_s,
            limits=Limits(self._workers.memory_bytes, self._workers.cpus),
        )
