"""What the data plane keeps of a request that is traced or was slow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from runtime.native.stats import TensorProfile


@dataclass(frozen=True, slots=True)
class TraceOptions:
    """Which requests are recorded.

    With `on` a caller's sampled flag decides (`parent_based`), and where there is none
    `share` of all traces, 0 to 1, by their ids; never more than `most_per_s`, of which
    requests without a caller get half. Requests that take `slow_ms` milliseconds are
    recorded as slow, at most ten a second; 0 turns that off.
    """

    on: bool = False
    parent_based: bool = True
    share: float = 0.0
    most_per_s: float = 100.0
    slow_ms: float = 0.0


class Record(NamedTuple):
    """One request that is over.

    Times are nanoseconds of CLOCK_MONOTONIC, in the order in which they stand here, and 0
    where that did not happen: a message that never came whole, a request that was refused
    or never ran. One on which the model failed has `claimed` and no run; one that was given
    up while a worker had it has only `was_claimed`. `code` is gRPC's; `parent` is 0 where
    the trace begins here; `span` is ours. A slow request that is not `sampled` has the ids
    that its caller sent, or 0. `streamed` is a message of ModelStreamInfer.
    """

    trace_id: int
    parent: int
    span: int
    sampled: bool
    streamed: bool
    slow: bool
    arrived: int
    complete: int
    queued: int
    claimed: int
    run_began: int
    run_ended: int
    replied: int
    was_claimed: bool
    code: int
    rows: int
    batch_rows: int
    model: str
    version: str
    route: str
    request_id: str
    tracestate: str


@dataclass(frozen=True, slots=True)
class WatchedProfile:
    """One tensor that a `Watch` fills a profile of.

    `index` is its place among the inputs or the outputs. `kind` is that of its values, as
    `profile` says it, unless it `is_summary`: then the profile is of what rows come to.
    """

    is_output: bool
    index: int
    kind: str
    is_summary: bool
    profile: TensorProfile


@dataclass(frozen=True, slots=True)
class WatchJournal:
    """Which answers a `Watch` keeps one by one: a share of requests, by their ids' hash.

    `outputs` and `inputs` are the tensors, by index, that are kept of each row.
    """

    share: float = 0.0
    outputs: tuple[int, ...] = ()
    inputs: tuple[int, ...] = ()
