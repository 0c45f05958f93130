"""Records as the data plane makes them, for tests."""

from __future__ import annotations

from runtime.native.records import Record

MS = 1_000_000

ANSWERED = Record(
    trace_id=0x0AF7651916CD43DD8448EB211C80319C,
    parent=0xB7AD6B7169203331,
    span=0x00F067AA0BA902B7,
    sampled=True,
    streamed=False,
    slow=False,
    arrived=1_000 * MS,
    complete=1_001 * MS,
    queued=1_002 * MS,
    claimed=1_010 * MS,
    run_began=1_011 * MS,
    run_ended=1_021 * MS,
    replied=1_022 * MS,
    was_claimed=True,
    code=0,
    rows=2,
    batch_rows=8,
    model="mlp",
    version="3",
    route="stable",
    request_id="r-7",
    tracestate="",
)
"""A request of a traced caller that was answered after 22 ms."""

NEVER_RAN = ANSWERED._replace(
    claimed=0, run_began=0, run_ended=0, was_claimed=False, code=1, batch_rows=0
)
"""The same, given up by its client while it waited."""

REFUSED = NEVER_RAN._replace(
    parent=0, complete=0, queued=0, code=5, version="", request_id="", rows=0
)
"""One whose message never came whole, of a trace that begins here."""
