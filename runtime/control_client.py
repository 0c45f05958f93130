"""Asks the control port of a server: what ``leeboard server`` and other commands stand on.

grpcio is imported with the first call. Every failure is one line that names the server.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from runtime.access.channel import open_channel
from runtime.access.credentials import Shown
from runtime.errors import ConfigError, ServerError
from runtime.messages import Message
from runtime.printable import escaped

if TYPE_CHECKING:
    import grpc

SERVER = "LEEBOARD_SERVER"
HERE = "127.0.0.1:8003"
CALL_S = 30.0

ABSENT = {
    "leeboard.v1.Labels": "no model has a task in its --monitor-file, so it expects none",
    "leeboard.v1.Monitor": "nothing is watched there (--no-monitor)",
}
"""Why a server may be without a service."""


def find_server(server: str = "", environment: Mapping[str, str] = os.environ) -> str:
    """Return where the control port is: an option, or what the environment says.

    Examples
    --------
    >>> find_server("", {}), find_server("unix:/run/c", {"LEEBOARD_SERVER": "a:1"})
    ('127.0.0.1:8003', 'unix:/run/c')
    """
    found = server or environment.get(SERVER, "") or HERE
    if "://" in found or not found.isprintable() or " " in found:
        raise ConfigError(f"--server {found!r} is neither HOST:PORT nor unix:PATH")
    return found


class ControlClient:
    """A client of one server's control port; close it, or use it in a ``with``."""

    def __init__(self, target: str, shown: Shown | None = None) -> None:
        self.target = target
        self._shown = shown or Shown()
        self._channel: grpc.Channel | None = None

    def __enter__(self) -> ControlClient:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connection."""
        self.close()

    def close(self) -> None:
        """Close the connection, if there is one."""
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def call(
        self,
        path: str,
        request: Message,
        response: type[Message],
        timeout_s: float = CALL_S,
    ) -> Message:
        """Return a method's answer; `path` is as in ``/leeboard.v1.Server/Info``.

        Raises ServerError with the server's code and words, or why it was not reached.
        """
        import grpc

        if self._channel is None:
            self._channel = open_channel(self.target, self._shown)
        invoke: Callable[..., Any] = self._channel.unary_unary(path)
        try:
            raw = invoke(
                request.SerializeToString(),
                timeout=timeout_s,
                metadata=self._shown.headers,
            )
        except grpc.RpcError as error:
            service, _, method = path.strip("/").rpartition("/")
            if error.code() is grpc.StatusCode.UNIMPLEMENTED and service in ABSENT:
                why = ABSENT[service]
                raise ServerError(f"{self.target} has no {service}: {why}") from None
            raise ServerError(
                f"{self.target} answered {error.code().name} to {method}: "
                f"{escaped(error.details() or '')}"
            ) from None
        return response.FromString(raw)
