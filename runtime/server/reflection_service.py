"""Server reflection on the control port, from our own descriptor pool.

grpcurl and grpcio's reflection client list services and fetch their descriptions. The
package grpcio-reflection would register names in protobuf's default pool, which clients in
the same process may already hold.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from google.protobuf.descriptor import FileDescriptor

from runtime.access.roles import NOBODY
from runtime.messages import POOL, Message, message
from runtime.server.control_services import Caller, Method
from runtime.server.model_changes import INVALID_ARGUMENT, NOT_FOUND

PACKAGE = "grpc.reflection.v1"
Request: Any = message(f"{PACKAGE}.ServerReflectionRequest")
Response: Any = message(f"{PACKAGE}.ServerReflectionResponse")


class ReflectionService:
    """Tells of services by their names; `alpha` is the name that most clients ask for."""

    def __init__(self, services: Sequence[str], alpha: bool = False) -> None:
        self._services = sorted(services)
        self.name = f"{PACKAGE}{'alpha' if alpha else ''}.ServerReflection"

    @property
    def methods(self) -> Sequence[Method]:
        """The one method, open as health is."""
        return (Method("ServerReflectionInfo", NOBODY, Request, stream=self._info),)

    async def _info(
        self, caller: Caller, requests: AsyncIterator[Message]
    ) -> AsyncIterator[Message]:
        async for request in requests:
            yield self.tell(request)

    def tell(self, request: Message) -> Message:
        """Return the answer to one question."""
        response = Response(valid_host=request.host, original_request=request)
        asked = request.WhichOneof("message_request")
        try:
            if asked == "list_services":
                for name in self._services:
                    response.list_services_response.service.add(name=name)
            elif asked == "file_by_filename":
                self._fill(response, POOL.FindFileByName(request.file_by_filename))
            elif asked == "file_containing_symbol":
                symbol = request.file_containing_symbol
                self._fill(response, POOL.FindFileContainingSymbol(symbol))
            else:
                self._refuse(response, INVALID_ARGUMENT, "that is not told here")
        except KeyError:
            self._refuse(response, NOT_FOUND, "there is no such file or symbol")
        return response

    def _fill(self, response: Message, file: FileDescriptor) -> None:
        """Add a file and all that it imports."""
        seen: set[str] = set()
        todo = [file]
        while todo:
            one = todo.pop()
            if one.name not in seen:
                seen.add(one.name)
                response.file_descriptor_response.file_descriptor_proto.append(
                    one.serialized_pb
                )
                todo.extend(one.dependencies)

    def _refuse(self, response: Message, code: int, words: str) -> None:
        response.error_response.error_code = code
        response.error_response.error_message = words
