"""A server with identities of every kind, and clients that show their tokens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc

from runtime.access.file import write
from runtime.access.identities import Identity, Quota, Token
from runtime.access.roles import Role
from runtime.access.tokens import digest_of
from runtime.config import MIB, Access, Config, Control, Listen, Repository, Workers
from runtime.messages import ModelInferRequest

SERVICE = "/inference.GRPCInferenceService/"
PAST = 1_000_000


def identity(
    name: str, roles: Role, *models: str, quota: Quota | None = None, expires: int = 0
) -> Identity:
    """An identity whose one token is its name."""
    token = Token(digest_of(name), expires)
    return Identity(name, roles, models, quota or Quota(), (token,))


EVERYBODY = (
    *(identity(str(role.name).lower(), role) for role in Role),
    identity("late", Role.INFER, expires=PAST),
    identity("limited", Role.INFER | Role.OPERATOR, "m", "team-*"),
)


def guarded(
    folder: Path, repository: Path, identities: Sequence[Identity] = EVERYBODY
) -> Config:
    """A server with a control port on free ports; its tokens are folder/tokens.yaml."""
    write(folder / "tokens.yaml", identities)
    return replace(
        Config(repository),
        listen=Listen(grpc_port=0, http_port=0),
        workers=Workers(input_bytes=8 * MIB, output_bytes=8 * MIB),
        repository=Repository("explicit", ("*",)),
        access=Access(folder / "tokens.yaml"),
        control=Control(port=0),
        cache_dir=folder / "cache",
    )


def ask_rows(model: str = "m") -> bytes:
    """A ModelInferRequest of one row for an identity model of FP32 [N, 3]."""
    request = ModelInferRequest(model_name=model)
    request.inputs.add(name="x", datatype="FP32", shape=[1, 3])
    request.raw_input_contents.append(bytes(12))
    return bytes(request.SerializeToString())


def bearer(token: str | None) -> list[tuple[str, str]]:
    """The metadata of a call."""
    return [] if token is None else [("authorization", f"Bearer {token}")]


def call(
    channel: grpc.Channel, path: str, message: bytes = b"", token: str | None = None
) -> tuple[str, str]:
    """Make a unary call; returns its code's name and its words."""
    invoke: Callable[..., Any] = channel.unary_unary(path)
    try:
        invoke(message, timeout=60, metadata=bearer(token))
    except grpc.RpcError as error:
        return error.code().name, error.details() or ""
    return "OK", ""
