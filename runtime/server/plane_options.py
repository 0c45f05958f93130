"""What the native server is made from, out of a whole configuration."""

from __future__ import annotations

from dataclasses import dataclass

from runtime.config import Address, Config, Transport, parse_address
from runtime.native.transport import Tls


@dataclass(frozen=True, slots=True)
class PlaneOptions:
    """What the native server is made from."""

    host: str
    port: int
    also: tuple[Address, ...]
    tls: Tls | None
    transport: Transport
    max_connections: int
    max_message_bytes: int
    connection_budget_bytes: int
    server_budget_bytes: int
    max_concurrent_streams: int


def plane_options(config: Config, tls: Tls | None) -> PlaneOptions:
    """Return what the native server takes of a configuration."""
    listen, limits = config.listen, config.limits
    return PlaneOptions(
        listen.host,
        listen.grpc_port,
        tuple(parse_address(text, tls is not None) for text in listen.also),
        tls,
        config.transport,
        limits.max_connections,
        limits.max_message_bytes,
        limits.connection_budget_bytes,
        limits.server_budget_bytes,
        limits.max_concurrent_streams,
    )
