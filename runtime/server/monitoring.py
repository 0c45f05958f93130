"""The monitor in a server: what it is made of, when it looks, and where it tells."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from runtime.config import Monitoring
from runtime.errors import ConfigError
from runtime.events import about
from runtime.metrics.exposition import Family
from runtime.metrics.monitor import TOP, monitor_families
from runtime.models.lifecycle import State
from runtime.models.manager import ModelManager
from runtime.models.swapping.aside import aside
from runtime.models.swapping.errands import Closed, Errands, TooMany
from runtime.models.version import Version
from runtime.monitor import settings_file
from runtime.monitor.alarm_book import Book, Change
from runtime.monitor.alarm_file import AlarmFile
from runtime.monitor.labelled import Labelled
from runtime.monitor.monitor import Monitor, Served
from runtime.monitor.settings import DEFAULT, ModelWatch, Task
from runtime.monitor.sink_delivery import Deliveries
from runtime.monitor.sinks import SinkOptions, open_sink, read_secret
from runtime.monitor.snapshots import Snapshots
from runtime.monitor.state import kept_journal, watched
from runtime.native.server import Server as Plane
from runtime.native.watch import Watch, exchange_watch, take_watched

logger = logging.getLogger(__name__)

ALARMS = "alarms.json"
THERE = frozenset({State.READY, State.UNAVAILABLE})
LAST_S, LAST_LOOK_S = 1.0, 0.005
"""How long an end waits for what is still being filled, and between two looks at it."""

PATIENCE_S = 30.0
"""How long a look at labels may take before the next look at drift comes first."""


class WatchedPlane:
    """The data plane and what it serves, as a monitor needs them."""

    def __init__(self, plane: Plane, manager: ModelManager) -> None:
        self._plane, self._manager = plane, manager
        self._there: dict[int, Version] = {}
        self._came: list[tuple[int, Watch]] = []
        self._out = 0

    def served(self) -> list[Served]:
        """Return the versions that answer, those with decimal numbers."""
        # One that has lost its workers for a moment is still the same.
        ready = [v for v in self._manager.versions if v.state in THERE and v.served]
        best: dict[str, int] = {}
        for version in ready:
            name = version.source.name
            best[name] = max(best.get(name, 0), int(version.source.version))
        there = {(v.source.name, v.source.version) for v in ready}
        for name, chosen in self._manager.books.preferred.items():
            if (name, chosen) in there:
                best[name] = int(chosen)
        found = []
        self._there = {}
        for version in ready:
            assert version.served is not None
            if version.loaded is None:
                continue
            name, number = version.source.name, int(version.source.version)
            self._there[version.served.id] = version
            found.append(
                Served(
                    name, number, version.served.id, version.loaded.signature,
                    version.max_batch_size > 0, best[name] == number,
                    version.source.reference, version.source.contract,
                    *_requests(version),
                )
            )  # fmt: skip
        return found

    def exchange(self, number: int, watch: Watch) -> None:
        """Have a version fill this watch from here on."""
        served = self._there[number].served
        if served is not None:
            exchange_watch(self._plane, served, watch)
            self._out += 1

    def take(self) -> Iterable[tuple[int, Watch]]:
        """Return what was filled and exchanged, with the numbers of versions."""
        came, self._came = [*self._came, *take_watched(self._plane)], []
        self._out = 0
        return came

    def is_back(self) -> bool:
        """Tell whether all that was exchanged since the last `take` can be taken."""
        self._came += take_watched(self._plane)
        return len(self._came) >= self._out


class ServerMonitor:
    """A server's monitor with its alarms' file and sinks; `close` ends them.

    Raises ConfigError when the settings or a sink make no sense. Without a `folder` a
    restart begins anew.
    """

    def __init__(
        self,
        config: Monitoring,
        manager: ModelManager,
        plane: Plane,
        folder: Path | None,
    ) -> None:
        self._config = config
        self._chosen = settings_file.read(config.file) if config.file else {}
        secret = read_secret(config.secret) if config.secret else b""
        self._sinks = Deliveries([open_sink(*_sink(text, secret)) for text in config.sinks])
        if folder is not None:
            _make(folder)
        tasks = {n: w for n, w in self._chosen.items() if w.task is not Task.NONE}
        self.labelled: Labelled | None = None
        if tasks and folder is None:
            raise ConfigError(
                f"{config.file}: {min(tasks)} has a task, so its answers are kept until "
                "their labels come; name a folder for them with --state-dir"
            )
        if folder is not None and tasks:
            self.labelled = Labelled(folder, lambda: tasks, config.interval_s)
        self._errands = Errands("labels")
        # Scrapes come from threads of the HTTP port, and looks from the loop.
        self._turn = threading.RLock()
        self._file = AlarmFile(folder / ALARMS) if folder else None
        self._book = self._file.open() if self._file else Book()
        self._plane = WatchedPlane(plane, manager)
        self._snapshots = Snapshots(folder)
        self.monitor = Monitor(
            self._plane,
            self._book,
            self._snapshots,
            self._settings_of,
            self._tell,
            config.interval_s,
            self.labelled,
        )

        manager.books.announce = self._announce

    def _announce(self) -> None:
        try:
            with self._turn:
                is_missing = self.monitor.is_missing()
            if is_missing:
                # Detectors are made, and a file may be read, behind the requests.
                aside(self._announce_now)
            else:
                self._announce_now()
        except Exception:
            # What comes serves, watched or not; the next look begins with it again.
            logger.exception("a version is not watched yet", extra=about("look_failed"))

    def _announce_now(self) -> None:
        with self._turn:
            self.monitor.announce(time.time())

    def _settings_of(self, model: str) -> ModelWatch:
        return self._chosen.get(model, DEFAULT)

    def _tell(self, changes: Sequence[Change], time_s: float) -> None:
        self._sinks.tell(self._book, list(changes), time_s)

    async def run(self) -> None:
        """Look at every interval until cancelled."""
        loop = asyncio.get_running_loop()
        next_s = loop.time()
        while True:
            self._look()
            if self.labelled is not None:
                await self._look_at_labels(self.labelled)
            # A late look does not make the next ones early.
            next_s = max(next_s + self._config.interval_s, loop.time())
            await asyncio.sleep(next_s - loop.time())

    def _look(self) -> None:
        try:
            with self._turn:
                self.monitor.look(time.time())
        except Exception:
            # Serving goes on, and so does the watch: the next look may do.
            logger.exception("a look failed", extra=about("look_failed"))

    async def _look_at_labels(self, labelled: Labelled) -> None:
        """Have the labels looked at by a thread that may wait for the disk."""
        time_s = time.time()
        try:
            said = await self._errands.run(lambda: labelled.look(time_s), PATIENCE_S)
            with self._turn:
                self.monitor.tell(said, time_s)
        except (TimeoutError, TooMany, Closed):
            pass  # The look before this one still waits.
        except Exception:
            logger.exception("labels cannot be judged", extra=about("look_failed"))

    def families(self) -> list[Family]:
        """Return what /metrics shows of versions, alarms and sinks; on any thread."""
        with self._turn:
            seen = watched(self.monitor.versions(most=TOP), self._book)
        journal = None
        if self.labelled is not None:
            journal = kept_journal(self.labelled.journal.standing)
        return monitor_families(seen, self._sinks.told, journal)

    def close(self) -> None:
        """Write down what is known, and tell what is still to be told.

        To be called while the data plane still runs, and not on the loop: what was answered
        since the last look is looked at, too, or labels would not find these answers.
        """
        self._look()
        end_s = time.monotonic() + LAST_S
        while not self._plane.is_back() and time.monotonic() < end_s:
            time.sleep(LAST_LOOK_S)
        self._look()
        self.monitor.save()
        self._snapshots.close()
        if self._file is not None:
            self._file.save(self._book)
            self._file.close()
        if self.labelled is not None:
            self.labelled.close()
        self._errands.close()
        for name in self._sinks.close():
            logger.warning("%s did not take its last alarms in time", name)


def _requests(version: Version) -> tuple[int, int]:
    """Return how many requests a version has answered, and refused as not its own."""
    counts = version.counts()
    return counts.get("requests_ok", 0), counts.get("failed_invalid", 0)


def _sink(text: str, secret: bytes) -> tuple[str, SinkOptions]:
    return text, SinkOptions(place=text.partition(":")[2], secret=secret)


def _make(folder: Path) -> None:
    """Make the folder that alarms and what is known of versions are kept in."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}") from error
