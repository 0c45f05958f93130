"""Servers and clients with TLS, as tests write them."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import h2.settings
import tritonclient.grpc as triton

from runtime.backends.base import Signature, TensorSpec
from runtime.config import Transport
from runtime.native.transport import Tls
from runtime.testing.inline import InlineOptions
from tests.integration.authority import Authority, Pair

LARGE = [
    ("grpc.max_receive_message_length", 1 << 30),
    ("grpc.max_send_message_length", 1 << 30),
]

WIDE = Signature(
    "fake",
    (TensorSpec("x", "FP32", (-1, 2_000_000)),),
    (TensorSpec("y", "FP32", (-1, 2_000_000)),),
    batchable=True,
)
"""Rows of eight megabytes, both ways: many records of TLS and windows of HTTP/2."""


@dataclass(frozen=True)
class Keys:
    """An authority and the server's certificate that it has signed."""

    authority: Authority
    server: Pair
    mutual: bool = False
    folder: Path = field(default_factory=Path)

    @property
    def native(self) -> Tls:
        """What a server starts with."""
        clients = self.authority.certificate if self.mutual else b""
        return Tls(self.server.certificate, self.server.key, clients)

    def options(self, transport: Transport | None = None, **others: Any) -> InlineOptions:
        """Return options of a server with these keys."""
        return InlineOptions(tls=self.native, transport=transport or Transport(), **others)

    def triton(
        self, url: str, pair: Pair | None = None, authority: Authority | None = None
    ) -> triton.InferenceServerClient:
        """Return a client that trusts our authority, or another, and may show a pair."""
        return triton.InferenceServerClient(
            url.replace("127.0.0.1", "localhost"),
            ssl=True,
            root_certificates=str((authority or self.authority).path),
            private_key=str(pair.key_path) if pair else None,
            certificate_chain=str(pair.certificate_path) if pair else None,
            channel_args=LARGE,
        )

    def channel(self, url: str) -> grpc.Channel:
        """Return grpcio's channel."""
        credentials = grpc.ssl_channel_credentials(self.authority.certificate)
        return grpc.secure_channel(url, credentials, LARGE)

    def context(self, protocol: str = "h2") -> ssl.SSLContext:
        """Return Python's own client side; an empty protocol leaves ALPN out."""
        context = ssl.create_default_context(cadata=self.authority.certificate.decode())
        if protocol:
            context.set_alpn_protocols([protocol])
        return context


def keys(folder: Path, mutual: bool = False) -> Keys:
    """Return fresh keys in a folder."""
    authority = Authority(folder)
    return Keys(authority, authority.sign(), mutual, folder)


@contextmanager
def handshake(
    port: int, context: ssl.SSLContext, receive_buffer: int = 0
) -> Iterator[ssl.SSLSocket]:
    """Connect with Python's ssl; its errors are the caller's to expect."""
    with socket.socket() as plain:
        if receive_buffer:
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        plain.settimeout(30)
        plain.connect(("127.0.0.1", port))
        with context.wrap_socket(plain, server_hostname="localhost") as secured:
            yield secured


def is_live(channel: grpc.Channel) -> bool:
    """Ask whether a server lives, without a stub."""
    ask: Any = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
    return bool(ask(b"", timeout=30) == b"\x08\x01")


def read_to_end(client: socket.socket) -> bytes:
    """Return all that comes until the other end closes; a reset is an end, too."""
    found = b""
    try:
        while part := client.recv(65_536):
            found += part
    except (ConnectionError, ssl.SSLError):
        return found
    return found


class RawClient:
    """HTTP/2 on a socket, one call at a time, reading only when asked."""

    def __init__(self, client: ssl.SSLSocket) -> None:
        self._socket = client
        self._h2 = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(1 << 30)
        self._h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 1 << 30})
        self._socket.sendall(self._h2.data_to_send())

    def call(self, message: bytes) -> int:
        """Send a whole call; returns its stream."""
        stream = self._h2.get_next_available_stream_id()
        fields = [
            (":method", "POST"),
            (":scheme", "https"),
            (":path", "/inference.GRPCInferenceService/ModelInfer"),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ]
        self._h2.send_headers(stream, fields)
        body = b"\0" + len(message).to_bytes(4, "big") + message
        while body:
            room = min(
                self._h2.local_flow_control_window(stream), self._h2.max_outbound_frame_size
            )
            if room == 0:
                self._socket.sendall(self._h2.data_to_send())
                self._h2.receive_data(self._socket.recv(65_536))
                continue
            self._h2.send_data(stream, body[:room])
            body = body[room:]
        self._h2.end_stream(stream)
        self._socket.sendall(self._h2.data_to_send())
        return stream

    def read(self, stream: int) -> bytes:
        """Read until the stream has ended; returns its data."""
        parts = []
        while True:
            for event in self._h2.receive_data(self._socket.recv(65_536)):
                if isinstance(event, h2.events.DataReceived):
                    parts.append(event.data)
                elif isinstance(event, h2.events.StreamEnded):
                    return b"".join(parts)
