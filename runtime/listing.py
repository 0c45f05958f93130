"""What a server says of its models, and loading and unloading them: ``leeboard models``.

Asks RepositoryIndex, ModelConfig, RepositoryModelLoad and RepositoryModelUnload, which
Leeboard and Triton answer. A server is named ``HOST:PORT`` or ``unix:PATH``; without TLS
the first needs no grpcio.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from runtime.access.channel import open_channel
from runtime.access.credentials import Shown as Credentials
from runtime.capacity.endpoint import (
    OK,
    SECOND,
    Call,
    Endpoint,
    Options,
    code_name,
    decode,
    native_call,
    resolve,
    split_target,
)
from runtime.errors import ConfigError, ServerError
from runtime.messages import (
    Message,
    ModelConfigRequest,
    ModelConfigResponse,
    RepositoryIndexRequest,
    RepositoryIndexResponse,
    RepositoryModelLoadRequest,
    RepositoryModelUnloadRequest,
)
from runtime.models.describe import REPORT, called

READY = "READY"
UNIX = "unix:"
CLOSED = "closed the connection"
"""What the native client says, among others, of a server that wants TLS."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One version of one model as its server sees it; `reason` says what is wrong."""

    name: str
    version: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One version with its configuration and, from a Leeboard, its load report."""

    listed: Listed
    config: Message | None = None
    report: dict[str, Any] | None = None


def path_of(url: str) -> str:
    """Return the path of the Unix socket that a URL names; nothing for ``HOST:PORT``.

    Raises ConfigError for what is neither.

    Examples
    --------
    >>> path_of("unix:/run/leeboard.sock"), path_of("127.0.0.1:8001")
    ('/run/leeboard.sock', '')
    """
    if not url.startswith(UNIX):
        split_target(url)
        return ""
    path = url.removeprefix(UNIX)
    if not path or not path.isprintable():
        raise ConfigError(f"{url!r} names no Unix socket; give unix:PATH")
    return path


def reach(url: str) -> Endpoint:
    """Return where calls go; a Unix socket has neither host nor port.

    Raises ServerError for an unknown name.
    """
    return Endpoint(url, "", 0) if path_of(url) else resolve(url)


def ask(
    endpoint: Endpoint,
    method: str,
    request: Message,
    call: Call,
    timeout_s: float = 10.0,
) -> bytes:
    """Return a server's reply; raises ServerError with its words."""
    timeout_ns = int(timeout_s * SECOND)
    options = replace(endpoint.options(method, ()), timeout_ns=timeout_ns)
    try:
        code, words, raw = call(options, request.SerializeToString())
    except ServerError as error:
        raise ServerError(f"{endpoint.target} cannot be reached: {error}") from error
    if code != OK:
        raise ServerError(
            f"{endpoint.target} answered {code_name(code)} to {method}: {words}"
        )
    return raw


def calling(shown: Credentials) -> Call:
    """Return what makes calls with a client's token and, where asked for, over TLS.

    In the clear over TCP, calls go through the load generator's own HTTP/2; over TLS and
    to Unix sockets they go through grpcio.
    """
    return partial(_call, shown)


def _call(shown: Credentials, options: Options, message: bytes) -> tuple[int, str, bytes]:
    has_tls = (shown.ca, shown.certificate, shown.key) != (None, None, None)
    if has_tls or not options.host:
        return _call_through_grpcio(shown, options, message)
    try:
        return native_call(replace(options, headers=shown.headers), message)
    except ServerError as error:
        if CLOSED not in str(error):
            raise
        raise ServerError(
            f"{error}; if it speaks TLS, name its authority with --ca"
        ) from error


def _call_through_grpcio(
    shown: Credentials, options: Options, message: bytes
) -> tuple[int, str, bytes]:
    with open_channel(options.authority, shown) as channel:
        import grpc

        invoke: Callable[..., Any] = channel.unary_unary(options.method)
        seconds = options.timeout_ns / SECOND
        try:
            raw = invoke(message, timeout=seconds, metadata=shown.headers)
        except grpc.RpcError as error:
            return error.code().value[0], error.details() or "", b""
        return OK, "", raw


plain_call = calling(Credentials())
"""Calls in the clear and without a token."""


def list_models(url: str, call: Call = plain_call) -> list[Listed]:
    """Return all versions that a server knows; raises ServerError when it cannot tell."""
    endpoint = reach(url)
    raw = ask(endpoint, "RepositoryIndex", RepositoryIndexRequest(), call)
    index = decode(endpoint, "RepositoryIndex", RepositoryIndexResponse, raw)
    return [
        Listed(model.name, model.version, model.state, model.reason)
        for model in index.models
    ]


def show_model(
    url: str, name: str, version: str = "", call: Call = plain_call
) -> list[Shown]:
    """Return what is known of a model's versions, or of one.

    Raises ServerError when the server has no such model or cannot tell.
    """
    endpoint = reach(url)
    found = [
        listed
        for listed in list_models(url, call)
        if listed.name == name and version in ("", listed.version)
    ]
    if not found:
        raise ServerError(f"{url} has no model {called(name, version)}")
    return [_shown(endpoint, listed, call) for listed in found]


def _shown(endpoint: Endpoint, listed: Listed, call: Call) -> Shown:
    if listed.state != READY:
        return Shown(listed)
    request = ModelConfigRequest(name=listed.name, version=listed.version)
    raw = ask(endpoint, "ModelConfig", request, call)
    config = decode(endpoint, "ModelConfig", ModelConfigResponse, raw).config
    text = config.parameters[REPORT].string_value if REPORT in config.parameters else ""
    return Shown(listed, config, json.loads(text) if text else None)


def load_model(
    url: str,
    name: str,
    version: str = "",
    config: str = "",
    timeout_s: float = 600.0,
    call: Call = plain_call,
) -> None:
    """Have a server load a model, or load it again; waits until that is done.

    `config` is a ModelConfig as JSON that takes the place of what lies beside the model.
    Raises ServerError with the server's reason.
    """
    request = RepositoryModelLoadRequest(model_name=name)
    if version:
        request.parameters["version"].string_param = version
    if config:
        request.parameters["config"].string_param = config
    ask(reach(url), "RepositoryModelLoad", request, call, timeout_s)


def unload_model(url: str, name: str, version: str = "", call: Call = plain_call) -> None:
    """Have a server unload a model, or one version; raises ServerError with its reason."""
    request = RepositoryModelUnloadRequest(model_name=name)
    if version:
        request.parameters["version"].string_param = version
    ask(reach(url), "RepositoryModelUnload", request, call)
