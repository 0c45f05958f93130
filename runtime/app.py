"""Builds the server out of its parts and leads it through its life.

This is the only file that makes concrete classes out of a whole `Config`. Read `run`:
startup, main loop, shutdown.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from runtime.config import Config, check
from runtime.errors import ConfigError, LeeboardError, ServerError
from runtime.metrics import Bounds, VersionCounters, server_families, version_families
from runtime.models.folder import Folder
from runtime.models.lifecycle import State
from runtime.models.manager import Common, ModelManager
from runtime.models.poller import Poller
from runtime.native.served import latency_bounds_ns, row_bounds
from runtime.native.server import Server as Plane
from runtime.server.http import Endpoint
from runtime.server.repository_calls import RepositoryCalls, why_refused
from runtime.workers import kernel

logger = logging.getLogger(__name__)

WORKER_EXIT_S = 5.0


@dataclass(frozen=True, slots=True)
class PlaneOptions:
    """What the native server is made from."""

    host: str
    port: int
    max_connections: int
    max_message_bytes: int
    connection_budget_bytes: int
    server_budget_bytes: int
    max_concurrent_streams: int


class Numbers(Collector):
    """Reads the data plane's counters for a scrape."""

    def __init__(self, plane: Plane, manager: ModelManager) -> None:
        self._plane = plane
        self._manager = manager
        self._bounds = Bounds(latency_bounds_ns(), row_bounds())

    def collect(self) -> Iterable[Metric]:
        """Return all families as they are now."""
        versions = [
            VersionCounters(
                version.source.name,
                version.source.version,
                version.state is State.READY,
                version.counts(),
                {name.decode(): v for name, v in version.served.histograms().items()},
            )
            for version in self._manager.versions
            if version.served is not None
        ]
        yield from version_families(versions, self._bounds)
        counts = {name.decode(): n for name, n in self._plane.counts().items()}
        yield from server_families(counts)


