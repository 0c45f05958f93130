"""What the control port is made of: services, their methods, and who may call them.

A feature hands its own `Service` to `runtime.server.wiring.make_control`. Handlers run on
the event loop: whatever takes longer than a few milliseconds belongs into
`asyncio.to_thread`. They raise errors of `runtime.errors`, which become one line for the
caller.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from runtime.access.identities import Identity
from runtime.access.roles import Role
from runtime.messages import Message

CALL_S = 30.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: an identity, None where nobody is asked, and the address."""

    identity: Identity | None
    peer: str

    @property
    def name(self) -> str:
        """The caller as a log names it."""
        return f"identity '{self.identity.name}'" if self.identity else self.peer


CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS",
    "UNAUTHENTICATED",
)  # fmt: skip


def code_name(code: int) -> str:
    """Return a gRPC code as people write it.

    Examples
    --------
    >>> code_name(16)
    'UNAUTHENTICATED'
    """
    return CODES[code]


Handler = Callable[[Caller, Message], Awaitable[Message]]
"""Answers one message with one."""

StreamHandler = Callable[[Caller, AsyncIterator[Message]], AsyncIterator[Message]]
"""Answers a stream of messages with a stream."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of a service.

    `needs` are roles of which the caller must have one; `NOBODY` is open like health.
    Exactly one of `answer` and `stream` is set. A call that has no answer after `limit_s`
    seconds is DEADLINE_EXCEEDED; streams have no limit but the caller's.
    """

    name: str
    needs: Role
    request: type[Message]
    answer: Handler | None = None
    stream: StreamHandler | None = None
    limit_s: float = CALL_S


class Service(Protocol):
    """Something that answers on the control port."""

    @property
    def name(self) -> str:
        """The full name, like ``leeboard.v1.Models``."""

    @property
    def methods(self) -> Sequence[Method]:
        """The methods; asked for once."""


def method_table(services: Sequence[Service]) -> dict[str, tuple[Service, Method]]:
    """Return all methods by their path, as in ``/leeboard.v1.Server/Info``."""
    return {
        f"/{service.name}/{method.name}": (service, method)
        for service in services
        for method in service.methods
    }
