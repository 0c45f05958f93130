"""A data plane that takes everything and remembers what it was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from runtime.native.served import Served, WorkerLink
from runtime.native.server import Server, Table


class FakePlane:
    """What the control plane calls of `runtime.native.server.Server`."""

    def __init__(self) -> None:
        self.tables: list[Table] = []
        self.served: list[Served] = []
        self.links: list[WorkerLink] = []
        self.failed: list[str] = []
        self.greedy: list[int] = []
        self.removed: list[int] = []
        self.retired: list[int] = []
        self.on_retired: Callable[[int], object] = lambda _: None

    def as_plane(self) -> Server:
        """Return this object as the class that it stands for."""
        return cast(Server, cast(Any, self))

    def set_table(self, table: Table) -> None:
        self.tables.append(table)

    def add_served(self, served: Served) -> None:
        self.served.append(served)

    def add_worker(self, served: Served, link: WorkerLink) -> int:
        assert served in self.served
        self.links.append(link)
        return len(self.links)

    def remove_worker(self, worker: int) -> None:
        self.removed.append(worker)

    def retire(self, served: Served) -> None:
        """Nothing was queued or running, so that all is finished at once."""
        assert served in self.served
        self.retired.append(served.id)
        self.on_retired(served.id)

    def end_worker_for_memory(self, worker: int) -> None:
        self.greedy.append(worker)

    def fail_waiting(self, served: Served, reason: str) -> None:
        assert served in self.served
        self.failed.append(reason)
