"""One thread for everything that asks a registry: it may hang, and nobody waits for it.

A thread of the interpreter's own pools would be joined at the end, so a folder on a network
that hangs would keep the server from stopping.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from runtime.errors import LeeboardError

MOST = 64

T = TypeVar("T")


class TooMany(LeeboardError):
    """So much waits for the thread already that nothing more is taken."""


class Closed(LeeboardError):
    """The thread has ended, or is about to."""


class Errands:
    """Runs functions one after the other, on a daemon thread of their own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._waiting: queue.Queue[Callable[[], None] | None] = queue.Queue(MOST)
        self._thread: threading.Thread | None = None
        self._closed = False

    async def run(self, errand: Callable[[], T], timeout_s: float) -> T:
        """Return what a function returns; raises what it raises, or TimeoutError.

        After the time limit the function goes on, and those behind it wait. Raises
        TooMany when nothing more is taken, and Closed after `close`.
        """
        if self._closed:
            raise Closed(f"{self._name} takes no errands any more")
        loop = asyncio.get_running_loop()
        result: asyncio.Future[T] = loop.create_future()

        def settle(act: Callable[[Any], None], value: object) -> None:
            if not result.done():
                act(value)

        def go() -> None:
            try:
                value: object = errand()
                act: Callable[[Any], None] = result.set_result
            except Exception as error:
                value, act = error, result.set_exception
            with contextlib.suppress(RuntimeError):  # The loop is closed: all is over.
                loop.call_soon_threadsafe(settle, act, value)

        self._begin()
        try:
            self._waiting.put_nowait(go)
        except queue.Full:
            raise TooMany(f"{MOST} errands wait for {self._name} already") from None
        async with asyncio.timeout(timeout_s):  # Unlike wait_for, it loses no cancellation.
            return await result

    def close(self, last: Callable[[], None] | None = None) -> None:
        """End the thread once it has done what waits, and `last`; does not wait for it."""
        self._closed = True
        if last is not None and self._thread is not None:
            with contextlib.suppress(queue.Full):
                self._waiting.put_nowait(last)
        with contextlib.suppress(queue.Full):
            self._waiting.put_nowait(None)

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()

    def _work(self) -> None:
        while (errand := self._waiting.get()) is not None:
            with contextlib.suppress(LeeboardError, OSError):  # Of what nobody waits for.
                errand()
