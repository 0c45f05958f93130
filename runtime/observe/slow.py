"""The line about a slow request."""

from __future__ import annotations

import logging

from runtime.native.records import Record
from runtime.observe.phases import milliseconds, phases_of

logger = logging.getLogger(__name__)


def say_slow(record: Record) -> None:
    """Log a request that took too long: its phases, its batch, and how to find it."""
    total = round((record.replied - record.arrived) / 1e6, 3)
    took = milliseconds(phases_of(record))
    trace_id = f"{record.trace_id:032x}" if record.trace_id else ""
    words = ", ".join(f"{name} {ms:g}" for name, ms in took.items())
    if record.was_claimed and "compute" not in took:
        words += ", given up while a worker had it"
    found = ((" trace ", trace_id), (" request ", record.request_id))
    logger.warning(
        "slow request: %s version %s took %g ms (%s), %d rows in a batch of %d, code %d%s",
        record.model or "no model",
        record.version or "-",
        total,
        words,
        record.rows,
        record.batch_rows,
        record.code,
        "".join(f",{name}{value}" for name, value in found if value),
        extra={
            "model": record.model,
            "version": record.version,
            "total_ms": total,
            **{f"{name}_ms": ms for name, ms in took.items()},
            "rows": record.rows,
            "batch_rows": record.batch_rows,
            "code": record.code,
            "trace_id": trace_id,
            "request_id": record.request_id,
        },
    )
