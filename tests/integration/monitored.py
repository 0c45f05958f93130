"""A control port with nothing but the monitor's service, over a state with knobs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runtime.monitor.state import MonitorState
from runtime.server.control import ControlServer, Guard
from runtime.server.monitor_service import MonitorService


@contextmanager
def monitored(state: MonitorState) -> Iterator[str]:
    """Serve a state on a free port of loopback while the block runs; gives the address."""
    opened, end = threading.Event(), asyncio.Event()
    server = ControlServer("127.0.0.1", 0, Guard([MonitorService(state)], lambda: None))
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        await server.open()
        opened.set()
        await end.wait()
        await server.close(0.1)

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert opened.wait(60)
        yield server.where
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join(60)
