"""grpc.health.v1 on the control port: probes of this port, not of the models.

``Check`` and ``Watch`` know the empty name (the server) and the port's services.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from runtime.access.decisions import Refused
from runtime.access.roles import NOBODY
from runtime.messages import HealthCheckRequest, HealthCheckResponse, Message
from runtime.server.control_services import Caller, Method
from runtime.server.model_changes import NOT_FOUND

LOOK_S = 1.0
"""How often a watcher is told, if something has changed."""

SERVING, NOT_SERVING, SERVICE_UNKNOWN = 1, 2, 3


class HealthService:
    """Says whether the server is ready; `known` are the names of the port's services."""

    name = "grpc.health.v1.Health"

    def __init__(self, known: Sequence[str], is_ready: Callable[[], bool]) -> None:
        self._known = frozenset(known)
        self._is_ready = is_ready

    @property
    def methods(self) -> Sequence[Method]:
        """Check and Watch, open to probes."""
        return (
            Method("Check", NOBODY, HealthCheckRequest, self._check),
            Method("Watch", NOBODY, HealthCheckRequest, stream=self._watch),
        )

    def _status(self, service: str) -> int:
        if service == "":
            return SERVING if self._is_ready() else NOT_SERVING
        return SERVING if service in self._known else SERVICE_UNKNOWN

    async def _check(self, caller: Caller, request: Message) -> Message:
        status = self._status(request.service)
        if status == SERVICE_UNKNOWN:
            raise Refused(NOT_FOUND, f"unknown service {request.service!r}")
        return HealthCheckResponse(status=status)

    async def _watch(
        self, caller: Caller, requests: AsyncIterator[Message]
    ) -> AsyncIterator[Message]:
        async for request in requests:
            last = None
            while True:
                status = self._status(request.service)
                if status != last:
                    yield HealthCheckResponse(status=status)
                    last = status
                await asyncio.sleep(LOOK_S)
