"""Takes what the data plane recorded, and hands it on to those who want to see it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from runtime.metrics.exemplars import Exemplars
from runtime.metrics.exposition import Family
from runtime.native.records import Record
from runtime.native.served import latency_bounds_ns
from runtime.native.server import Server as Plane
from runtime.native.tracing import set_tracing, take_traces
from runtime.observe.exporting import Exporting
from runtime.observe.plan import Plan
from runtime.observe.slow import say_slow

logger = logging.getLogger(__name__)

LOOK_EVERY_S = 0.2
MOST_LOOKS = 16
"""Times that more is taken in one look: more than the data plane keeps."""

Export = Callable[[Plan, str, int], Exporting]


class Observer:
    """Looks for records a few times a second; on a server that records none, never.

    `exemplars` are for /metrics. Commands are for one thread, the control plane's.
    """

    def __init__(self, plane: Plane, plan: Plan, export: Export = Exporting) -> None:
        self._plane = plane
        self._plan = plan
        self._export = export
        self._exporting: Exporting | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._wall_s = 0.0
        self.exemplars = Exemplars(latency_bounds_ns())

    def start(self, address: str, port: int) -> None:
        """Begin; the address and the port are what spans say of the server."""
        for note in self._plan.notes:
            logger.warning("%s", note)
        if self._plan.options.on:
            self._exporting = self._export(self._plan, address, port)
        self._apply()

    def set_slow_ms(self, slow_ms: float) -> bool:
        """Say requests of so many milliseconds from now on, 0 none; whether that is new."""
        if slow_ms == self._plan.options.slow_ms:
            return False
        options = replace(self._plan.options, slow_ms=slow_ms)
        self._plan = replace(self._plan, options=options)
        self._apply()
        return True

    def families(self) -> Iterable[Family]:
        """Return what the export counts, where there is one."""
        return () if self._exporting is None else self._exporting.families()

    def close(self) -> None:
        """Hand on what is left, then end all threads. Takes seconds at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._look()
        if self._exporting is not None:
            self._exporting.close()

    def _apply(self) -> None:
        options = self._plan.options
        set_tracing(self._plane, options)
        if self._thread is None and (options.on or options.slow_ms > 0):
            self._wall_s = time.time() - time.monotonic()
            self._thread = threading.Thread(
                target=self._run, name="leeboard-traces", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            try:
                self._look()
            except Exception:
                # The edge of a thread: the next look may go well.
                logger.exception("records of requests could not be handed on")

    def _look(self) -> None:
        for _ in range(MOST_LOOKS):
            records = take_traces(self._plane)
            if not records:
                return
            for record in records:
                if record.slow:
                    say_slow(record)
                if record.sampled:
                    self._note(record)
            if self._exporting is not None:
                self._exporting.offer(r for r in records if r.sampled)

    def _note(self, record: Record) -> None:
        if record.code == 0 and record.model:
            self.exemplars.note(
                record.model,
                record.version,
                record.replied - record.arrived,
                record.trace_id,
                self._wall_s + record.replied / 1e9,
            )
