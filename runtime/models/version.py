"""One served version: its workers, kept alive, and its place in the data plane."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from runtime.config import Batching, Workers
from runtime.errors import LeeboardError, ModelError
from runtime.models import policy
from runtime.models.describe import BatchConfig, Description, describe, row_dims
from runtime.models.lifecycle import Event, State, advance
from runtime.models.repository import ModelSource
from runtime.native.served import Served, WorkerLink
from runtime.native.server import Server as Plane
from runtime.workers.process import Loaded, LoadRequest, WorkerProcess

logger = logging.getLogger(__name__)

SETTLED_S = 1.0
"""A worker that has served for so long has shown that starting it again helps."""


@dataclass(frozen=True, slots=True)
class QueueOptions:
    """What the native queue of a version is made from."""

    model: str
    version: str
    max_batch_size: int
    close_rows: int
    max_queue_delay_us: int
    max_queue_size: int
    input_bytes: int
    inputs: list[tuple[str, str, tuple[int, ...]]]
    outputs: list[tuple[str, str, tuple[int, ...]]]


@dataclass
class Instance:
    """One worker's slot: the process that fills it now, and how often that went wrong."""

    name: str
    process: WorkerProcess | None = None
    serving: bool = False
    failures: int = 0
    served_since: float = 0.0


class Version:
    """Loads a version with its workers and restarts those that die."""

    def __init__(
        self,
        source: ModelSource,
        batching: Batching,
        workers: Workers,
        plane: Plane,
        on_change: Callable[[], None],
    ) -> None:
        self.source = source
        self.state = State.LOADING
        self.reason = ""
        self.served: Served | None = None
        self.description: Description | None = None
        self.loaded: Loaded | None = None
        self.max_batch_size = 0
        self.close_rows = 0
        self.restarts = 0
        self._batching = batching
        self._workers = workers
        self._plane = plane
        self._on_change = on_change
        self._tasks: set[asyncio.Task[None]] = set()
        label = f"{source.name}/{source.version}"
        self.instances = [Instance(f"{label}#{i}") for i in range(workers.instances)]

    def counts(self) -> dict[str, int]:
        """Return the version's counters by name; none before its first worker was ready."""
        if self.served is None:
            return {}
        native = {name.decode(): value for name, value in self.served.counts().items()}
        return {**native, "worker_restarts": self.restarts}

    @property
    def label(self) -> str:
        """The version's name for people."""
        return f"{self.source.name} version {self.source.version}"

    async def start(self, load: LoadRequest) -> None:
        """Load the first worker, then the others; a failure is kept as state and reason."""
        self._load = load
        try:
            await self._fill(self.instances[0])
        except LeeboardError as error:
            self._report(Event.BROKE, str(error))
            return
        others = self.instances[1:]
        results = await asyncio.gather(
            *(self._fill(instance) for instance in others), return_exceptions=True
        )
        for instance, result in zip(others, results, strict=True):
            if isinstance(result, LeeboardError):
                logger.error("%s could not start: %s", instance.name, result)
                self._restart_later(instance)
            elif result is not None:
                raise result

    async def close(self, timeout_s: float) -> None:
        """End all workers; nothing is restarted afterwards."""
        if self.state is State.GONE:
            return
        self._report(Event.CLOSED, "the server is stopping")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        processes = [i.process for i in self.instances if i.process is not None]
        await asyncio.gather(*(process.close(timeout_s) for process in processes))

    async def _fill(self, instance: Instance) -> None:
        """Start one worker, load it, attach it, and hand it to the data plane."""
        process = WorkerProcess(instance.name, lambda _, how: self._lost(instance, how))
        instance.process = process
        try:
            loaded = await process.load(self._load)
            served = self._serve(loaded)
            link = WorkerLink(self._workers.output_bytes)
            await process.attach(served, link, self.max_batch_size > 0)
        except BaseException:
            instance.process = None
            with contextlib.suppress(LeeboardError):
                await process.close(0.0)
            raise
        self._plane.add_worker(served, link)
        instance.serving = True
        instance.served_since = time.monotonic()
        logger.info(
            "%s is ready after %.2f s (worker %d)",
            instance.name,
            loaded.load_s,
            process.pid,
        )
        self._report(Event.LOADED, "")

    def _serve(self, loaded: Loaded) -> Served:
        """Return the version's queue, made from what its first worker found."""
        if self.served is not None and self.loaded is not None:
            if loaded.signature != self.loaded.signature:
                raise ModelError(
                    f"{self.label}: the file's inputs or outputs are not those that were "
                    "first loaded; publish it as a new version"
                )
            if self.max_batch_size > 0 and not loaded.report.batchable:
                raise ModelError(
                    f"{self.label}: the file was first loaded as a model that batches, and "
                    "its rows now depend on each other; publish it as a new version"
                )
            return self.served
        batching = self._batching
        size = policy.batch_size(batching.max_batch_size, loaded.report)
        rows = policy.close_rows(batching.max_batch_size, loaded.report)
        signature = loaded.signature
        served = Served(
            QueueOptions(
                self.source.name,
                self.source.version,
                size,
                rows,
                batching.max_queue_delay_us,
                batching.max_queue_size,
                self._workers.input_bytes,
                [(s.name, s.datatype, row_dims(s, size > 0)) for s in signature.inputs],
                [(s.name, s.datatype, row_dims(s, size > 0)) for s in signature.outputs],
            )
        )
        self.description = describe(
            self.source.name,
            self.source.version,
            signature,
            BatchConfig(size, rows, batching.max_queue_delay_us, len(self.instances)),
        )
        self.served, self.loaded = served, loaded
        self.max_batch_size, self.close_rows = size, rows
        # Workers that come later only have to show that they can.
        self._load = replace(self._load, measured=False)
        self._plane.add_served(served)
        return served

    def _report(self, event: Event, reason: str) -> None:
        before = self.state
        self.state = advance(self.label, self.state, event)
        self.reason = reason
        if self.state is State.UNAVAILABLE and self.served is not None:
            self._plane.fail_waiting(self.served, f"{self.label} is unavailable: {reason}")
        if before is not self.state:
            if self.state is State.UNAVAILABLE:
                logger.error("%s is unavailable: %s", self.label, reason)
            self._on_change()

    def _lost(self, instance: Instance, status: int) -> None:
        """Hear that a serving worker's process has ended."""
        if not instance.serving or self.state is State.GONE:
            return  # Whoever is starting it hears of its end from the channel.
        instance.serving = False
        instance.process = None
        how = f"signal {-status}" if status < 0 else f"exit status {status}"
        logger.warning("%s ended (%s); its batches run again elsewhere", instance.name, how)
        if time.monotonic() - instance.served_since > SETTLED_S:
            instance.failures = 0
        self._restart_later(instance)

    def _restart_later(self, instance: Instance) -> None:
        task = asyncio.get_running_loop().create_task(self._restart(instance))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _restart(self, instance: Instance) -> None:
        while self.state is not State.GONE:
            instance.failures += 1
            await asyncio.sleep(policy.restart_pause_s(instance.failures))
            try:
                await self._fill(instance)
            except LeeboardError as error:
                logger.error("%s could not be restarted: %s", instance.name, error)
                refused = isinstance(error, ModelError)
                nobody_serves = not any(i.serving for i in self.instances)
                if nobody_serves and policy.gives_up(instance.failures, refused):
                    self._report(Event.BROKE, str(error))
            else:
                self.restarts += 1
                return
