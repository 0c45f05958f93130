"""Spans on their way to a collector, on a thread of their own.

Nothing waits for the collector: a bounded number of records does, what comes beyond is
dropped and counted, and a collector that cannot be reached costs one line a minute. The
library's exporter tries again, with pauses that grow, until its time limit.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from runtime.metrics.exposition import COUNTER, Family
from runtime.native.records import Record
from runtime.observe.plan import HTTP, Plan

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

logger = logging.getLogger(__name__)

MOST_WAITING = 4096
MOST_AT_ONCE = 128
"""Records of one export; each is up to six spans."""

SAY_EVERY_S = 60.0
CLOSE_S = 2.0
"""How long the end of the server waits for the last spans."""

LIBRARY = "opentelemetry"


class SpanSink(Protocol):
    """The part of OpenTelemetry's SpanExporter that is used."""

    def export(self, spans: Sequence[ReadableSpan]) -> object:
        """Send spans; answers SpanExportResult."""

    def shutdown(self) -> None:
        """Give up what is being tried."""


class LastWords(logging.Handler):
    """Keeps what the library said last, which would else be said for every export."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        # The last line is about giving up, the one before about what was met.
        self._lines: deque[str] = deque(maxlen=2)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self._lines.append(record.getMessage())

    @property
    def words(self) -> str:
        """What was said, in one line."""
        return "; ".join(self._lines)


def make_sink(plan: Plan) -> SpanSink:
    """Return the library's exporter for a plan; imports it, which takes a while."""
    endpoint = plan.endpoint or None
    if plan.protocol == HTTP:
        from opentelemetry.exporter.otlp.proto.http import trace_exporter as over_http

        return over_http.OTLPSpanExporter(endpoint=endpoint)
    from opentelemetry.exporter.otlp.proto.grpc import trace_exporter as over_grpc

    return over_grpc.OTLPSpanExporter(endpoint=endpoint)


class Exporting:
    """Takes records from any thread and exports them on its own."""

    def __init__(
        self,
        plan: Plan,
        address: str,
        port: int,
        make: Callable[[Plan], SpanSink] = make_sink,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._plan = plan
        self._address, self._port = address, port
        self._make = make
        self._waiting: queue.Queue[Record | None] = queue.Queue(most_waiting)
        self._sink: SpanSink | None = None
        self._closing = threading.Event()
        self._last_words = LastWords()
        self._said_at = -SAY_EVERY_S
        self.exported, self.failed, self.dropped = 0, 0, 0
        self._thread = threading.Thread(
            target=self._run, name="leeboard-spans", daemon=True
        )
        self._thread.start()

    def offer(self, records: Iterable[Record]) -> None:
        """Take records to be exported; what finds no room is counted as dropped."""
        for record in records:
            try:
                self._waiting.put_nowait(record)
            except queue.Full:
                self.dropped += 1

    def families(self) -> Iterable[Family]:
        """Return what was counted."""
        counts = (
            ("exported", self.exported, "Requests whose spans a collector has taken."),
            ("export_failed", self.failed, "Requests whose spans no collector took."),
            ("export_dropped", self.dropped, "Requests that waited in vain for export."),
        )
        for name, value, text in counts:
            family = Family(f"leeboard_traces_{name}", COUNTER, text)
            family.add("", value)
            yield family

    def close(self, limit_s: float = CLOSE_S) -> None:
        """Export what waits, for so long at most, and end the thread."""
        self._closing.set()
        try:
            self._waiting.put_nowait(None)
        except queue.Full:
            logger.debug("the last spans wait behind many")
        self._thread.join(limit_s)
        if self._thread.is_alive() and self._sink is not None:
            self._sink.shutdown()
            self._thread.join(limit_s)

    def _run(self) -> None:
        library = logging.getLogger(LIBRARY)
        library.addHandler(self._last_words)
        propagated, library.propagate = library.propagate, False
        try:
            self._export_all()
        except Exception:
            # The edge of a thread: serving goes on, traces do not.
            logger.exception("no more spans are exported")
        finally:
            library.propagate = propagated
            library.removeHandler(self._last_words)

    def _export_all(self) -> None:
        from opentelemetry.sdk.trace.export import SpanExportResult

        from runtime.observe.spans import Where, resource_of, spans_of

        offset = time.time_ns() - time.monotonic_ns()
        where = Where(resource_of(), self._address, self._port, offset)
        self._sink = self._make(self._plan)
        while records := self._next():
            spans = [span for record in records for span in spans_of(record, where)]
            try:
                result = self._sink.export(spans)
            except Exception as error:
                # The library's words are all that we can do about what it meets.
                result = None
                logging.getLogger(LIBRARY).error("%s: %s", type(error).__name__, error)
            if result is SpanExportResult.SUCCESS:
                self.exported += len(records)
            else:
                self.failed += len(records)
                self._say_failure()
        self._sink.shutdown()

    def _next(self) -> list[Record]:
        """Wait for records; none are left once it is closing and all were taken."""
        records: list[Record] = []
        while len(records) < MOST_AT_ONCE:
            try:
                wait = not records and not self._closing.is_set()
                record = self._waiting.get(block=wait)
            except queue.Empty:
                break
            if record is not None:
                records.append(record)
            elif records or self._closing.is_set():
                break
        return records

    def _say_failure(self) -> None:
        now = time.monotonic()
        if now - self._said_at >= SAY_EVERY_S:
            self._said_at = now
            logger.warning(
                "spans of %d requests could not be exported so far: %s",
                self.failed,
                self._last_words.words or "the exporter gave no reason",
            )
