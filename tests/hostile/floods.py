"""Attacks that send more than a client ever should, on one connection each.

Numbers are beyond every limit of the server and bounded. Each function says what it sends
and what an honest server answers.
"""

from __future__ import annotations

from h2.errors import ErrorCodes
from hpack import Encoder

from tests.hostile.client import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    KNOWN,
    PING,
    PLAIN,
    PRIORITY,
    Attacker,
    Told,
    frame,
    prefixed,
    reset,
    settings,
    window,
)
from tests.hostile.target import Attack, Target

RESETS = 60_000
AT_ONCE = 1000
"""Frames of one send; between two the server gets its turn."""


def _reset_floods(target: Target, end: bytes, count: int = RESETS) -> Told:
    with Attacker(target.url) as attacker:
        for _ in range(count // AT_ONCE):
            data = b""
            for _ in range(AT_ONCE):
                stream = attacker.new_stream()
                data += frame(HEADERS, END_HEADERS, stream, KNOWN)
                data += end[:5] + stream.to_bytes(4, "big") + end[9:]
            attacker.send(data)
        return attacker.hear_all()


def rapid_reset(target: Target) -> Told:
    """Start calls and cancel each at once (CVE-2023-44487).

    The server forgives as many as deadlines of ordinary clients can cause, then says
    ENHANCE_YOUR_CALM and closes.
    """
    return _reset_floods(target, reset(0))


def rapid_reset_without_error(target: Target) -> Told:
    """Cancel calls with the code NO_ERROR, as if nothing had been wrong.

    A call without an answer is a cancelled call whatever the code: as `rapid_reset`.
    """
    return _reset_floods(target, reset(0, ErrorCodes.NO_ERROR))


def made_you_reset(target: Target) -> Told:
    """Make the server cancel calls, with windows that overflow (CVE-2025-8671).

    Each is answered with RST_STREAM FLOW_CONTROL_ERROR, and counts as if the client had
    cancelled: then ENHANCE_YOUR_CALM, closed.
    """
    return _reset_floods(target, window(0, 0x7FFF_FFFF))


def whole_calls_cancelled(target: Target) -> Told:
    """Send 5,000 whole requests and cancel each at once.

    An impatient but honest client can do that: the connection stays, rows are pruned, and
    a request after it is answered.
    """
    with Attacker(target.url) as attacker:
        attacker.send(window(0, 0x7000_0000))  # Some answers are quicker than their end.
        for _ in range(50):
            for _ in range(100):
                stream = attacker.call(prefixed(target.small))
                attacker.send(reset(stream))
            attacker.hear_pong()
        attacker.told.clear()
        attacker.call(prefixed(target.message))
        return attacker.hear(1)


def stream_flood(target: Target) -> Told:
    """Open 3,000 calls without ending any and without acknowledging the server's limit.

    The server lets 1,024 stand and refuses the rest, REFUSED_STREAM for each.
    """
    with Attacker(target.url) as attacker:
        streams = [attacker.new_stream() for _ in range(3000)]
        attacker.send(b"".join(frame(HEADERS, END_HEADERS, s, KNOWN) for s in streams))
        attacker.hear(3000 - 1024)
        target.meanwhile()
        return attacker.hear_pong()


def acknowledged_stream_flood(target: Target) -> Told:
    """Open 3,000 calls although the limit was acknowledged.

    That breaks a promise: GOAWAY PROTOCOL_ERROR.
    """
    with Attacker(target.url) as attacker:
        attacker.acknowledge()
        streams = [attacker.new_stream() for _ in range(3000)]
        attacker.send(b"".join(frame(HEADERS, END_HEADERS, s, KNOWN) for s in streams))
        return attacker.hear_all()


def continuation_flood(target: Target) -> Told:
    """Go on with one header block for 1,000 frames and never end it (CVE-2024-28182).

    The server ends the connection after a few of them: ENHANCE_YOUR_CALM, closed.
    """
    more = Encoder().encode([("x-more", "m" * 1000)], huffman=False)
    with Attacker(target.url) as attacker:
        stream = attacker.new_stream()
        attacker.send(frame(HEADERS, 0, stream, attacker.block()))
        for _ in range(10):
            attacker.send(frame(CONTINUATION, 0, stream, more) * 100)
        return attacker.hear_all()


def empty_continuations(target: Target) -> Told:
    """The same with frames of no bytes at all, which no limit on bytes would see."""
    with Attacker(target.url) as attacker:
        stream = attacker.new_stream()
        attacker.send(frame(HEADERS, 0, stream, attacker.block()))
        attacker.send(frame(CONTINUATION, 0, stream) * 1000)
        return attacker.hear_all()


def header_bomb(target: Target) -> Told:
    """Put 3.5 kB into the HPACK table and name them 8,000 times in each of 20 calls.

    28 MB of headers in 8 kB: each stream is reset once its headers pass eight times the
    limit, and the rest is not looked at.
    """
    with Attacker(target.url) as attacker:
        first = attacker.block()
        bomb = b"\x40" + b"\x06x-bomb" + b"\x7f\xad\x1a" + b"b" * 3500
        attacker.send(frame(HEADERS, END_HEADERS, attacker.new_stream(), first + bomb))
        for _ in range(20):
            block = PLAIN + bytes((0x80 | 62,)) * 8000
            stream = attacker.new_stream()
            attacker.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, block))
        return attacker.hear(20)


