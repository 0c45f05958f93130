"""The load generator: one C++ thread that asks and measures."""

from collections.abc import Sequence
from typing import Protocol, TypedDict, final

class _Options(Protocol):
    """How a generator asks. Times are nanoseconds; `host` is an address, not a name."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def authority(self) -> str: ...
    @property
    def method(self) -> str: ...
    @property
    def headers(self) -> Sequence[tuple[str, str]]: ...
    @property
    def connections(self) -> int: ...
    @property
    def in_flight(self) -> int: ...
    @property
    def rate(self) -> float: ...
    @property
    def poisson(self) -> bool: ...
    @property
    def seed(self) -> int: ...
    @property
    def warmup_ns(self) -> int: ...
    @property
    def duration_ns(self) -> int: ...
    @property
    def warmup_requests(self) -> int: ...
    @property
    def requests(self) -> int: ...
    @property
    def timeout_ns(self) -> int: ...
    @property
    def tells_deadline(self) -> bool: ...
    @property
    def connect_timeout_ns(self) -> int: ...
    @property
    def packed(self) -> bool: ...

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

class Result(TypedDict):
    """What was measured. Requests are those due within the measured part.

    requests == ok + wrong + sum(errors.values()) + unsent. `answered` and `answered_ok`
    were answered within the measured part, whenever they were due; `seconds` is its length.
    `latency` is of the ok ones, `lag` how late requests left that nothing held back;
    `held_back` were kept by in_flight or the server's limit on streams.
    `histogram` has pairs of a bucket's upper bound in nanoseconds and its count.
    `busy_share` is the part of the measured time in which the thread was not waiting.
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
    cpu_ns: int
    connections_lost: int
    retried: int
    bytes_sent: int
    bytes_received: int
    ended: str

@final
class Generator:
    """Asks with `messages` in turn until its time is over.

    `goldens` is empty or has, for each message, the outputs that its answer must have:
    (name, datatype, shape, raw bytes, rtol, atol). An answer with other outputs is `wrong`.
    """

    def __init__(
        self,
        options: _Options,
        messages: Sequence[bytes],
        goldens: Sequence[Sequence[tuple[str, str, Sequence[int], bytes, float, float]]],
    ) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def wait(self, timeout_s: float) -> bool: ...
    def progress(self) -> Progress: ...
    def result(self) -> Result: ...

def call(options: _Options, message: bytes) -> tuple[int, str, bytes]:
    """Make one call of `options.method`; returns the gRPC code, its words and the reply.

    Raises ServerError when there is no connection within `connect_timeout_ns`; a call that
    takes longer than `timeout_ns` is code 4.
    """
