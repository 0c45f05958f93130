"""The phases of a request that is over, from its record."""

from __future__ import annotations

from runtime.native.records import Record

Phases = dict[str, tuple[int, int]]
"""A phase's name -> when it began and ended, nanoseconds of CLOCK_MONOTONIC."""


def phases_of(record: Record) -> Phases:
    """Return the phases that happened, in order.

    receive is the arrival of the message, queue the wait for a worker, input what a worker
    did before the model ran, compute the model's run, reply everything after it. A request
    that ended within a phase has it until its end; one that never ran has no compute, and
    one on which the model failed has nothing after it.
    """
    end = record.replied
    phases = {"receive": (record.arrived, record.complete or end)}
    if record.queued:
        # A worker's clock and ours may disagree about who was first.
        phases["queue"] = (record.queued, max(record.claimed or end, record.queued))
    if record.claimed and record.run_began:
        phases["input"] = (record.claimed, record.run_began)
        phases["compute"] = (record.run_began, record.run_ended)
        phases["reply"] = (record.run_ended, end)
    elif record.claimed:
        phases["compute"] = (record.claimed, end)
    return phases


def milliseconds(phases: Phases) -> dict[str, float]:
    """Return how long each phase took, in milliseconds.

    Examples
    --------
    >>> milliseconds({"queue": (1_000_000, 3_500_000)})
    {'queue': 2.5}
    """
    return {name: round((end - begin) / 1e6, 3) for name, (begin, end) in phases.items()}
