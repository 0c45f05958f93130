"""The control port: a grpc.aio server for operators, the command line and other programs.

grpcio is imported when the server starts, on a thread, so that serving models never waits
for it. Every call passes `Guard`: who calls, which role the method needs, one message of
bounded size, a bounded time, and errors of one line.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from runtime.access.decisions import AccessTable, Credentials, Refused
from runtime.messages import Message
from runtime.printable import escaped
from runtime.server import unix_socket
from runtime.server.certificates import Files
from runtime.server.control_services import (
    Caller,
    Method,
    Service,
    code_name,
    method_table,
)
from runtime.server.model_changes import (
    DEADLINE_EXCEEDED,
    INTERNAL,
    INVALID_ARGUMENT,
    RESOURCE_EXHAUSTED,
    problem_of,
)

if TYPE_CHECKING:
    import grpc.aio

logger = logging.getLogger(__name__)

CERTIFICATE_KEYS = ("x509_subject", "peer_uri", "peer_dns")

MOST_SAID = 10
MOST_OPEN_STREAMS = 16
"""Of methods that are open to everybody: strangers must not take all places."""

TableOf = Callable[[], AccessTable | None]
"""Returns the identities as they are now; None where nobody is asked."""


class Refusals:
    """Bounds what the log says of refusals: ten a second, then only their number."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = -1.0
        self._said = self._unsaid = 0

    def say(self, words: str) -> None:
        """Put one refusal into the log, or count it."""
        now = self._clock()
        if now - self._since >= 1.0:
            self._since, self._said = now, 0
        if self._said >= MOST_SAID:
            self._unsaid += 1
            return
        self._said += 1
        more = f" (and {self._unsaid} more)" if self._unsaid else ""
        self._unsaid = 0
        logger.warning("refused %s%s", words, more)


class Guard:
    """Lets calls through to services, or says why not. Knows no socket."""

    def __init__(
        self, services: Sequence[Service], table_of: TableOf, roots: Sequence[str] = ()
    ) -> None:
        self.methods = method_table(services)
        self._table_of = table_of
        self._roots = roots
        self._refusals = Refusals()
        self._open_streams = 0
        self.counts: dict[tuple[str, str], int] = {}
        """Calls by full method name and gRPC code, as text."""

    def admit(self, path: str, shown: Credentials, peer: str) -> Caller:
        """Return who calls a method; raises Refused."""
        service, method = self.methods[path]
        table = self._table_of()
        if table is None:
            return Caller(None, peer)
        try:
            identity = table.decide(shown, method.name, method.needs)
        except Refused as error:
            self._refusals.say(
                f"{escaped(peer)}, {service.name}.{method.name}: {escaped(str(error))}"
            )
            raise
        return Caller(identity, peer)

    def count(self, path: str, code: int) -> None:
        """Count the end of a call."""
        key = (path.lstrip("/").replace("/", "."), code_name(code))
        self.counts[key] = self.counts.get(key, 0) + 1

    async def answer(self, caller: Caller, path: str, raws: AsyncIterator[bytes]) -> bytes:
        """Return the reply to the first message; raises Refused with code and words."""
        _, method = self.methods[path]

        async def act() -> Message:
            assert method.answer is not None
            async for raw in raws:
                return await method.answer(caller, parse(method, raw))
            raise Refused(INVALID_ARGUMENT, f"{method.name} came without a message")

        try:
            reply = await asyncio.wait_for(act(), method.limit_s)
        except TimeoutError:
            raise Refused(
                DEADLINE_EXCEEDED, f"{method.name} took more than {method.limit_s:g} s"
            ) from None
        except Exception as error:
            raise self._told(method, error) from None
        return bytes(reply.SerializeToString())

    async def stream(
        self, caller: Caller, path: str, raws: AsyncIterator[bytes]
    ) -> AsyncIterator[bytes]:
        """Yield the replies to a stream; raises Refused with code and words."""
        _, method = self.methods[path]
        assert method.stream is not None

        async def requests() -> AsyncIterator[Message]:
            async for raw in raws:
                yield parse(method, raw)

        if not method.needs and self._open_streams >= MOST_OPEN_STREAMS:
            raise Refused(RESOURCE_EXHAUSTED, f"{MOST_OPEN_STREAMS} such streams are open")
        self._open_streams += not method.needs
        try:
            async for reply in method.stream(caller, requests()):
                yield reply.SerializeToString()
        except Exception as error:
            raise self._told(method, error) from None
        finally:
            self._open_streams -= not method.needs

    def _told(self, method: Method, error: Exception) -> Refused:
        code, words = problem_of(error, self._roots)
        if code == INTERNAL:
            logger.error("%s failed", method.name, exc_info=error)
            words = f"{method.name} failed; the server's log says why"
        return Refused(code, words)


def parse(method: Method, raw: bytes) -> Message:
    """Return a method's request; raises Refused for bytes that are none."""
    try:
        return method.request.FromString(raw)
    except DecodeError:
        name = method.request.DESCRIPTOR.name
        raise Refused(INVALID_ARGUMENT, f"the message is no {name}") from None


def credentials_of(
    metadata: Iterable[tuple[str, str | bytes]], auth: Mapping[str, Iterable[bytes]]
) -> Credentials:
    """Return what a call shows.

    Two authorization headers are nobody's: they are told apart from none.
    """
    headers = [value for name, value in metadata if name == "authorization"]
    text = [h if isinstance(h, str) else h.decode("latin-1") for h in headers]
    authorization = "".join(text) if len(text) < 2 else "more than one"
    subjects = [
        value.decode("utf-8", "replace")
        for key in CERTIFICATE_KEYS
        for value in auth.get(key, ())
    ]
    return Credentials(authorization, tuple(subjects))


class ControlServer:
    """Listens from `begin` or `open` to `close`, all of them on the event loop.

    `begin` returns at once, so that the start of a server goes on meanwhile.
    """

    def __init__(
        self,
        host: str,
        port: int,
        guard: Guard,
        certificates: Files | None = None,
    ) -> None:
        self._host = f"[{host}]" if host.count(":") > 1 and host[0] != "[" else host
        self._wanted_port = port
        self._guard = guard
        self._certificates = certificates
        self._server: grpc.aio.Server | None = None
        self._opening: asyncio.Task[None] | None = None
        self.port = 0

    @property
    def where(self) -> str:
        """The address as clients take it, once it is open."""
        is_unix = self._host.startswith("unix:")
        return self._host if is_unix else f"{self._host}:{self.port or self._wanted_port}"

    def begin(self) -> None:
        """Begin to open."""
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def open(self) -> None:
        """Listen; raises ServerError, or ConfigError for a certificate, if it cannot."""
        if self._opening is None:
            self.begin()
        assert self._opening is not None
        await self._opening

    async def _open(self) -> None:
        # Else strangers write lines to our standard error by failing handshakes.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        module = await asyncio.to_thread(import_module, "runtime.server.control_port")
        path = unix_socket.path_of(self._host)
        if path is not None:
            unix_socket.make_room(path)
        server, port = module.make_server(self.where, self._guard, self._certificates)
        if path is not None:
            path.chmod(unix_socket.MODE)
        await server.start()
        self._server = server
        self.port = 0 if path is not None else port

    @property
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Calls so far, by method and code."""
        return dict(self._guard.counts)

    async def close(self, grace_s: float) -> None:
        """Take no more calls, and end those that are open after a grace."""
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        if self._server is not None:
            await self._server.stop(grace_s)
            self._server = None
