"""grpcio's channels with what a client shows; grpcio is imported with the first one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from runtime.access.credentials import Shown, read_pem
from runtime.errors import ConfigError

if TYPE_CHECKING:
    import grpc

MESSAGE_BYTES = 64 << 20


def open_channel(
    target: str, shown: Shown, most_bytes: int = MESSAGE_BYTES
) -> grpc.Channel:
    """Return a channel to a server, encrypted if its authority is given.

    Messages have at most `most_bytes`; -1 leaves that to the server. Raises ConfigError
    for files that cannot be read, or half of a pair.
    """
    # Else grpcio writes lines of its own about failed handshakes.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    import grpc

    options = (
        ("grpc.max_send_message_length", most_bytes),
        ("grpc.max_receive_message_length", most_bytes),
        ("grpc.enable_http_proxy", 0),  # A token goes to the server and nowhere else.
    )
    if shown.ca is None:
        if shown.certificate or shown.key:
            raise ConfigError("--cert and --key go with --ca")
        return grpc.insecure_channel(target, options)
    if (shown.certificate is None) != (shown.key is None):
        raise ConfigError("--cert and --key go together")
    credentials = grpc.ssl_channel_credentials(
        read_pem(shown.ca),
        read_pem(shown.key) if shown.key else None,
        read_pem(shown.certificate) if shown.certificate else None,
    )
    return grpc.secure_channel(target, credentials, options)
