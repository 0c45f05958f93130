"""Rollback to the version that is still warm, under load: by the server and for clients.

`seconds` of the reply is from the call's receipt until requests go to the other version.
A client's time is from before it asks until the first answer by that version is there; it
holds the call's way through Python on a busy processor, and a request's own time.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from benchmarks.results import Row
from benchmarks.swap.many import LAST_S, Place
from benchmarks.swap.plans import exactly
from benchmarks.swap.records import Counts, Swap, count, first_answers
from runtime.statistics.intervals import Limit, median_interval

PAUSE_S = 0.1
MS = 1e6


@dataclass(frozen=True, slots=True)
class WentBack:
    """Rollbacks, one after the other; times in ms."""

    counts: Counts
    server_ms: list[float]
    client_ms: list[float]


def go_back(place: Place, times: int) -> WentBack:
    """Roll back so many times, each time to the version that served before."""
    stand = place.stand
    serving = stand.serving()
    stand.swap(serving, serving % 3 + 1)
    loaded, server_ms = place.loaded(), []
    done: list[Swap] = []
    with loaded:
        for _ in range(times):
            asked_ns = time.monotonic_ns()
            reply = stand.rollback()
            said_ns = time.monotonic_ns()
            done.append(Swap(reply.before, reply.now, asked_ns, said_ns, said_ns))
            server_ms.append(reply.seconds * 1e3)
            time.sleep(PAUSE_S)
        time.sleep(LAST_S)
    answered = first_answers(loaded.records, done)
    client_ms = [(a - s.asked_ns) / MS for a, s in zip(answered, done, strict=True)]
    return WentBack(count(loaded.records, done), server_ms, client_ms)


def as_rows(found: WentBack) -> list[Row]:
    """Return how long a rollback takes, and what it loses."""
    counts = found.counts
    return [
        Row(
            "rollback",
            "rollback to a warm version: requests go there < 5 ms after the call is heard",
            "ms",
            Limit("at most", 5.0),
            median_interval(found.server_ms),
            beside={
                "worst": exactly(max(found.server_ms)),
                "asked to first answer, for a client": median_interval(found.client_ms),
            },
            notes={"server_ms": found.server_ms, "client_ms": found.client_ms},
        ),
        Row(
            "lost-rollback",
            f"{len(found.server_ms)} rollbacks: failed, wrong answers, wrong versions",
            "",
            Limit("at most", 0.0),
            exactly(counts.failed + counts.wrong + counts.stray),
            beside={"requests": exactly(counts.requests)},
        ),
    ]
