"""What a server says of its models, and loading and unloading them: ``leeboard models``.

Asks RepositoryIndex, ModelConfig, RepositoryModelLoad and RepositoryModelUnload, which
Leeboard and Triton answer, and needs no grpcio.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from runtime.capacity.endpoint import (
    OK,
    SECOND,
    Call,
    Endpoint,
    code_name,
    decode,
    native_call,
    resolve,
)
from runtime.errors import ServerError
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


def list_models(url: str, call: Call = native_call) -> list[Listed]:
    """Return all versions that a server knows; raises ServerError when it cannot tell."""
    endpoint = resolve(url)
    raw = ask(endpoint, "RepositoryIndex", RepositoryIndexRequest(), call)
    index = decode(endpoint, "RepositoryIndex", RepositoryIndexResponse, raw)
    return [
        Listed(model.name, model.version, model.state, model.reason)
        for model in index.models
    ]


def show_model(
    url: str, name: str, version: str = "", call: Call = native_call
) -> list[Shown]:
    """Return what is known of a model's versions, or of one.

    Raises ServerError when the server has no such model or cannot tell.
    """
    endpoint = resolve(url)
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
    call: Call = native_call,
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
    ask(resolve(url), "RepositoryModelLoad", request, call, timeout_s)


def unload_model(url: str, name: str, version: str = "", call: Call = native_call) -> None:
    """Have a server unload a model, or one version; raises ServerError with its reason."""
    request = RepositoryModelUnloadRequest(model_name=name)
    if version:
        request.parameters["version"].string_param = version
    ask(resolve(url), "RepositoryModelUnload", request, call)
