"""The ends of workers, as a test hears of them."""

from __future__ import annotations

import asyncio

from runtime.testing.waiting import wait_until
from runtime.workers.process import WorkerProcess


class Exits:
    """Hears how workers ended, in order."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def __call__(self, process: WorkerProcess, status: int) -> None:
        self.heard.append(status)

    async def wait_for(self, *statuses: int) -> None:
        await asyncio.to_thread(
            wait_until,
            lambda: self.heard == [*statuses],
            lambda: f"exits {statuses}, not {self.heard}",
        )

    async def wait(self) -> None:
        """Wait for any end."""
        await asyncio.to_thread(wait_until, lambda: bool(self.heard), "a worker's end")
