"""A version with real workers and a data plane that only listens, led by a test."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from runtime.backends.plan import LoadPlan
from runtime.config import Batching, Workers
from runtime.models import policy
from runtime.models.lifecycle import State
from runtime.models.repository import ModelSource
from runtime.models.version import Version
from runtime.testing.waiting import wait_until
from runtime.workers.process import LoadRequest, WorkerProcess
from runtime.workers.zygotes import Zygotes
from tests.unit.models.fake_plane import FakePlane

MIB = 1 << 20
EIGHT = Batching(max_batch_size=8)
Deed = Callable[[], Awaitable[None]]


class Bench:
    """A version of an `.odd` model, which does what a test tells it."""

    def __init__(
        self,
        path: Path,
        batching: Batching = EIGHT,
        instances: int = 1,
        memory_bytes: int = 0,
    ) -> None:
        self.path = path
        self._proven = policy.requested_batch(batching.max_batch_size)
        self.plane = FakePlane()
        self.changes: list[State] = []
        self.troubles: list[str] = []
        self.version = Version(
            ModelSource("odd", "1", path),
            batching,
            Workers(
                instances,
                input_bytes=8 * MIB,
                output_bytes=8 * MIB,
                memory_bytes=memory_bytes,
            ),
            self.plane.as_plane(),
            Zygotes(),
            lambda: self.changes.append(self.version.state),
        )

    def run(self, text: str, *deeds: Deed, recorded: int | None = None) -> None:
        """Start the version on a file, do the deeds one after another, and close it.

        `recorded` is closed once the version was started, as whoever owns it does.
        """
        self.path.write_text(text)

        async def life() -> None:
            plan = LoadPlan(self.path, max_batch_size=self._proven)
            await self.version.start(LoadRequest("odd", plan, recorded=recorded))
            if recorded is not None:
                os.close(recorded)
            try:
                for deed in deeds:
                    await deed()
            finally:
                await self.version.close(30)

        asyncio.run(life())

    def process(self, instance: int = 0) -> WorkerProcess:
        process = self.version.instances[instance].process
        assert process is not None
        return process

    def tell(self, text: str) -> Deed:
        """Have the workers that start from now on do something else."""

        async def deed() -> None:
            self.path.with_suffix(".told").write_text(text)

        return deed

    async def note_trouble(self) -> None:
        """Remember what people would be told now."""
        self.troubles.append(self.version.trouble)

    async def kill(self) -> None:
        """End the first worker."""
        self.process().kill()

    def until(self, what: str, holds: Callable[[], bool]) -> Deed:
        async def deed() -> None:
            await asyncio.to_thread(
                wait_until, holds, lambda: f"{what}: {self.version.state} {self.changes}"
            )

        return deed

    def becomes(self, state: State) -> Deed:
        return self.until(f"becomes {state}", lambda: self.version.state is state)

    def serve(self, workers: int) -> Deed:
        """Wait until so many workers have been handed to the data plane in all."""
        return self.until(f"{workers} workers", lambda: len(self.plane.links) == workers)

    def check(self, *facts: Callable[[], bool]) -> Deed:
        async def deed() -> None:
            assert [fact() for fact in facts] == [True] * len(facts)

        return deed
