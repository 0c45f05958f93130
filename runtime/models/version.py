"""One served version: its workers, kept alive, and its place in the data plane."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, replace

from runtime.backends import framework_of
from runtime.config import Batching, Workers
from runtime.errors import LeeboardError, ModelError
from runtime.events import about
from runtime.models import policy
from runtime.models.describe import BatchConfig, Choice, Description, describe, utc_now
from runtime.models.instance import ERROR, INFO, WARNING, Instance
from runtime.models.lifecycle import Event, State, advance
from runtime.models.queueing import queue_options
from runtime.models.repository import ModelSource
from runtime.native.served import Served, WorkerLink
from runtime.native.server import Server as Plane
from runtime.workers.launch import describe_status
from runtime.workers.limits import resident_bytes
from runtime.workers.process import Loaded, LoadRequest, WorkerProcess
from runtime.workers.zygotes import Zygotes

logger = logging.getLogger(__name__)

STATES = {
    State.READY: (logging.INFO, "loaded", "%s serves%.0s"),
    State.UNAVAILABLE: (logging.ERROR, "failed", "%s is unavailable: %s"),
    State.RETIRING: (logging.INFO, "retiring", "%s takes no more requests: %s"),
    State.GONE: (logging.INFO, "retired", "%s has ended%.0s"),
}
"""How a version's new state is told: level, event, and words with its label and reason."""


