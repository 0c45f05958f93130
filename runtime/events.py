"""Changes of state, as log lines and as a list of the last ones.

A line about a change carries its name and what it is about, for JSON logs and for
`EventRing`::

    logger.info("%s is ready", name, extra=about("worker_started", model, version))
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from runtime.printable import escaped

KEPT = 512

Extra = dict[str, object]


class Event(NamedTuple):
    """A change of state: when (Unix time), what, of which model and version, in words.

    The words hold no character that is not printable.
    """

    time: float
    event: str
    model: str
    version: str
    worker: str
    text: str


def about(event: str, model: str = "", version: str = "", worker: str = "") -> Extra:
    """Return a log line's `extra`: the change's name and what it is about.

    Examples
    --------
    >>> about("loaded", "mlp", "3")
    {'event': 'loaded', 'model': 'mlp', 'version': '3'}
    """
    fields = {"event": event, "model": model, "version": version, "worker": worker}
    return {name: value for name, value in fields.items() if value}


class EventRing(logging.Handler):
    """Keeps the last lines that are about a change of state. Safe on any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        super().__init__(logging.INFO)
        self._events: deque[Event] = deque(maxlen=kept)
        self._told: list[Callable[[], None]] = []

    def on_event(self, tell: Callable[[], None]) -> None:
        """Have something called after each event, on the thread of whoever logs it."""
        self._told.append(tell)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line, if it has the name of a change."""
        event = getattr(record, "event", "")
        if not event:
            return
        try:
            text = record.getMessage()
        except Exception:
            # As logging does: a line that cannot be made must not stop who logs it.
            self.handleError(record)
            return
        model, version, worker = (
            escaped(str(getattr(record, name, "")))
            for name in ("model", "version", "worker")
        )
        self._events.append(
            Event(record.created, str(event), model, version, worker, escaped(text))
        )
        for tell in self._told:
            tell()

    def recent(self, model: str = "") -> list[Event]:
        """Return what is kept, oldest first; of one model where one is named."""
        events = list(self._events)
        return [e for e in events if model in ("", e.model)]