def write_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of it or nothing, a crash included.

    Raises ConfigError, and leaves nothing behind, where that is impossible.
    """
    scratch = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with scratch.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            scratch.unlink()
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


def is_local(host: str) -> bool:
    """Tell whether only this machine can reach an address."""
    return host in ("127.0.0.1", "::1", "localhost")


def address(host: str, port: int) -> str:
    """Return an address as clients and browsers take it."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class App:
    """A running server. `run` returns its exit status."""

    def __init__(
        self, config: Config, on_ready: Callable[[App], None] | None = None
    ) -> None:
        check(config)
        self.config = config
        self._on_ready = on_ready
        self._stop = asyncio.Event()
        self._drained = asyncio.Event()
        self._signals = 0
        self._started = time.monotonic()
        self._draining = False
        self._announced = False
        listen, limits = config.listen, config.limits
        self.plane = Plane(
            PlaneOptions(
                listen.host,
                listen.grpc_port,
                limits.max_connections,
                limits.max_message_bytes,
                limits.connection_budget_bytes,
                limits.server_budget_bytes,
                limits.max_concurrent_streams,
            )
        )
        mode = config.repository.mode
        self._folder = Folder(config.path, config.warmup, may_be_empty=mode != "none")
        # Looked at before anything is read: what changes in between is loaded again.
        polls = mode == "poll" and config.path.exists()
        self._poller = Poller(self._folder.fingerprints() if polls else {})
        self._found = self._folder.find()
        self.manager = ModelManager(
            self._folder,
            Common(config.batching, config.workers, config.cache_dir),
            self.plane,
        )
        self._calls = RepositoryCalls(
            self.manager,
            self.plane,
            self._folder.settings_from_json,
            why_refused(config.repository, is_local(listen.host)),
        )
        self._polling: asyncio.Task[None] | None = None
        self.endpoint: Endpoint | None = None

    async def run(self) -> int:
        """Serve until a signal, then drain; a second signal cuts the drain short."""
        try:
            self._listen()
            if not await self._load():
                return 0 if self._stop.is_set() else 1
            self._announce()
            if self.config.repository.mode == "poll":
                self._polling = asyncio.create_task(self._poll())
            await self._stop.wait()
            await self._drain()
            return 0
        finally:
            await self._close()

    def _listen(self) -> None:
        listen = self.config.listen
        if not is_local(listen.host):
            logger.warning(
                "listening on %s without TLS or roles: anyone who reaches it can use it",
                listen.host,
            )
        for sentence in kernel.missing():
            logger.warning("%s", sentence)
        self.plane.start()
        registry = CollectorRegistry()
        registry.register(Numbers(self.plane, self.manager))
        self.endpoint = Endpoint(listen.host, listen.http_port, registry, self._is_ready)
        loop = asyncio.get_running_loop()
        loop.add_reader(self.plane.notices_fd, self._hear)
        for number in (signal.SIGINT, signal.SIGTERM):
            with contextlib.suppress(
                ValueError
            ):  # Not on the main thread: a test's server.
                loop.add_signal_handler(number, self.stop)

    async def _load(self) -> bool:
        """Load all models; False when there is nothing to serve or --strict forbids it."""
        loading = asyncio.create_task(self.manager.load_all(self._found, self._names()))
        stopping = asyncio.create_task(self._stop.wait())
        await asyncio.wait((loading, stopping), return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not loading.done():
            loading.cancel()
            await asyncio.gather(loading, return_exceptions=True)
            return False
        loading.result()
        broken = self.manager.broken
        nothing = not any(v.state is State.READY for v in self.manager.versions)
        waits = self.config.repository.mode != "none"  # For what may still come.
        if broken and (self.config.strict or (nothing and not waits)):
            logger.error("not serving: %s", "; ".join(broken))
            return False
        return True

    def _names(self) -> frozenset[str] | None:
        """Return the models to load at the start; None is all."""
        repository = self.config.repository
        if repository.mode != "explicit" or "*" in repository.load:
            return None
        return frozenset(repository.load)

    async def _poll(self) -> None:
        """Follow the folder: load what has changed, unload what is gone."""
        while True:
            try:
                now = await asyncio.to_thread(self._folder.fingerprints)
                changes = self._poller.look(now)
                for name in changes.load:
                    await self._try(self.manager.load(name))
                for name in changes.unload:
                    await self._try(self.manager.unload(name))
            except Exception:
                # The edge of a task: the folder is followed whatever one look has met.
                logger.exception("%s could not be followed", self.config.path)
            await asyncio.sleep(self.config.repository.poll_s)

    async def _try(self, change: Coroutine[Any, Any, None]) -> None:
        try:
            await change
        except LeeboardError as error:
            logger.error("%s", error)
        except Exception:
            # One model's trouble must not keep the others from being looked at.
            logger.exception("a model could not be changed")

    def _announce(self) -> None:
        assert self.endpoint is not None
        elapsed = time.monotonic() - self._started
        logger.info("ready after %.2f s", elapsed)
        if self._on_ready is not None:
            self._on_ready(self)
        if self.config.ready_file is not None:
            host = self.config.listen.host
            about = {
                "pid": os.getpid(),
                "grpc": address(host, self.plane.port),
                "http": address(host, self.endpoint.port),
                "grpc_port": self.plane.port,
                "http_port": self.endpoint.port,
                "ready_after_s": round(elapsed, 3),
                "models": {v.source.name: v.state.name for v in self.manager.versions},
            }
            write_atomically(self.config.ready_file, json.dumps(about, indent=1) + "\n")
            self._announced = True

    def stop(self) -> None:
        """Begin to drain; called again, stop waiting for the drain."""
        self._signals += 1
        if self._signals > 1:
            self._drained.set()
        self._stop.set()

    async def _drain(self) -> None:
        logger.info(
            "draining: finishing what is in flight for at most %g s",
            self.config.exit_timeout_s,
        )
        self._draining = True
        self.plane.begin_drain()
        try:
            await asyncio.wait_for(self._drained.wait(), self.config.exit_timeout_s)
        except TimeoutError:
            logger.warning("requests were still in flight at the end of the drain")

    async def _close(self) -> None:
        if self.endpoint is not None:
            await asyncio.to_thread(self.endpoint.close)
            asyncio.get_running_loop().remove_reader(self.plane.notices_fd)
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        await self._calls.close()
        self.plane.stop()
        await self.manager.close(WORKER_EXIT_S)
        if self._announced and self.config.ready_file is not None:
            self.config.ready_file.unlink(missing_ok=True)

    def _is_ready(self) -> bool:
        return self.manager.ready and not self._draining

    def _hear(self) -> None:
        for kind, worker, text in self.plane.take_notices():
            if kind == "drained":
                self._drained.set()
            elif kind == "guilty":
                self.manager.forgive(worker, text)
            elif kind == "retired":
                self.manager.note_retired(worker)
            elif kind == "worker broken":
                logger.error("worker %d was ended: %s", worker, text)
        for call in self.plane.take_calls():
            self._calls.take(*call)


def serve(config: Config, on_ready: Callable[[App], None] | None = None) -> int:
    """Run a server in this thread until it is told to stop; returns its exit status."""

    async def main() -> int:
        return await App(config, on_ready).run()

    try:
        return asyncio.run(main())
    except ServerError as error:
        logger.error("%s", error)
        return 1
