"""The server that is asked: where it is, whether it is ready, and what its model is.

Works against any KServe v2 gRPC server, without grpcio. A server need not offer more than
ModelMetadata and ModelInfer; of the others, what is not implemented is not asked again.
Every failure is one sentence that names the server.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from runtime.capacity.model import Model, make_model
from runtime.capacity.scenario import Ask
from runtime.errors import ConfigError, ServerError
from runtime.messages import (
    Message,
    ModelMetadataRequest,
    ModelMetadataResponse,
    ModelReadyRequest,
    ModelReadyResponse,
    RepositoryIndexRequest,
    RepositoryIndexResponse,
    ServerReadyRequest,
    ServerReadyResponse,
)

SERVICE = "/inference.GRPCInferenceService/"
SECOND = 1_000_000_000
CONNECT_NS = 5 * SECOND
CALL_NS = 10 * SECOND
MOST_NAMED = 8

CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED",
)  # fmt: skip
OK, NOT_FOUND, UNIMPLEMENTED, UNAVAILABLE = 0, 5, 12, 14


@dataclass(frozen=True, slots=True)
class Options:
    """How the native generator asks; see `runtime.native.load`. Times are nanoseconds."""

    host: str
    port: int
    authority: str
    method: str
    headers: tuple[tuple[str, str], ...] = ()
    connections: int = 1
    in_flight: int = 1
    rate: float = 0.0
    poisson: bool = False
    seed: int = 0
    warmup_ns: int = 0
    duration_ns: int = 0
    warmup_requests: int = 0
    requests: int = 0
    timeout_ns: int = CALL_NS
    tells_deadline: bool = False
    connect_timeout_ns: int = CONNECT_NS
    packed: bool = False
    keeps_records: bool = False


Call: TypeAlias = Callable[[Options, bytes], tuple[int, str, bytes]]
"""Makes one call: the gRPC code, its words, and the reply's bytes."""


def code_name(code: int) -> str:
    """Return a gRPC code as people write it.

    Examples
    --------
    >>> code_name(14), code_name(99)
    ('UNAVAILABLE', 'CODE_99')
    """
    return CODES[code] if 0 <= code < len(CODES) else f"CODE_{code}"


def native_call(options: Options, message: bytes) -> tuple[int, str, bytes]:
    """Call through the load generator's own HTTP/2."""
    from runtime.native.load import call

    return call(options, message)


def split_target(target: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``; IPv6 addresses stand in brackets.

    Examples
    --------
    >>> split_target("[::1]:8001")
    ('::1', 8001)
    """
    host, _, port = target.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if is_bracketed:
        host = host[1:-1]
    is_port = port.isascii() and port.isdigit() and 0 < int(port) < 65536
    if not host or not is_port or "/" in host or (":" in host) != is_bracketed:
        raise ConfigError(
            f"{target!r} is no address of a gRPC server; give HOST:PORT like "
            "127.0.0.1:8001 or [::1]:8001"
        )
    return host, int(port)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server's numeric address, and the name by which a person called it."""

    target: str
    host: str
    port: int

    def options(self, method: str, headers: tuple[tuple[str, str], ...]) -> Options:
        """Return what one call of a method needs."""
        return Options(self.host, self.port, self.target, SERVICE + method, headers)


def accepts(host: str, port: int) -> bool:
    """Whether something accepts connections at a numeric address."""
    try:
        socket.create_connection((host, port), CONNECT_NS / SECOND).close()
    except OSError:
        return False
    return True


def resolve(target: str) -> Endpoint:
    """Return the address of a target: of several the first that accepts connections.

    Raises ServerError for an unknown name. A name like localhost may mean an IPv6 address
    as well, at which the server need not listen.
    """
    host, port = split_target(target)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise ServerError(f"{target} cannot be reached: {words}") from error
    addresses = list(dict.fromkeys(str(address[4][0]) for address in found))
    accepting = (a for a in addresses if len(addresses) > 1 and accepts(a, port))
    return Endpoint(target, next(accepting, addresses[0]), port)


def ask_once(
    endpoint: Endpoint, ask: Ask, call: Call, method: str, message: Message
) -> tuple[int, str, bytes]:
    """Make one unary call; raises ServerError when the server cannot be reached."""
    options = endpoint.options(method, ask.headers)
    try:
        return call(options, message.SerializeToString())
    except ServerError as error:
        raise ServerError(f"{endpoint.target} cannot be reached: {error}") from error


def decode(endpoint: Endpoint, method: str, response: type[Message], raw: bytes) -> Message:
    """Return a reply's message; raises ServerError for bytes that are none."""
    from google.protobuf.message import DecodeError

    try:
        return response.FromString(raw)
    except DecodeError as error:
        raise ServerError(
            f"{endpoint.target} answered {method} with something else; is it a KServe v2 "
            "server?"
        ) from error


def is_ready(
    endpoint: Endpoint, ask: Ask, once: Callable[..., tuple[int, str, bytes]]
) -> bool:
    """Whether the model is, or, where the server cannot tell, the server."""
    wanted = ModelReadyRequest(name=ask.model, version=ask.version)
    method, response = "ModelReady", ModelReadyResponse
    code, words, raw = once(method, wanted)
    if code == UNIMPLEMENTED:
        method, response = "ServerReady", ServerReadyResponse
        code, words, raw = once(method, ServerReadyRequest())
    if code == OK:
        return bool(decode(endpoint, method, response, raw).ready)
    if code in (NOT_FOUND, UNAVAILABLE, UNIMPLEMENTED):
        return code == UNIMPLEMENTED
    raise ServerError(f"{endpoint.target} answered {code_name(code)} to {method}: {words}")


def named_models(endpoint: Endpoint, once: Callable[..., tuple[int, str, bytes]]) -> str:
    """Return "; it has 'a', 'b'", or nothing when the server cannot tell."""
    code, _, raw = once("RepositoryIndex", RepositoryIndexRequest())
    if code != OK:
        return ""
    index = decode(endpoint, "RepositoryIndex", RepositoryIndexResponse, raw)
    names = sorted({model.name for model in index.models})
    more = ", ..." if len(names) > MOST_NAMED else ""
    return f"; it has {', '.join(map(repr, names[:MOST_NAMED]))}{more}" if names else ""


def read_model(ask: Ask, endpoint: Endpoint, call: Call = native_call) -> Model:
    """Return what the server says of the model; raises ServerError if it is not ready."""
    once = partial(ask_once, endpoint, ask, call)
    ready = is_ready(endpoint, ask, once)
    called = f"{ask.model}:{ask.version}" if ask.version else ask.model
    wanted = ModelMetadataRequest(name=ask.model, version=ask.version)
    code, words, raw = once("ModelMetadata", wanted)
    if code == NOT_FOUND:
        has = named_models(endpoint, once)
        raise ServerError(f"{endpoint.target} has no model {called!r}{has}")
    if not ready:
        because = f": {words}" if code != OK else ""
        raise ServerError(
            f"{called} at {endpoint.target} is not ready; it cannot be measured{because}"
        )
    if code != OK:
        raise ServerError(
            f"{endpoint.target} answered {code_name(code)} to ModelMetadata: {words}"
        )
    metadata = decode(endpoint, "ModelMetadata", ModelMetadataResponse, raw)
    return make_model(ask.model, ask.version, metadata)
