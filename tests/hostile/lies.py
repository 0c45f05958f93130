"""Single frames, greetings and prefixes that lie, and other protocols.

Each function says what it sends and what an honest server answers.
"""

from __future__ import annotations

import gzip
from functools import cache

from tests.hostile.client import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW,
    PING,
    PREFACE,
    Attacker,
    Told,
    frame,
    prefixed,
    settings,
    window,
)
from tests.hostile.target import Attack, Target

LARGEST_WINDOW = 0x7FFF_FFFF


def _after(target: Target, data: bytes) -> Told:
    with Attacker(target.url) as attacker:
        attacker.send(data)
        return attacker.hear_all()


def _greeted(target: Target, greeting: bytes) -> Told:
    with Attacker(target.url, greeting=greeting) as attacker:
        return attacker.hear_all()


def _with_body(target: Target, body: bytes, *, ends: bool = True) -> Told:
    with Attacker(target.url) as attacker:
        attacker.call(body, ends=ends)
        attacker.hear(1)
        return attacker.hear_pong()


def ping_before_settings(target: Target) -> Told:
    """Say the preface and a PING where SETTINGS must come: GOAWAY PROTOCOL_ERROR."""
    return _greeted(target, PREFACE + frame(PING, 0, 0, b"too soon"))


def garbage(target: Target) -> Told:
    """Send 64 kB that are no protocol at all: closed without a word."""
    return _greeted(target, bytes(range(255, -1, -1)) * 256)


def garbage_in_the_preface(target: Target) -> Told:
    """Send a preface whose last byte is wrong: closed without a word."""
    return _greeted(target, PREFACE[:-1] + b"!" + settings())


