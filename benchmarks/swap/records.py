"""What became of every request around swaps: pure functions of the generator's records.

Times are nanoseconds of the monotonic clock, the client's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.processes import BenchmarkError

Records = NDArray[np.void]

TIMES = [("due", "<i8"), ("sent", "<i8"), ("ended", "<i8")]
RECORD = np.dtype([*TIMES, ("version", "<u4"), ("outcome", "<i4")])
"""As `runtime.native.load.Generator.records` lays it out."""

OK, WRONG, CANCELLED = 0, -1, 1
US = 1_000
PASS_NS = 10_000_000
"""What is cut off ends, by the record, when the generator's pass began: a moment before."""

FOREVER = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Swap:
    """One swap as the client knows it.

    `asked_ns` is before the alias was changed (or a rollback asked for), `changed_ns` when
    the registry (or the server) had said that it was, `said_ns` when the server said that
    the version serves.
    """

    before: int
    version: int
    asked_ns: int
    changed_ns: int
    said_ns: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests of a run, and those that must not be.

    `stray` were answered rightly, but by a version that no request of that moment may come
    to; see `count_stray`.
    """

    requests: int = 0
    failed: int = 0
    wrong: int = 0
    stray: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Return both together."""
        return Counts(
            self.requests + other.requests,
            self.failed + other.failed,
            self.wrong + other.wrong,
            self.stray + other.stray,
        )


def read(raw: bytes, stopped_ns: int = FOREVER) -> Records:
    """Return the records of a run, without requests that its end cut off."""
    found = np.frombuffer(raw, RECORD)
    cut = (found["outcome"] == CANCELLED) & (found["ended"] >= stopped_ns - PASS_NS)
    kept: Records = found[~cut]
    return kept


def first_answers(records: Records, swaps: Sequence[Swap]) -> list[int]:
    """Return when the first answer of each swap's version came.

    Only requests that were sent after a swap was asked for count: the version may have
    served before, and answer what came then. Raises BenchmarkError where there is none.
    """
    ordered = records[np.argsort(records["sent"], kind="stable")]
    places = np.searchsorted(ordered["sent"], [*(swap.asked_ns for swap in swaps), FOREVER])
    found: list[int] = []
    for swap, (begin, end) in zip(swaps, pairwise(places), strict=True):
        turn = ordered[begin:end]
        answered = (turn["version"] == swap.version) & (turn["outcome"] == OK)
        if not answered.any():
            raise BenchmarkError(f"version {swap.version} never answered after its swap")
        found.append(int(turn["ended"][answered].min()))
    return found


def count_stray(records: Records, swaps: Sequence[Swap], firsts: Sequence[int]) -> int:
    """Count answers by a version that could not be whose turn it was.

    A version's turn begins at the earliest when its swap is asked for. It is over at the
    latest when its successor has answered, or the server has said that the successor
    serves: no request that is sent after that may come to it. So an answer is right where
    its request's time, from sending to answer, meets a turn of its version.
    """
    answered = records[records["outcome"] <= OK]
    turns = np.array([swaps[0].before, *(swap.version for swap in swaps)])
    begins = np.array([swap.asked_ns for swap in swaps])
    ends = np.array(
        [min(first, swap.said_ns) for first, swap in zip(firsts, swaps, strict=True)]
    )
    earliest = np.searchsorted(ends, answered["sent"], side="left")
    latest = np.searchsorted(begins, answered["ended"], side="right")
    is_right = np.zeros(len(answered), bool)
    for ahead in range(int((latest - earliest).max(initial=0)) + 1):
        turn = np.minimum(earliest + ahead, latest)
        is_right |= turns[turn] == answered["version"]
    return int(np.count_nonzero(~is_right))


def count(records: Records, swaps: Sequence[Swap]) -> Counts:
    """Count a run's requests, and what must not be among them."""
    outcomes = records["outcome"]
    return Counts(
        len(records),
        int(np.count_nonzero(outcomes > OK)),
        int(np.count_nonzero(outcomes == WRONG)),
        count_stray(records, swaps, first_answers(records, swaps)) if swaps else 0,
    )


def latencies_us(records: Records, begin_ns: int, end_ns: int) -> NDArray[np.float64]:
    """Return the latencies of good answers that were due within [begin, end)."""
    due = records["due"]
    chosen = records[(due >= begin_ns) & (due < end_ns) & (records["outcome"] == OK)]
    taken: NDArray[Any] = chosen["ended"] - chosen["due"]
    return taken / US


def p99_us(records: Records, windows: Sequence[tuple[int, int]]) -> float:
    """Return the p99 of all requests that were due in some windows of time.

    Raises BenchmarkError where there was none.
    """
    found = np.concatenate([latencies_us(records, *window) for window in windows])
    if not len(found):
        raise BenchmarkError("no request was due in the seconds around swaps")
    return float(np.percentile(found, 99, method="inverted_cdf"))
