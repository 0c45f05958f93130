"""What a server says of its models: ``leeboard models list``.

Asks RepositoryIndex, which Leeboard and Triton answer, and needs no grpcio.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.capacity.endpoint import (
    OK,
    Call,
    code_name,
    decode,
    native_call,
    resolve,
)
from runtime.errors import ServerError
from runtime.messages import RepositoryIndexRequest, RepositoryIndexResponse


@dataclass(frozen=True, slots=True)
class Listed:
    """One version of one model as its server sees it; `reason` says what is wrong."""

    name: str
    version: str
    state: str
    reason: str


def list_models(url: str, call: Call = native_call) -> list[Listed]:
    """Return all versions that a server knows; raises ServerError when it cannot tell."""
    endpoint = resolve(url)
    options = endpoint.options("RepositoryIndex", ())
    try:
        code, words, raw = call(options, RepositoryIndexRequest().SerializeToString())
    except ServerError as error:
        raise ServerError(f"{url} cannot be reached: {error}") from error
    if code != OK:
        raise ServerError(f"{url} answered {code_name(code)} to RepositoryIndex: {words}")
    index = decode(endpoint, "RepositoryIndex", RepositoryIndexResponse, raw)
    return [
        Listed(model.name, model.version, model.state, model.reason)
        for model in index.models
    ]
