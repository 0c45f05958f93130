"""Builds the server out of its parts and leads it through its life.

This is the only file that makes concrete classes out of a whole `Config`
(`runtime.server.wiring` is a part of it). Read `run`: startup, main loop, shutdown.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import time
from collections.abc import Callable, Coroutine
from typing import Any

from runtime import logs
from runtime.access import exposure
from runtime.addresses import address
from runtime.config import NO_PORT, Config, check
from runtime.errors import ServerError
from runtime.events import EventRing, about
from runtime.models.folder import folder_at
from runtime.models.lifecycle import State
from runtime.models.manager import ModelManager
from runtime.models.plans import Common
from runtime.models.poller import Poller
from runtime.native.server import Server as Plane
from runtime.observe.observer import Observer
from runtime.observe.plan import plan_of
from runtime.running.files import write_atomically
from runtime.running.following import Follower
from runtime.running.ready_file import ready_text
from runtime.running.reloads import Reload, Reloads, Reread
from runtime.running.shown_events import ShownEvents
from runtime.running.terminal import Terminal
from runtime.server import wiring
from runtime.server.access_guard import AccessGuard
from runtime.server.certificates import Certificates, files_of
from runtime.server.control import ControlServer
from runtime.server.http import Endpoint
from runtime.server.notices import Notices
from runtime.server.plane_options import plane_options
from runtime.server.reflection import reflection
from runtime.workers import kernel

logger = logging.getLogger(__name__)

WORKER_EXIT_S = 5.0
CONTROL_GRACE_S = 0.5


class App:
    """A running server. `run` returns its exit status.

    `reread` reads the options again at SIGHUP; see `runtime.running.reloads`.
    """

    def __init__(
        self,
        config: Config,
        on_ready: Callable[[App], None] | None = None,
        reread: Callable[[], Reread] | None = None,
    ) -> None:
        check(config)
        self.config = config
        self._warnings = exposure.check(wiring.exposed(config))
        self._on_ready = on_ready
        self._loop: asyncio.AbstractEventLoop
        self._stop = asyncio.Event()
        self._drained = asyncio.Event()
        self._signals = 0
        self._started = time.monotonic()
        self._draining = False
        self._announced = False
        files = files_of(config.tls)
        self.certificates = Certificates(files) if files else None
        tls = self.certificates.current if self.certificates else None
        self.plane = Plane(plane_options(config, tls))
        mode = config.repository.mode
        self._folder = folder_at(config.path, config.warmup, may_be_empty=mode != "none")
        # Looked at before anything is read: what changes in between is loaded again.
        polls = mode == "poll" and config.path is not None and config.path.exists()
        self._poller = Poller(self._folder.fingerprints() if polls else {})
        self._found = self._folder.find()
        self.manager = ModelManager(
            self._folder,
            Common(
                config.batching,
                config.workers,
                config.cache_dir,
                wiring.roots_of(config),
            ),
            self.plane,
        )
        self.access = AccessGuard(
            config.access.tokens, config.access.open_health, self.plane
        )
        self.swaps = wiring.make_swaps(self, self._found.names)
        self.monitor = wiring.make_monitor(self)
        self.changes, self._calls = wiring.changes_of(self, self._folder.settings_from_json)
        self.observer = Observer(
            self.plane, plan_of(config.tracing, config.logs, os.environ)
        )
        self.events = EventRing()
        self._shown_events = ShownEvents(self.events, self._later)
        self.control: ControlServer | None = None
        self.endpoint: Endpoint | None = None
        self._notices = Notices(
            self.plane, self.manager, self._calls.take, self._drained.set
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._terminal = Terminal()
        self._reloads = Reloads(config, reread)
        for name, reload in wiring.reloads_of(self):
            self.on_reload(name, reload)

    async def run(self) -> int:
        """Serve until a signal, then drain; a second signal cuts the drain short."""
        self._loop = asyncio.get_running_loop()
        logging.getLogger(logs.OURS).addHandler(self.events)
        try:
            self._listen()
            if not await self._load():
                return 0 if self._stop.is_set() else 1
            if self.control is not None:
                await self.control.open()
            self._announce()
            self._follow()
            await self._stop.wait()
            await self._drain()
            return 0
        finally:
            await self._close()

    def _listen(self) -> None:
        listen = self.config.listen
        for sentence in (*self._warnings, *kernel.missing()):
            logger.warning("%s", sentence)
        self.access.open()
        reflection().give_to(self.plane)
        self.plane.start()
        self.observer.start(listen.host, self.plane.port)
        loop = asyncio.get_running_loop()
        loop.add_reader(self.plane.notices_fd, self._notices.hear)
        if self.config.control.port != NO_PORT:
            self.control = wiring.make_control(self)
            self.control.begin()
        self.endpoint = Endpoint(
            listen.host, listen.http_port, wiring.scrape_of(self), self.is_ready
        )
        # Impossible but on the main thread: a test's server is on another.
        with contextlib.suppress(ValueError, RuntimeError):
            loop.add_signal_handler(signal.SIGINT, self.stop)
            loop.add_signal_handler(signal.SIGTERM, self.stop)
            loop.add_signal_handler(signal.SIGHUP, self._hang_up)

    async def _load(self) -> bool:
        """Load all models; False when there is nothing to serve or --strict forbids it."""
        more = self.swaps.start() if self.swaps else None
        loading = asyncio.create_task(
            self.manager.load_all(self._found, self._names(), more)
        )
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
        # For what may still come.
        waits = self.config.repository.mode != "none" or self.swaps is not None
        if broken and (self.config.strict or (nothing and not waits)):
            logger.error("not serving: %s", "; ".join(broken), extra=about("not_serving"))
            return False
        return True

    def _names(self) -> frozenset[str] | None:
        """Return the models to load at the start; None is all."""
        repository = self.config.repository
        if repository.mode != "explicit" or "*" in repository.load:
            return None
        return frozenset(repository.load)

    def _follow(self) -> None:
        """Begin to look at what may change: tokens, certificates, the folder."""
        self._begin(self.access.follow())
        if self.certificates is not None:
            self._begin(
                self.certificates.follow(self.plane.set_tls, self.config.tls.poll_s)
            )
        if self.swaps is not None:
            self._begin(self.swaps.follow())
        if self.monitor is not None:
            self._begin(self.monitor.run())
        if self.config.repository.mode == "poll":
            follower = Follower(
                self.manager,
                self._poller,
                self._folder.fingerprints,
                lambda: self.config.repository.poll_s,
            )
            self._begin(follower.run())

    def on_reload(self, name: str, reload: Reload) -> None:
        """Have something loaded again at SIGHUP; its name stands in the log."""
        self._reloads.add(name, reload)

    async def reload(self) -> None:
        """Read the options again and load again what can change while the server runs."""
        self.config = await self._reloads.run()

    def _hang_up(self) -> None:
        """Take SIGHUP: of a terminal that has gone, or of somebody who has news."""
        if self._terminal.is_gone():
            logger.info("the terminal is gone")
            self.stop()
        else:
            self._begin(self.reload())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the server, until it ends or the server does."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # The loop is closed: all is over.
            self._loop.call_soon_threadsafe(self._loop.call_later, seconds, act)

    def _announce(self) -> None:
        elapsed = time.monotonic() - self._started
        logger.info("ready after %.2f s", elapsed, extra=about("ready"))
        self._shown_events.write()
        if self.config.listen.also:
            logger.info("gRPC also on %s", ", ".join(self.config.listen.also))
        if self._on_ready is not None:
            self._on_ready(self)
        if self.config.ready_file is not None:
            host, port = self.config.listen.host, self.plane.port
            control = self.control.where if self.control else None
            text = ready_text(
                {"grpc": address(host, port), "http": address(host, self.http_port)},
                {"grpc_port": port, "http_port": self.http_port, "control": control},
                round(elapsed, 3),
                {v.source.name: v.state.name for v in self.manager.versions},
            )
            write_atomically(self.config.ready_file, text)
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
            extra=about("draining"),
        )
        self._draining = True
        self.changes.stop()
        self.plane.begin_drain()
        try:
            await asyncio.wait_for(self._drained.wait(), self.config.exit_timeout_s)
        except TimeoutError:
            logger.warning("requests were still in flight at the end of the drain")
        logger.info("drained", extra=about("drained"))

    async def _close(self) -> None:
        if self.endpoint is not None:
            await asyncio.to_thread(self.endpoint.close)
            asyncio.get_running_loop().remove_reader(self.plane.notices_fd)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.control is not None:
            await self.control.close(CONTROL_GRACE_S)
        await self._calls.close()
        await self.changes.close()
        if self.swaps is not None:
            await self.swaps.close()
        if self.monitor is not None:
            await asyncio.to_thread(self.monitor.close)
        self.plane.stop()
        await asyncio.to_thread(self.observer.close)
        await self.manager.close(WORKER_EXIT_S)
        if self._announced and self.config.ready_file is not None:
            self.config.ready_file.unlink(missing_ok=True)
        logging.getLogger(logs.OURS).removeHandler(self.events)
        self._shown_events.close()

    @property
    def http_port(self) -> int:
        """The port of the HTTP endpoint; 0 before it listens."""
        return self.endpoint.port if self.endpoint else 0

    def is_ready(self) -> bool:
        """Whether models serve and no drain has begun."""
        return self.manager.ready and not self._draining


def serve(
    config: Config,
    on_ready: Callable[[App], None] | None = None,
    reread: Callable[[], Reread] | None = None,
) -> int:
    """Run a server in this thread until it is told to stop; returns its exit status."""

    async def main() -> int:
        return await App(config, on_ready, reread).run()

    with logs.configured(config.logs.format, config.logs.level):
        try:
            return asyncio.run(main())
        except ServerError as error:
            logger.error("%s", error)
            return 1
