"""The last changes of state of a running server, readable for its user and root only.

They are shown in a window (see `runtime.running.window`): it can be read while the server's
Python is busy or hangs, which is when one wants to know what came before.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from runtime.events import Event, EventRing
from runtime.running.window import Window, read_window

NAME = "leeboard-events"
MOST_PER_S = 4

Later = Callable[[float, Callable[[], None]], object]
"""Calls something after so many seconds; may itself be called on any thread."""


class ShownEvents:
    """Shows what a ring keeps, from the first event until `close`.

    An event is shown at once, unless others were `MOST_PER_S` times within a second: then
    it waits for the rest of that second. Safe on any thread.
    """

    def __init__(
        self,
        ring: EventRing,
        later: Later,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ring = ring
        self._later = later
        self._clock = clock
        self._window = Window(NAME)
        # Reentrant: garbage that is collected meanwhile may log.
        self._lock = threading.RLock()
        self._written = deque([float("-inf")] * MOST_PER_S, MOST_PER_S)
        self._is_awaited = self._is_closed = False
        ring.on_event(self._note)

    def write(self) -> None:
        """Show what there is; where the process may open no more files, nothing new."""
        with self._lock:
            self._is_awaited = False
            if self._is_closed:
                return
            self._written.append(self._clock())
            with suppress(OSError):
                self._window.write(json.dumps(self._ring.recent(), ensure_ascii=False))

    def close(self) -> None:
        """Show nothing any more."""
        with self._lock:
            self._is_closed = True
            self._window.close()

    def _note(self) -> None:
        with self._lock:
            if self._is_awaited or self._is_closed:
                return
            wait_s = self._written[0] + 1.0 - self._clock()
            if wait_s <= 0:
                self.write()
            else:
                self._is_awaited = True
                self._later(wait_s, self.write)


def read_events(pids: Iterable[int]) -> list[Event] | None:
    """Return the last changes of the first of these processes that shows some.

    None when there is none, or it is another user's.
    """
    text = read_window(NAME, pids)
    try:
        return None if text is None else list(map(_event_of, json.loads(text)))
    except (TypeError, ValueError):
        return None  # Of a server of another version.


def _event_of(fields: Sequence[object]) -> Event:
    at, *words = fields
    return Event(float(str(at)), *map(str, words))
