"""What the load generator tells: the dicts of runtime.native.load."""

from __future__ import annotations

from typing import TypedDict


class Second(TypedDict):
    """What was answered in one second, `second` after the measured part began.

    Times are microseconds; 0 where there was no answer. Negative seconds are warm-up.
    """

    second: int
    ok: int
    failed: int
    p50_us: float
    p99_us: float
    max_us: float


class Progress(TypedDict):
    """A running generator at one moment.

    `phase` is connecting, warmup, measuring, draining or over. Counts are since the start,
    warm-up included; `second` describes the last whole second, as in Result's series.
    """

    phase: str
    elapsed_s: float
    sent: int
    answered: int
    ok: int
    wrong: int
    failed: int
    in_flight: int
    second: Second | None


class Result(TypedDict):
    """What was measured. Requests are those due within the measured part.

    requests == ok + wrong + sum(errors.values()) + unsent. `answered` and `answered_ok`
    were answered within the measured part, whenever they were due; `seconds` is its length.
    `latency` is of the ok ones, `lag` how late requests left that nothing held back;
    `held_back` were kept by in_flight or the server's limit on streams.
    `histogram` has pairs of a bucket's upper bound in nanoseconds and its count.
    `busy_share` is the part of the measured time in which the thread was not waiting.
    `began_ns` is when the first request could be due, on Python's time.monotonic_ns.
    `ended` is time, count, stopped (by `stop`) or lost (no connection for too long).
    """

    requests: int
    ok: int
    wrong: int
    errors: dict[int, int]
    unsent: int
    held_back: int
    messages: dict[int, str]
    answered: int
    answered_ok: int
    seconds: float
    latency_ns: dict[str, float]
    lag_ns: dict[str, float]
    histogram: list[tuple[int, int]]
    series: list[Second]
    busy_share: float
    began_ns: int
    cpu_ns: int
    connections_lost: int
    retried: int
    bytes_sent: int
    bytes_received: int
    ended: str
