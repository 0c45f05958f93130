"""The data plane in this process, with workers that are threads.

The same ring, the same shared memory, the same loop as in production; only the address
space is shared, so that a debugger, coverage and sanitizers see both sides. Not for
production: a thread that crashes takes the server along, and it competes for the GIL.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from runtime.backends.base import Backend
from runtime.config import Address, Transport
from runtime.models.describe import BatchConfig, describe, row_dims, server_metadata
from runtime.models.queueing import QueueOptions
from runtime.models.settings import NO_POLICY, QueuePolicy
from runtime.native.port import WorkerPort
from runtime.native.served import Served, WorkerLink
from runtime.native.server import Server as Plane
from runtime.native.server import Table
from runtime.native.transport import Tls
from runtime.testing.waiting import wait_until
from runtime.workers.loop import BatchLoop
from runtime.workers.main import FD_NAMES

MIB = 1 << 20


@dataclass(frozen=True)
class InlineOptions:
    """Limits of the front end, of the queue, and of the shared memory."""

    host: str = "127.0.0.1"
    port: int = 0
    also: tuple[Address, ...] = ()
    tls: Tls | None = None
    transport: Transport = field(default_factory=Transport)
    max_connections: int = 1000
    max_message_bytes: int = 256 * MIB
    connection_budget_bytes: int = 512 * MIB
    server_budget_bytes: int = 1024 * MIB
    max_concurrent_streams: int = 1024
    max_batch_size: int = 8
    max_queue_delay_us: int = 0
    max_queue_size: int = 1024
    batch_timeout_s: float = 0.0
    input_bytes: int = 64 * MIB
    output_bytes: int = 64 * MIB
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    retry: bool = True
    policy: QueuePolicy = NO_POLICY


@dataclass(frozen=True)
class Entry:
    """The one version that is served."""

    model: str
    version: str
    metadata: bytes
    config: bytes
    state: int = 1
    reason: str = ""
    preferred: bool = True


@dataclass
class InlineWorker:
    """A worker thread, the descriptor that stops it, and its shared control page."""

    thread: threading.Thread
    hang_up: socket.socket
    control_fd: int
    number: int = 0
    stopped: bool = field(default=False)


class InlineServer:
    """Serves one backend object under a name, with as many threads as backends."""

    def __init__(
        self, *backends: Backend, name: str = "fake", options: InlineOptions | None = None
    ) -> None:
        self.options = options or InlineOptions()
        self._name = name
        self._signature = backends[0].signature()
        self._batched = self.options.max_batch_size > 0
        self._notices: list[tuple[str, int, str]] = []
        self.plane = Plane(self.options)
        self.served = Served(self._queue_options())
        self.plane.start()
        self.plane.add_served(self.served)
        self.workers = [self.add_worker(backend) for backend in backends]
        self.publish()

    @property
    def grpc(self) -> str:
        """The gRPC address."""
        return f"{self.options.host}:{self.plane.port}"

    def __enter__(self) -> InlineServer:
        """Return the server, which runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.close()

    def add_worker(self, backend: Backend) -> InlineWorker:
        """Start one more worker thread."""
        link = WorkerLink(self.options.output_bytes)
        fds = {**link.fds, "inputs": self.served.inputs_fd}
        copies = {name: os.dup(fds[name]) for name in FD_NAMES}
        control = os.dup(fds["control"])
        port = WorkerPort(copies, self.served.input_bytes, link.output_bytes)
        ours, theirs = socket.socketpair()
        loop = BatchLoop(port, backend, self._signature, self._batched)

        def run() -> None:
            with theirs:
                loop.run(theirs.fileno())

        thread = threading.Thread(target=run, name="leeboard-inline", daemon=True)
        worker = InlineWorker(thread, ours, control)
        worker.number = self.plane.add_worker(self.served, link)
        thread.start()
        return worker

    def replace(self, *backends: Backend) -> list[InlineWorker]:
        """Serve new backends under the same name and version, and retire the old ones.

        Returns the old workers, to be dismissed after the notice ("retired", id, "").
        """
        old, workers = self.served, self.workers
        self.served = Served(self._queue_options())
        self.plane.add_served(self.served)
        self.workers = [self.add_worker(backend) for backend in backends]
        self.publish()
        self.plane.retire(old)
        return workers

    def withdraw(self) -> None:
        """Publish a table without the version, and retire it."""
        self.plane.set_table(Table(server_metadata(), ready=True))
        self.plane.retire(self.served)

    def dismiss(self, worker: InlineWorker) -> None:
        """Take a worker from the data plane and end its thread."""
        self.lose(worker)
        worker.hang_up.close()
        worker.thread.join(60)
        os.close(worker.control_fd)

    def next_notice(self, limit_s: float = 60.0) -> tuple[str, int, str]:
        """Wait for the next notice; AssertionError when none comes."""
        while not self._notices:
            heard = select.select([self.plane.notices_fd], [], [], limit_s)[0]
            assert heard, "no notice came"
            self._notices += self.plane.take_notices()
        return self._notices.pop(0)

    def lose(self, worker: InlineWorker) -> None:
        """Tell the data plane that a worker has died; its thread goes on unheard."""
        if not worker.stopped:
            worker.stopped = True
            self.plane.remove_worker(worker.number)

    def publish(self) -> None:
        """Publish the version as ready."""
        size = self.options.max_batch_size
        batching = BatchConfig(size, size, self.options.max_queue_delay_us, 1)
        told = describe(self._name, "1", self._signature, batching)
        table = Table(server_metadata(), ready=True)
        table.add(Entry(self._name, "1", told.metadata, told.config), self.served)
        self.plane.set_table(table)

    def counts(self) -> dict[str, int]:
        """Return the version's counters."""
        return {name.decode(): value for name, value in self.served.counts().items()}

    def server_counts(self) -> dict[str, int]:
        """Return the front end's counters."""
        return {name.decode(): value for name, value in self.plane.counts().items()}

    def wait_for(self, counter: str, value: int) -> None:
        """Wait until a counter of the version has a value."""
        wait_until(
            lambda: self.counts()[counter] == value,
            lambda: f"{counter} is {value}; it is {self.counts()[counter]}",
        )

    def assert_idle(self) -> None:
        """Wait until nothing is left of any request; raise AssertionError otherwise."""
        for gauge in ("queued", "open_batches", "output_grants"):
            self.wait_for(gauge, 0)
        wait_until(lambda: self.server_counts()["live_calls"] == 0, "no live calls")

    def close(self) -> None:
        """Stop the data plane, then the threads."""
        self.plane.stop()
        for worker in self.workers:
            worker.hang_up.close()
        for worker in self.workers:
            worker.thread.join(60)
            os.close(worker.control_fd)

    def _queue_options(self) -> QueueOptions:
        options, batched = self.options, self._batched
        return QueueOptions(
            self._name,
            "1",
            options.max_batch_size,
            options.max_batch_size,
            options.max_queue_delay_us,
            options.max_queue_size,
            options.batch_timeout_s,
            options.input_bytes,
            [(s.name, s.datatype, row_dims(s, batched)) for s in self._signature.inputs],
            [(s.name, s.datatype, row_dims(s, batched)) for s in self._signature.outputs],
            tuple(s.name for s in self._signature.inputs if s.optional),
            options.labels,
            options.retry,
            self._signature.decoupled,
            options.policy,
        )
