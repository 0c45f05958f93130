"""A client that breaks the rules of HTTP/2, and remembers what it was told for it.

Frames are bytes on a plain socket, so that lengths, flags and header blocks can lie; only
what the server says is read by the book. Reading ends with the server's last word or the
end of the connection, never with a pause, and every wait has a time limit.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from h2.errors import ErrorCodes
from hpack import Decoder, Encoder
from hyperframe.frame import (
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
INFER = "/inference.GRPCInferenceService/ModelInfer"

DATA, HEADERS, PRIORITY, RESET, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(
    10
)
END_STREAM, ACK, END_HEADERS = 1, 1, 4
HEADER_TABLE_SIZE, INITIAL_WINDOW, MAX_FRAME = 1, 4, 5

PLAIN = b"\x83\x86\x04\x04/a/b\x01\x04test\x0f\x10\x10application/grpc"
"""A call's header block of which nothing enters the HPACK table."""

KNOWN = b"\x83\x86\x04%c%s\x01\x04test\x0f\x10\x10application/grpc" % (
    len(INFER),
    INFER.encode(),
)
"""The same for a method that the server has."""

LIMIT_S = 30.0

Told = Counter[str]
"""What a client was told, in words: GOAWAY and RST_STREAM with the error's name, the status
of answers, and `closed`. Courtesies (SETTINGS, windows, acknowledgements) are left out."""


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one frame."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags))
    return head + stream.to_bytes(4, "big") + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    """Return a SETTINGS frame."""
    body = b"".join(k.to_bytes(2, "big") + v.to_bytes(4, "big") for k, v in pairs)
    return frame(SETTINGS, 0, 0, body)


def window(stream: int, more: int) -> bytes:
    """Return a WINDOW_UPDATE frame."""
    return frame(WINDOW, 0, stream, more.to_bytes(4, "big"))


def reset(stream: int, error: int = ErrorCodes.CANCEL) -> bytes:
    """Return a RST_STREAM frame."""
    return frame(RESET, 0, stream, int(error).to_bytes(4, "big"))


def prefixed(message: bytes, declared: int | None = None, flag: int = 0) -> bytes:
    """Return a gRPC message behind its prefix, which may declare another size."""
    size = len(message) if declared is None else declared
    return bytes((flag,)) + size.to_bytes(4, "big") + message


class Attacker:
    """One connection. Sending never raises: a server that has gone away was the aim."""

    def __init__(
        self,
        url: str,
        *,
        greeting: bytes = PREFACE + settings(),
        receive_buffer: int = 0,
    ) -> None:
        host, port = url.rsplit(":", 1)
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(LIMIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.connect((host, int(port)))
        self._encoder, self._decoder = Encoder(), Decoder()
        self._unread = b""
        self._closed = False
        self._next = 1
        self.told: Told = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.send(greeting)

    def __enter__(self) -> Self:
        """Return the client, which is connected already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up."""
        self._socket.close()

    def send(self, data: bytes) -> None:
        """Send all of it, unless the server has gone away."""
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            return

    def half_close(self) -> None:
        """Say nothing more, and go on listening."""
        self._socket.shutdown(socket.SHUT_WR)

    def new_stream(self) -> int:
        """Return the next free stream."""
        self._next += 2
        return self._next - 2

    def block(self, **changes: str) -> bytes:
        """Return a header block of a call.

        `method`, `path`, `content_type` and `encoding` may differ.

        It must be sent: the server's HPACK table has to follow.
        """
        fields = [
            (":method", changes.get("method", "POST")),
            (":scheme", "http"),
            (":path", changes.get("path", INFER)),
            (":authority", "test"),
            ("content-type", changes.get("content_type", "application/grpc")),
            ("te", "trailers"),
        ]
        if "encoding" in changes:
            fields.append(("grpc-encoding", changes["encoding"]))
        return bytes(self._encoder.encode(fields, huffman=False))

    def call(self, body: bytes = b"", *, ends: bool = True, **changes: str) -> int:
        """Start a call with what is given of its body; returns its stream."""
        stream = self.new_stream()
        last = END_STREAM if ends else 0
        bare = last if not body else 0
        data = frame(HEADERS, END_HEADERS | bare, stream, self.block(**changes))
        pieces = [body[i : i + 16_384] for i in range(0, len(body), 16_384)]
        for number, piece in enumerate(pieces, 1):
            data += frame(DATA, last if number == len(pieces) else 0, stream, piece)
        self.send(data)
        return stream

    def hear(self, words: int) -> Told:
        """Listen until so many things were told or the connection is closed."""
        while self.told.total() < words and not self._closed:
            self._read()
        return self.told

    def hear_all(self) -> Told:
        """Listen until the connection is closed."""
        while not self._closed:
            self._read()
        return self.told

    def hear_pong(self) -> Told:
        """Ask with a PING and listen to the answer: all that came before it is handled."""
        wanted = self.acknowledged["PING"] + 1
        self.send(frame(PING, 0, 0, b"are you?"))
        while self.acknowledged["PING"] < wanted and not self._closed:
            self._read()
        return self.told

    def acknowledge(self) -> None:
        """Wait for the server's SETTINGS and acknowledge them."""
        while not self.acknowledged["SETTINGS"] and not self._closed:
            self._read()
        self.send(frame(SETTINGS, ACK, 0))

    def _read(self) -> None:
        try:
            data = self._socket.recv(1 << 16)
        except ConnectionResetError:
            data = b""
        if not data:
            self._closed = True
            self.told["closed"] += 1
        self._unread += data
        for got in self._frames():
            self._take(got)

    def _frames(self) -> Iterable[Frame]:
        while len(self._unread) >= 9:
            got, size = Frame.parse_frame_header(memoryview(self._unread[:9]))
            if len(self._unread) < 9 + size:
                return
            got.parse_body(memoryview(self._unread[9 : 9 + size]))
            self._unread = self._unread[9 + size :]
            yield got

    def _take(self, got: Frame) -> None:
        if isinstance(got, GoAwayFrame):
            self.told[f"GOAWAY {ErrorCodes(got.error_code).name}"] += 1
        elif isinstance(got, RstStreamFrame):
            self.told[f"RST_STREAM {ErrorCodes(got.error_code).name}"] += 1
        elif isinstance(got, HeadersFrame):
            self._take_headers(got)
        elif isinstance(got, SettingsFrame):
            self.acknowledged["SETTINGS"] += 1
        elif isinstance(got, PingFrame) and "ACK" in got.flags:
            self.acknowledged["PING"] += 1

    def _take_headers(self, got: HeadersFrame) -> None:
        fields = {
            bytes(name).decode(): bytes(value).decode()
            for name, value in self._decoder.decode(got.data, raw=True)
        }
        if "grpc-status" in fields:
            self.told[f"grpc-status {fields['grpc-status']}"] += 1
        elif fields.get(":status") != "200":
            self.told[f"HTTP {fields[':status']}"] += 1