def large_headers(target: Target) -> Told:
    """Send 60 kB of headers without any trick.

    RESOURCE_EXHAUSTED: metadata has a limit.
    """
    large = Encoder().encode([("x-large", "x" * 60_000)], huffman=False)
    with Attacker(target.url) as attacker:
        attacker.acknowledge()
        block = attacker.block() + large
        flags = END_HEADERS | END_STREAM
        attacker.send(frame(HEADERS, flags, attacker.new_stream(), block))
        return attacker.hear(1)


def ping_flood(target: Target) -> Told:
    """Send 200,000 PINGs and read none of the answers.

    The server keeps a bounded number of answers, then closes.
    """
    with Attacker(target.url, receive_buffer=4096) as attacker:
        for _ in range(20):
            attacker.send(frame(PING, 0, 0, b"flooding") * 10_000)
        return attacker.hear_all()


def settings_flood(target: Target) -> Told:
    """Send 200,000 SETTINGS and read none of the acknowledgements: as `ping_flood`."""
    with Attacker(target.url, receive_buffer=4096) as attacker:
        for _ in range(20):
            attacker.send(settings() * 10_000)
        return attacker.hear_all()


def priority_flood(target: Target) -> Told:
    """Rearrange the priorities of 50,000 streams that do not exist.

    They mean nothing to this server: a request after them is answered.
    """
    with Attacker(target.url) as attacker:
        for i in range(50):
            streams = range(100_001 + 2000 * i, 100_001 + 2000 * (i + 1), 2)
            attacker.send(b"".join(frame(PRIORITY, 0, s, b"\0\0\0\0\x0f") for s in streams))
        attacker.call(prefixed(target.message))
        return attacker.hear(1)


def empty_data(target: Target) -> Told:
    """Send 100,000 DATA frames without data in the middle of a request (CVE-2019-9518).

    They cost what they cost to read: the request is answered once it is whole.
    """
    with Attacker(target.url) as attacker:
        body = prefixed(target.message[:7], len(target.message))
        stream = attacker.call(body, ends=False)
        for _ in range(10):
            attacker.send(frame(DATA, 0, stream) * 10_000)
        for i in range(7, len(target.message), 10_000):
            attacker.send(frame(DATA, 0, stream, target.message[i : i + 10_000]))
        attacker.send(frame(DATA, END_STREAM, stream))
        return attacker.hear(1)


FLOODS: tuple[Attack, ...] = (
    rapid_reset,
    rapid_reset_without_error,
    made_you_reset,
    whole_calls_cancelled,
    stream_flood,
    acknowledged_stream_flood,
    continuation_flood,
    empty_continuations,
    header_bomb,
    large_headers,
    ping_flood,
    settings_flood,
    priority_flood,
    empty_data,
)
