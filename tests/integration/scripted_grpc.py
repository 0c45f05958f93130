"""A gRPC server that does what a script says and writes down when it did.

It runs in a thread of its own; times are `time.monotonic_ns`, the load generator's clock.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

import h2.config
import h2.connection
import h2.events
import h2.settings

START_S = 10.0
MAX_STREAMS = 10_000
EMPTY_MESSAGE = bytes(5)


@dataclass(frozen=True, slots=True)
class Reply:
    """What becomes of one request, and when: seconds after it came."""

    delay_s: float = 0.0
    status: int = 0
    message: str = ""


@dataclass(slots=True)
class Served:
    """One request, in the order of coming."""

    came_ns: int
    answered_ns: int = 0
    status: int = 0


Script = Callable[[int, int], Reply]
"""Decides by the request's number and the moment when it came."""


class Conversation(asyncio.Protocol):
    """One connection."""

    def __init__(self, server: ScriptedGrpc) -> None:
        self._server = server
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._h2 = h2.connection.H2Connection(config)
        self._transport: asyncio.Transport | None = None
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say how much may come at once."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        wanted = {h2.settings.SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS}
        self._h2.local_settings = h2.settings.Settings(client=False, initial_values=wanted)
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, _: Exception | None) -> None:
        """Answer nobody any more."""
        self._transport = None
        self._lost.set()

    async def hang_up(self) -> None:
        """Close the connection and wait until it is."""
        if self._transport is not None:
            self._transport.abort()
            await self._lost.wait()

    def data_received(self, data: bytes) -> None:
        """Take requests; each is whole when its stream ends."""
        for event in self._h2.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                size = event.flow_controlled_length
                self._h2.acknowledge_received_data(size, event.stream_id)
            elif isinstance(event, h2.events.StreamEnded):
                self._server.plan(event.stream_id, self._answer)
        self._flush()

    def _answer(self, stream: int, reply: Reply, served: Served) -> None:
        if self._transport is None:
            return
        trailers = [("grpc-status", str(reply.status)), ("grpc-message", reply.message)]
        headers = [(":status", "200"), ("content-type", "application/grpc")]
        if reply.status == 0:
            self._h2.send_headers(stream, headers)
            self._h2.send_data(stream, EMPTY_MESSAGE)
            self._h2.send_headers(stream, trailers, end_stream=True)
        else:
            self._h2.send_headers(stream, headers + trailers, end_stream=True)
        served.status = reply.status
        served.answered_ns = time.monotonic_ns()
        self._flush()

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(self._h2.data_to_send())


class ScriptedGrpc:
    """Serves between `with` and its end. Read `served` when nobody asks any more."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._thread = threading.Thread(target=self._run, name="scripted-grpc")
        self._ready = threading.Event()
        self._conversations: list[Conversation] = []
        self._loop: asyncio.AbstractEventLoop
        self._done: asyncio.Event
        self.served: list[Served] = []
        self.port = 0

    def plan(self, stream: int, answer: Callable[[int, Reply, Served], None]) -> None:
        """Write a request down and have it answered when the script says."""
        served = Served(time.monotonic_ns())
        reply = self._script(len(self.served), served.came_ns)
        self.served.append(served)
        self._loop.call_later(reply.delay_s, answer, stream, reply, served)

    def _run(self) -> None:
        asyncio.run(self._serve())

    def _begin(self) -> Conversation:
        self._conversations.append(Conversation(self))
        return self._conversations[-1]

    async def _serve(self) -> None:
        self._loop, self._done = asyncio.get_running_loop(), asyncio.Event()
        async with await self._loop.create_server(self._begin, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()
            await self._done.wait()
            for conversation in self._conversations:
                await conversation.hang_up()

    def __enter__(self) -> ScriptedGrpc:
        self._thread.start()
        assert self._ready.wait(START_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(START_S)
