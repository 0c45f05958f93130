"""Has the last of what it is given written down, by a thread that may wait for the disk.

Whoever gives never waits. What is given while another is written takes the place of what
still waits, so the order is kept and the last one wins. What could not be written is tried
again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

AGAIN_S = 10.0
CLOSE_S = 10.0

T = TypeVar("T")


class LastWriter(Generic[T]):
    """A daemon thread, begun with the first thing that is to be written.

    `write` is called on it and tells whether it worked; what failed is tried again after
    `again_s` if nothing newer has come, and once more at the end.
    """

    def __init__(
        self, name: str, write: Callable[[T], bool], again_s: float = AGAIN_S
    ) -> None:
        self._name, self._write, self._again_s = name, write, again_s
        self._changed = threading.Condition()
        self._waiting: list[T] = []
        self._is_busy = self._has_failed = self._is_closing = False
        self._thread: threading.Thread | None = None

    def put(self, content: T) -> None:
        """Have something written down; never waits. After `close` nothing is taken."""
        with self._changed:
            if self._is_closing:
                return
            self._waiting, self._has_failed = [content], False
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name=self._name, daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def settle(self, timeout_s: float = CLOSE_S) -> bool:
        """Wait until the last one was tried; tell whether it is written."""
        with self._changed:
            self._changed.wait_for(self._is_settled, timeout_s)
            return not (self._waiting or self._is_busy)

    def close(self, timeout_s: float = CLOSE_S) -> bool:
        """Try what waits once more and end; tell whether all is written by then."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join(timeout_s)
        with self._changed:
            return not (self._waiting or self._is_busy)

    def _is_settled(self) -> bool:
        return not self._is_busy and (not self._waiting or self._has_failed)

    def _run(self) -> None:
        while True:
            with self._changed:
                while not (self._waiting or self._is_closing):
                    self._changed.wait()
                if self._has_failed and not self._is_closing:
                    self._changed.wait(self._again_s)
                is_last = self._is_closing
                mine, self._waiting, self._is_busy = self._waiting, [], True
            is_written = all(map(self._try, mine))
            with self._changed:
                self._is_busy = False
                if not is_written and not self._waiting:
                    self._waiting, self._has_failed = mine, True
                self._changed.notify_all()
                if is_last:
                    return

    def _try(self, content: T) -> bool:
        try:
            return self._write(content)
        except Exception:
            logger.exception("%s failed; it will try again", self._name)
            return False
