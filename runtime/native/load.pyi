"""The load generator: one C++ thread that asks and measures."""

from collections.abc import Sequence
from typing import Protocol, final

from runtime.native.counted import Progress, Result

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
    @property
    def keeps_records(self) -> bool: ...

_Golden = (
    tuple[str, str, Sequence[int], bytes, float, float]
    | tuple[str, str, Sequence[int], bytes, float, float, str]
)

@final
class Generator:
    """Asks with `messages` in turn until its time is over.

    `goldens` is empty or has, for each message, the outputs that its answer must have:
    (name, datatype, shape, raw bytes, rtol, atol). An answer with other outputs is `wrong`.
    A seventh entry is the version whose output that is: an answer must then name one of
    the versions, and have its outputs.
    """

    def __init__(
        self,
        options: _Options,
        messages: Sequence[bytes],
        goldens: Sequence[Sequence[_Golden]],
    ) -> None: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def wait(self, timeout_s: float) -> bool: ...
    def progress(self) -> Progress: ...
    def result(self) -> Result: ...
    def records(self) -> bytes:
        """Return what became of every request, if `keeps_records`; only after the end.

        32 bytes each, in the order in which they ended: when it was due, left (0: never)
        and ended, as int64 on Python's time.monotonic_ns; the version that answered, as
        uint32 (0: none, or not compared); the gRPC code or -1 for a wrong answer, as int32.
        """

def call(options: _Options, message: bytes) -> tuple[int, str, bytes]:
    """Make one call of `options.method`; returns the gRPC code, its words and the reply.

    Raises ServerError when there is no connection within `connect_timeout_ns`; a call that
    takes longer than `timeout_ns` is code 4.
    """
