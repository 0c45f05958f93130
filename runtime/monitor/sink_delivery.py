"""Carries batches to one sink, on a thread of its own: nobody ever waits for a sink.

What has not been told yet is kept, up to a bound; beyond it the eldest changes are dropped
and counted. A sink that fails is tried again after a pause that doubles. While nothing
changes, what is active is said again every `resend_s`.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from runtime.events import about
from runtime.metrics.monitor import ToldSink
from runtime.monitor.alarm_book import Book, Change
from runtime.monitor.alarms import Alarm
from runtime.monitor.sinks import Batch, Sink, SinkError, batch_of
from runtime.printable import escaped

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a sink is tried: pauses in seconds, doubling from the first to the longest.

    A batch is given up after `attempts`. `most_waiting` bounds the changes that wait, and
    `close_s` how long an end waits for what is still to be told.
    """

    first_s: float = 1.0
    longest_s: float = 60.0
    attempts: int = 8
    most_waiting: int = 1_000
    resend_s: float = 60.0
    close_s: float = 5.0


@dataclass(slots=True)
class Delivered:
    """What became of changes, and of tries."""

    sent: int = 0
    given_up: int = 0
    dropped: int = 0
    failures: int = 0
    last_error: str = ""


class Delivery:
    """One sink and its thread; `close` ends both."""

    def __init__(self, sink: Sink, patience: Patience | None = None) -> None:
        self.name = escaped(sink.name)
        self.counts = Delivered()
        self._sink = sink
        self._patience = patience or Patience()
        self._changed = threading.Condition()
        self._waiting: deque[Change] = deque()
        self._active: tuple[Alarm, ...] = ()
        self._time_s = 0.0
        self._told_s = float("-inf")
        self._is_due = self._is_closing = self._is_down = False
        self._end = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"alarms to {self.name}"[:40], daemon=True
        )
        self._thread.start()

    def tell(self, batch: Batch) -> None:
        """Take a batch and return at once; to be called at every look."""
        with self._changed:
            self._waiting.extend(batch.changes)
            while len(self._waiting) > self._patience.most_waiting:
                self._waiting.popleft()
                self.counts.dropped += 1
            is_other = _ids(batch.active) != _ids(self._active)
            # A clock that goes back must not silence what is active.
            age_s = abs(batch.time_s - self._told_s)
            is_old = bool(batch.active) and age_s >= self._patience.resend_s
            self._active, self._time_s = batch.active, batch.time_s
            if batch.changes or is_other or is_old:
                self._is_due, self._told_s = True, batch.time_s
                self._changed.notify()

    def close(self) -> bool:
        """Tell what waits, once and within the time for it; False where a sink hangs."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        self._end.set()
        self._thread.join(self._patience.close_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while True:
                batch = self._next()
                if batch is None:
                    return
                self._deliver(batch)
        finally:
            self._close_sink()

    def _close_sink(self) -> None:
        try:
            self._sink.close()
        except Exception as error:
            # A sink of others: its end must not become this server's trouble.
            logger.error("%s cannot be closed: %s", self.name, escaped(str(error)))

    def _next(self) -> Batch | None:
        """Return what is to be told, as soon as there is something; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_due or self._is_closing)
            if not self._is_due:
                return None
            self._is_due = False
            changes = tuple(self._waiting)
            self._waiting.clear()
            return Batch(self._time_s, changes, self._active)

    def _deliver(self, batch: Batch) -> None:
        pause_s = self._patience.first_s
        for attempt in range(1, self._patience.attempts + 1):
            try:
                self._sink.send(batch)
            except Exception as error:
                again = error.again if isinstance(error, SinkError) else False
                self._note_failure(error)
                if not again or attempt == self._patience.attempts or self._end.is_set():
                    break
                self._end.wait(pause_s)
                pause_s = min(2 * pause_s, self._patience.longest_s)
                batch = self._renewed(batch)
            else:
                self._note_success(len(batch.changes))
                return
        self.counts.given_up += len(batch.changes)
        logger.error(
            "%s was not told %d changes of alarms: given up",
            self.name, len(batch.changes), extra=about("alarms_not_told"),
        )  # fmt: skip

    def _renewed(self, batch: Batch) -> Batch:
        """Return a batch to try again: what is active has changed meanwhile, perhaps."""
        with self._changed:
            return replace(batch, time_s=self._time_s, active=self._active)

    def _note_failure(self, error: Exception) -> None:
        self.counts.failures += 1
        self.counts.last_error = escaped(str(error)) or type(error).__name__
        if not self._is_down:
            logger.warning("%s takes no alarms: %s", self.name, self.counts.last_error)
        self._is_down = True

    def _note_success(self, changes: int) -> None:
        self.counts.sent += changes
        if self._is_down:
            logger.info("%s takes alarms again", self.name)
        self._is_down = False


class Deliveries:
    """All sinks of a server."""

    def __init__(self, sinks: Iterable[Sink], patience: Patience | None = None) -> None:
        self._deliveries = [Delivery(sink, patience) for sink in sinks]
        self._open: set[str] = set()
        self._active: set[str] = set()

    def tell(self, book: Book, changes: list[Change], time_s: float) -> None:
        """Tell all sinks what has changed and what is active; returns at once.

        To be called at every look, with or without changes: what is active is said again
        in time, and what was silenced and is no more is said then.
        """
        batch = batch_of(book, changes, time_s, self._open)
        known = {change.alarm.id for change in batch.changes} | self._active
        again = [Change(a, None) for a in batch.active if a.id not in known]
        batch = replace(batch, changes=(*batch.changes, *again))
        self._active = _ids(batch.active)
        still = {alarm.id for alarm in book.alarms() if alarm.is_open}
        self._open = (self._open & still) | self._active
        for delivery in self._deliveries:
            delivery.tell(batch)

    @property
    def told(self) -> list[ToldSink]:
        """What became of changes, for metrics."""
        return [
            ToldSink(each.name, c.sent, c.failures, c.given_up + c.dropped)
            for each in self._deliveries
            for c in [each.counts]
        ]

    def close(self) -> list[str]:
        """End all; return the names of those that hang."""
        return [each.name for each in self._deliveries if not each.close()]


def _ids(alarms: tuple[Alarm, ...]) -> set[str]:
    return {alarm.id for alarm in alarms}
