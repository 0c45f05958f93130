"""Attacks that stand still: hundreds of connections that take places, memory and patience.

Each function builds its crowd, calls `Target.meanwhile` once while all of it stands, and
says what an honest server answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from tests.hostile.client import (
    DATA,
    INITIAL_WINDOW,
    PREFACE,
    Attacker,
    Told,
    frame,
    prefixed,
    settings,
    window,
)
from tests.hostile.target import Attack, Target

MANY = 200
LARGE = 200 << 20
"""Just below the largest message that the server takes."""


@contextmanager
def _crowd(count: int, make: Callable[[], Attacker]) -> Iterator[list[Attacker]]:
    with ExitStack() as stack:
        yield [stack.enter_context(make()) for _ in range(count)]


def _sum(crowd: list[Attacker]) -> Told:
    told: Told = Told()
    for attacker in crowd:
        told += attacker.told
    return told


def half_open(target: Target) -> Told:
    """Connect 200 times and say nothing, or a part of the preface.

    Nothing is answered beyond the server's own greeting; each costs a descriptor.
    """
    lengths = iter(range(MANY))

    def make() -> Attacker:
        return Attacker(target.url, greeting=PREFACE[: next(lengths) % len(PREFACE)])

    with _crowd(MANY, make) as crowd:
        target.meanwhile()
        return _sum(crowd)


def half_closed(target: Target) -> Told:
    """Greet 200 times and close only the sending side: nobody can ask, so closed."""
    with _crowd(MANY, lambda: Attacker(target.url)) as crowd:
        for attacker in crowd:
            attacker.half_close()
        for attacker in crowd:
            attacker.hear_all()
        target.meanwhile()
        return _sum(crowd)


def slow_senders(target: Target) -> Told:
    """Send 200 messages byte by byte, and hang up on half of them.

    The other half is answered as if it had been quick, and reset with
    NO_ERROR because it never ends its stream.
    """
    with _crowd(MANY, lambda: Attacker(target.url)) as crowd:
        size = len(target.message)
        streams = [a.call(prefixed(b"", size), ends=False) for a in crowd]
        for i in range(20):
            for attacker, stream in zip(crowd, streams, strict=True):
                attacker.send(frame(DATA, 0, stream, target.message[i : i + 1]))
        target.meanwhile()
        for attacker, stream in list(zip(crowd, streams, strict=True))[: MANY // 2]:
            for i in range(20, size, 16_000):
                attacker.send(frame(DATA, 0, stream, target.message[i : i + 16_000]))
            attacker.hear(2)
        return _sum(crowd)


def promised_gigabytes(target: Target) -> Told:
    """Declare 200 MB on each of 20 connections, send a hundred bytes and wait.

    4 GB that never come cost nobody a place: nothing is answered, and others are served.
    """

    def make() -> Attacker:
        attacker = Attacker(target.url)
        attacker.call(prefixed(target.message[:100], LARGE), ends=False)
        attacker.hear_pong()
        return attacker

    with _crowd(20, make) as crowd:
        target.meanwhile()
        return _sum(crowd)


def slow_readers(target: Target) -> Told:
    """Ask 200 times with a window of zero, and take the answers only at the end.

    Answers wait outside of the model's memory; each comes when there is a window.
    """
    hello = PREFACE + settings((INITIAL_WINDOW, 0))
    with _crowd(MANY, lambda: Attacker(target.url, greeting=hello)) as crowd:
        streams = [attacker.call(prefixed(target.message)) for attacker in crowd]
        target.meanwhile()
        for attacker, stream in zip(crowd, streams, strict=True):
            attacker.send(window(stream, 1) * 100 + window(stream, 1 << 20))
        for attacker in crowd:
            attacker.hear(1)
        return _sum(crowd)


def readers_that_never_read(target: Target) -> Told:
    """Ask 5 times on each of 100 connections and hang up with everything unread.

    The server drops the answers; there is nobody to tell.
    """
    hello = PREFACE + settings((INITIAL_WINDOW, 0x7FFF_FFFF)) + window(0, 0x7000_0000)

    def make() -> Attacker:
        return Attacker(target.url, greeting=hello, receive_buffer=4096)

    with _crowd(MANY // 2, make) as crowd:
        for attacker in crowd:
            for _ in range(5):
                attacker.call(prefixed(target.message))
        target.meanwhile()
        return _sum(crowd)


def windows_that_flap(target: Target) -> Told:
    """Change the initial window between nothing and everything while an answer waits.

    Legal, if pointless: the answer comes at the end.
    """
    hello = PREFACE + settings((INITIAL_WINDOW, 0))
    with Attacker(target.url, greeting=hello) as attacker:
        attacker.call(prefixed(target.message))
        for _ in range(200):
            attacker.send(settings((INITIAL_WINDOW, 1)) + settings((INITIAL_WINDOW, 0)))
            attacker.hear_pong()
        target.meanwhile()
        attacker.send(settings((INITIAL_WINDOW, 1 << 20)) + window(0, 1 << 20))
        return attacker.hear(1)


CROWDS: tuple[Attack, ...] = (
    half_open,
    half_closed,
    slow_senders,
    promised_gigabytes,
    slow_readers,
    readers_that_never_read,
    windows_that_flap,
)
