"""The control port's half that knows grpcio; imported once a server opens that port."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc
import grpc.aio

from runtime.access.decisions import Refused
from runtime.errors import ConfigError, ServerError
from runtime.printable import escaped
from runtime.server.certificates import Contents, Files
from runtime.server.control import Guard, credentials_of
from runtime.server.control_services import Caller
from runtime.server.model_changes import OK

logger = logging.getLogger(__name__)

MOST_CALLS = 64
"""Calls at the same time, streams included; more are RESOURCE_EXHAUSTED."""

MESSAGE_BYTES = 64 << 20
IDLE_MS = 600_000
OPTIONS = (
    ("grpc.so_reuseport", 0),  # Two servers must not share the port unseen.
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.max_connection_idle_ms", IDLE_MS),
)
CODES = {code.value[0]: code for code in grpc.StatusCode}

Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"


def make_server(
    address: str, guard: Guard, certificates: Files | None
) -> tuple[grpc.aio.Server, int]:
    """Return a server that is bound and not started, and its port; raises ServerError."""
    server = grpc.aio.server(maximum_concurrent_rpcs=MOST_CALLS, options=OPTIONS)
    server.add_generic_rpc_handlers((Router(guard),))
    try:
        if certificates is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, follow(certificates))
    except RuntimeError:
        port = 0
    if port == 0:
        raise ServerError(
            f"cannot listen on {address} for the control port; is it in use? "
            "--control-port takes another, -1 does without"
        )
    return server, port


class Router(grpc.GenericRpcHandler):
    """grpcio's view of a guard: bytes in, bytes out.

    Every method takes a stream of messages. A unary call looks the same on the wire, and
    so its caller is known before grpcio gathers the message: strangers fill no memory.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard

    def service(self, details: grpc.HandlerCallDetails) -> Handler | None:
        """Return what answers a method; None for one that there is not."""
        path = details.method
        if path not in self._guard.methods:
            return None
        if self._guard.methods[path][1].stream is not None:
            return self._stream(path)
        return self._unary(path)

    def _unary(self, path: str) -> Handler:
        async def answer(raws: AsyncIterator[bytes], context: Context) -> bytes:
            try:
                caller = self._caller(path, context)
                reply = await self._guard.answer(caller, path, raws)
            except Refused as error:
                self._guard.count(path, error.code)
                await context.abort(CODES[error.code], escaped(str(error)))
            self._guard.count(path, OK)
            return reply

        return grpc.stream_unary_rpc_method_handler(answer)

    def _stream(self, path: str) -> Handler:
        async def stream(
            raws: AsyncIterator[bytes], context: Context
        ) -> AsyncIterator[bytes]:
            try:
                caller = self._caller(path, context)
                async for reply in self._guard.stream(caller, path, raws):
                    yield reply
            except Refused as error:
                self._guard.count(path, error.code)
                await context.abort(CODES[error.code], escaped(str(error)))
            self._guard.count(path, OK)

        return grpc.stream_stream_rpc_method_handler(stream)

    def _caller(self, path: str, context: Context) -> Caller:
        shown = credentials_of(
            tuple(context.invocation_metadata() or ()), context.auth_context()
        )
        return self._guard.admit(path, shown, context.peer())


def follow(certificates: Files) -> grpc.ServerCredentials:
    """Return credentials that follow the files: each handshake takes what is there now."""
    seen = certificates.read()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        nonlocal seen
        try:
            contents = certificates.read()
        except ConfigError as error:
            logger.error("the control port keeps its certificate: %s", error)
            return None
        if contents == seen:
            return None
        seen = contents
        return configuration(contents)

    return grpc.dynamic_ssl_server_credentials(
        configuration(seen),
        fetch,  # type: ignore[arg-type]  # None keeps what was; the stubs forget it.
        certificates.client_ca is not None,
    )


def configuration(contents: Contents) -> grpc.ServerCertificateConfiguration:
    """Return files' contents as grpcio takes them."""
    pair = (contents.key, contents.certificate)
    return grpc.ssl_server_certificate_configuration([pair], contents.client_ca)
