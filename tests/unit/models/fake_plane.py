"""A data plane that takes everything and remembers what it was told."""

from __future__ import annotations

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

    def end_worker_for_memory(self, worker: int) -> None:
        self.greedy.append(worker)

    def fail_waiting(self, served: Served, reason: str) -> None:
        assert served in self.served
        self.failed.append(reason)