def http_1_1(target: Target) -> Told:
    """Speak HTTP/1.1: closed without a word."""
    return _greeted(target, b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\n\r\n")


def tls(target: Target) -> Told:
    """Begin a TLS handshake on a port without TLS: closed without a word."""
    return _greeted(target, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 505)


def oversized_frame(target: Target) -> Told:
    """Announce a frame of 16 MB, over the server's limit: GOAWAY FRAME_SIZE_ERROR."""
    return _after(target, b"\xff\xff\xff" + frame(DATA, 0, 1, b"data")[3:])


def oversized_ping(target: Target) -> Told:
    """Send a PING of nine bytes: GOAWAY FRAME_SIZE_ERROR."""
    return _after(target, frame(PING, 0, 0, b"nine byte"))


def settings_of_five_bytes(target: Target) -> Told:
    """Send SETTINGS that are not whole entries: GOAWAY FRAME_SIZE_ERROR."""
    return _after(target, frame(4, 0, 0, b"\0\4\0\0\0"))


def empty_headers(target: Target) -> Told:
    """Start a call with no header at all: RST_STREAM PROTOCOL_ERROR, and only that."""
    with Attacker(target.url) as attacker:
        stream = attacker.new_stream()
        attacker.send(frame(HEADERS, END_HEADERS | END_STREAM, stream))
        return attacker.hear_pong()


def broken_headers(target: Target) -> Told:
    """Name an entry of the HPACK table that is not there: GOAWAY COMPRESSION_ERROR."""
    return _after(target, frame(HEADERS, END_HEADERS, 1, b"\xff\xff\x01"))


def data_for_nobody(target: Target) -> Told:
    """Send data for a stream that was never opened: GOAWAY PROTOCOL_ERROR."""
    return _after(target, frame(DATA, 0, 7, b"data"))


def window_overflow(target: Target) -> Told:
    """Widen the connection's window beyond 2^31: GOAWAY FLOW_CONTROL_ERROR."""
    return _after(target, window(0, LARGEST_WINDOW) * 2)


def window_of_nothing(target: Target) -> Told:
    """Widen the connection's window by zero: GOAWAY PROTOCOL_ERROR."""
    return _after(target, window(0, 0))


def stream_window_overflow(target: Target) -> Told:
    """Widen one stream's window beyond 2^31: RST_STREAM FLOW_CONTROL_ERROR, only that."""
    with Attacker(target.url) as attacker:
        stream = attacker.call(ends=False)
        attacker.send(window(stream, LARGEST_WINDOW))
        return attacker.hear_pong()


def initial_window_overflow(target: Target) -> Told:
    """Set an initial window of 2^32 - 1: GOAWAY FLOW_CONTROL_ERROR."""
    return _after(target, settings((INITIAL_WINDOW, 0xFFFF_FFFF)))


def wrong_content_type(target: Target) -> Told:
    """POST JSON: HTTP status 415."""
    with Attacker(target.url) as attacker:
        attacker.call(b"{}", content_type="application/json")
        return attacker.hear(1)


def wrong_method(target: Target) -> Told:
    """GET: HTTP status 405."""
    with Attacker(target.url) as attacker:
        attacker.call(method="GET")
        return attacker.hear(1)


def wrong_path(target: Target) -> Told:
    """Call what no server has: UNIMPLEMENTED."""
    with Attacker(target.url) as attacker:
        attacker.call(prefixed(b""), path="/../../etc/passwd")
        return attacker.hear(1)


def prefix_of_4_gib(target: Target) -> Told:
    """Declare 4 GiB: RESOURCE_EXHAUSTED on the prefix, then RST_STREAM NO_ERROR."""
    return _with_body(target, prefixed(b"a few bytes", 0xFFFF_FFFF), ends=False)


def prefix_of_more(target: Target) -> Told:
    """Declare more than what comes: INTERNAL."""
    return _with_body(target, prefixed(target.message, len(target.message) + 1))


def prefix_of_less(target: Target) -> Told:
    """Declare less than what comes: the message is cut, INVALID_ARGUMENT."""
    return _with_body(target, prefixed(target.message, len(target.message) - 1))


def prefix_cut_off(target: Target) -> Told:
    """End in the middle of the prefix: INTERNAL."""
    return _with_body(target, b"\0\0\0")


def prefix_of_compression(target: Target) -> Told:
    """Claim compression although no header says which: INTERNAL."""
    return _with_body(target, prefixed(target.message, flag=1))


def unknown_compression(target: Target) -> Told:
    """Claim a compression that nobody has: UNIMPLEMENTED."""
    with Attacker(target.url) as attacker:
        attacker.call(prefixed(target.message, flag=1), encoding="../../gzip")
        return attacker.hear(1)


@cache
def _bomb() -> bytes:
    return gzip.compress(bytes(300 << 20), 9)


def gzip_bombs(target: Target) -> Told:
    """Send four times 300 MB of zeros as 300 KB: RESOURCE_EXHAUSTED at the limit, each."""
    with Attacker(target.url) as attacker:
        attacker.acknowledge()  # Windows are wide enough only then.
        for _ in range(4):
            attacker.call(prefixed(_bomb(), flag=1), ends=False, encoding="gzip")
        return attacker.hear(8)


def prefix_with_a_wrong_flag(target: Target) -> Told:
    """Set a flag that does not exist: INTERNAL."""
    return _with_body(target, prefixed(target.message, flag=7))


def message_of_garbage(target: Target) -> Told:
    """Send 10,000 bytes that are no protobuf: INVALID_ARGUMENT."""
    return _with_body(target, prefixed(b"\xff" * 10_000))


LIES: tuple[Attack, ...] = (
    ping_before_settings,
    garbage,
    garbage_in_the_preface,
    http_1_1,
    tls,
    oversized_frame,
    oversized_ping,
    settings_of_five_bytes,
    empty_headers,
    broken_headers,
    data_for_nobody,
    window_overflow,
    window_of_nothing,
    stream_window_overflow,
    initial_window_overflow,
    wrong_content_type,
    wrong_method,
    wrong_path,
    prefix_of_4_gib,
    prefix_of_more,
    prefix_of_less,
    prefix_cut_off,
    prefix_of_compression,
    unknown_compression,
    gzip_bombs,
    prefix_with_a_wrong_flag,
    message_of_garbage,
)