class Version:
    """Loads a version with its workers and restarts those that die."""

    def __init__(
        self,
        source: ModelSource,
        batching: Batching,
        workers: Workers,
        plane: Plane,
        zygotes: Zygotes,
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
        self._zygotes = zygotes
        self._on_change = on_change
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired = asyncio.Event()
        label = f"{source.name}/{source.version}"
        self.instances = [
            Instance(f"{label}#{i}", source.name, source.version)
            for i in range(workers.instances)
        ]

    def counts(self) -> dict[str, int]:
        """Return the version's counters by name; none before its first worker was ready."""
        if self.served is None:
            return {}
        native = {name.decode(): value for name, value in self.served.counts().items()}
        looping = sum(policy.is_crash_loop(i.failures) for i in self.instances)
        return {**native, "worker_restarts": self.restarts, "crash_looping": looping}

    @property
    def trouble(self) -> str:
        """What people should know of workers that keep ending, or nothing."""
        return "; ".join(
            f"crash loop: {instance.name} ended {instance.failures} times in a row, last "
            f"{instance.last_end}"
            for instance in self.instances
            if policy.is_crash_loop(instance.failures)
        )

    def forgive(self, worker: int, text: str) -> bool:
        """Hear that a worker was ended by one request; False if it was not ours.

        The deaths before it are forgiven too: that request may have been in their batches.
        """
        for instance in self.instances:
            if instance.worker == worker:
                instance.say(ERROR, "worker_guilty", "was ended by one request: %s", text)
                break
        else:
            return False
        for instance in self.instances:
            instance.failures = 0
        return True

    def end_the_greedy(self) -> None:
        """End workers that hold more memory of their own than they may."""
        limit = self._workers.memory_bytes
        for instance in self.instances:
            process = instance.process
            if not limit or process is None or not instance.serving:
                continue
            used = resident_bytes(process.pid)
            if used > limit:
                instance.say(ERROR, "worker_memory", "holds %d bytes and is ended", used)
                self._plane.end_worker_for_memory(instance.worker)

    async def retire(self, timeout_s: float) -> None:
        """Finish what came before, then end all workers and free all memory.

        Called once no table names this version any more. Whatever is not finished in time
        is answered UNAVAILABLE.
        """
        self._report(Event.RETIRED, "it is being unloaded")
        if self.served is not None:
            self._plane.retire(self.served)
            try:
                await asyncio.wait_for(self._retired.wait(), timeout_s)
            except TimeoutError:
                logger.warning("%s was not finished after %g s", self.label, timeout_s)
            for instance in self.instances:
                if instance.serving:
                    self._plane.remove_worker(instance.worker)
        await self.close(timeout_s)
        if self.served is not None:
            # What its workers still had has come back to a queue that nobody serves.
            self._plane.fail_waiting(self.served, f"{self.label} is unloaded")
        self.served = None

    def note_retired(self, number: int) -> bool:
        """Hear that the data plane has finished a version; False if it was not this one."""
        if self.served is None or self.served.id != number:
            return False
        self._retired.set()
        return True

    @property
    def label(self) -> str:
        """The version's name for people."""
        return f"{self.source.name} version {self.source.version}"

    async def start(self, load: LoadRequest, chosen_by: str = "") -> None:
        """Load the first worker, then the others; a failure is kept as state and reason."""
        self._load, self._chosen_by = load, chosen_by
        try:
            await self._fill(self.instances[0])
        except (LeeboardError, OSError) as error:
            self._report(Event.BROKE, str(error))
            return
        others = self.instances[1:]
        results = await asyncio.gather(
            *(self._fill(instance) for instance in others), return_exceptions=True
        )
        for instance, result in zip(others, results, strict=True):
            if isinstance(result, LeeboardError | OSError):
                instance.say(ERROR, "worker_failed", "could not start: %s", result)
                instance.last_end = str(result)
                self._restart_later(instance)
            elif result is not None:
                raise result

    async def recorded(self) -> int | None:
        """Return a descriptor of what a worker was asked lately, the caller's, or None."""
        for instance in self.instances:
            if instance.serving and instance.process and self._load.recorded_bytes:
                return await instance.process.recorded()
        return None

    async def close(self, timeout_s: float) -> None:
        """End all workers; nothing is restarted afterwards. May be called again."""
        if self.state is not State.GONE:
            self._report(Event.CLOSED, "the server is stopping")
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        processes = [i.process for i in self.instances if i.process is not None]
        await asyncio.gather(*(process.close(timeout_s) for process in processes))
        for instance in self.instances:
            instance.process = None

    async def _fill(self, instance: Instance) -> None:
        """Start one worker, load it, attach it, and hand it to the data plane."""
        began = time.monotonic()
        interpreter = self.source.settings.interpreter
        framework = framework_of(self.source.path)
        started = await self._zygotes.start(instance.name, framework, interpreter)
        process = WorkerProcess(
            instance.name, started, lambda _, how: self._lost(instance, how)
        )
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
        instance.worker = self._plane.add_worker(served, link)
        instance.serving = True
        instance.served_since = time.monotonic()
        instance.batches_before = self._batches()
        took = time.monotonic() - began
        words = "is ready after %.3f s (worker %d)"
        instance.say(INFO, "worker_started", words, took, process.pid)
        if not self._is_on_probation(instance):
            self._report(Event.LOADED, "")

    def _is_on_probation(self, instance: Instance) -> bool:
        """Whether so many workers ended here that the next one must first stay."""
        was_given_up = policy.gives_up(instance.failures, refused=False)
        return was_given_up and self.state is State.UNAVAILABLE

    def _serve(self, loaded: Loaded) -> Served:
        """Return the version's queue, made from what its first worker found."""
        if self.served is not None and self.loaded is not None:
            if loaded.signature != self.loaded.signature:
                raise ModelError(
                    f"{self.label}: the file's inputs or outputs are not those that were "
                    "first loaded; publish it as a new version"
                )
            return self.served
        batching = self._batching
        size = policy.batch_size(batching.max_batch_size, loaded.report)
        signature = loaded.signature
        # A decoupled model's batch is one request.
        chosen = 1 if signature.decoupled else self.source.settings.close_rows
        rows = policy.close_rows(batching.max_batch_size, loaded.report, chosen)
        served = Served(
            queue_options(
                self.source, signature, (size, rows), batching, self._workers.input_bytes
            )
        )
        self.description = describe(
            self.source.name,
            self.source.version,
            signature,
            BatchConfig(
                size,
                rows,
                batching.max_queue_delay_us,
                len(self.instances),
                json.dumps(asdict(loaded.report)),
            ),
            Choice(utc_now(), self._chosen_by, self.source.settings.versions),
        )
        self.served, self.loaded = served, loaded
        self.max_batch_size, self.close_rows = size, rows
        # Workers that come later only have to show that they can, with the same file.
        digest = loaded.report.digest
        plan = replace(self._load.plan, thorough=False, digest=digest, successor_of=None)
        self._load = replace(self._load, plan=plan, recorded=None)
        self._plane.add_served(served)
        return served

    def _batches(self) -> int:
        return self.counts().get("batches", 0)

    def _report(self, event: Event, reason: str) -> None:
        before = self.state
        self.state = advance(self.label, self.state, event)
        self.reason = reason
        if event is Event.BROKE and self.served is not None:
            self._plane.fail_waiting(self.served, f"{self.label} is unavailable: {reason}")
        if before is not self.state:
            self._say_state(reason)
            self._on_change()

    def _say_state(self, reason: str) -> None:
        level, event, words = STATES[self.state]
        extra = about(event, self.source.name, self.source.version)
        logger.log(level, words, self.label, reason, extra=extra)

    def _lost(self, instance: Instance, status: int) -> None:
        """Hear that a serving worker's process has ended."""
        if not instance.serving or self.state is State.GONE:
            return  # Whoever is starting it hears of its end from the channel.
        instance.serving = False
        instance.process = None
        instance.last_end = how = describe_status(status)
        words = "ended (%s); its batches run again elsewhere"
        instance.say(WARNING, "worker_died", words, how)
        served_s = time.monotonic() - instance.served_since
        batches = self._batches() - instance.batches_before
        if policy.proved_itself(served_s, batches, alone=len(self.instances) == 1):
            instance.failures = 0
        self._restart_later(instance)

    def _restart_later(self, instance: Instance) -> None:
        task = asyncio.get_running_loop().create_task(self._restart(instance))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell_trouble(self, instance: Instance) -> None:
        extra = about("crash_loop", self.source.name, self.source.version, instance.name)
        logger.error("%s", self.trouble, extra=extra)
        nobody_serves = not any(i.serving for i in self.instances)
        if nobody_serves and policy.gives_up(instance.failures, refused=False):
            self._report(Event.BROKE, f"its workers keep ending, last {instance.last_end}")
        self._on_change()

    async def _restart(self, instance: Instance) -> None:
        while self.state is not State.GONE:
            instance.failures += 1
            if policy.is_crash_loop(instance.failures):
                self._tell_trouble(instance)
            await asyncio.sleep(policy.restart_pause_s(instance.failures))
            try:
                await self._fill(instance)
            except Exception as error:
                # The edge of a task: without another try nobody would serve.
                instance.last_end = str(error)
                instance.say(ERROR, "worker_failed", "could not be restarted: %s", error)
                refused = isinstance(error, ModelError)
                nobody_serves = not any(i.serving for i in self.instances)
                if nobody_serves and policy.gives_up(instance.failures, refused):
                    self._report(Event.BROKE, str(error))
            else:
                self.restarts += 1
                await self._settle(instance)
                return

    async def _settle(self, instance: Instance) -> None:
        """Take a crash loop back once its worker has stayed."""
        if not policy.is_crash_loop(instance.failures):
            return
        worker = instance.worker
        await asyncio.sleep(policy.SETTLED_S)
        if instance.serving and instance.worker == worker:
            instance.say(INFO, "worker_settled", "stays: no crash loop any more")
            instance.failures = 0
            self._report(Event.LOADED, "")
            self._on_change()
