"""A whole server on a thread of this process, built from a Config."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.app import App
from runtime.config import Config

READY_S = 120.0


@contextmanager
def running(config: Config) -> Iterator[App]:
    """Serve until the block ends; AssertionError when the server does not start or end."""
    made: list[App] = []
    ended: list[object] = []
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def life() -> int:
        loops.append(asyncio.get_running_loop())
        return await App(config, note).run()

    def note(app: App) -> None:
        made.append(app)
        ready.set()

    def serve() -> None:
        try:
            ended.append(asyncio.run(life()))
        except BaseException as error:
            # Told to the test's own thread, below.
            ended.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=serve, name="server")
    thread.start()
    assert ready.wait(READY_S), "the server is not ready"
    assert made, f"the server did not start: {ended}"
    try:
        yield made[0]
    finally:
        loops[0].call_soon_threadsafe(made[0].stop)
        thread.join(READY_S)
    assert ended == [0]
