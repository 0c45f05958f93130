# distutils: language = c++
"""Traces and slow requests of the data plane: what is recorded, and the records.

The I/O thread writes records into a ring and tells nobody; `take_traces` is to be called a
few times a second, on one thread at a time.
"""

from libc.stdint cimport INT64_MAX
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.records import Record
from runtime.native.server cimport Server
from runtime.native.tracing cimport TracedServer, TraceOptions, TraceRecord


cdef str to_text(const string& text):
    # The client's words may be cut within a character, or be no text at all.
    cdef bytes raw = text
    return raw.decode("utf-8", "replace")


cdef object to_record(const TraceRecord& record):
    return Record(
        trace_id=(<object>record.trace.trace_high << 64) | record.trace.trace_low,
        parent=record.trace.parent,
        span=record.trace.span,
        sampled=record.trace.sampled,
        streamed=record.trace.streamed,
        slow=record.slow,
        arrived=record.trace.arrived,
        complete=record.trace.complete,
        queued=record.trace.queued,
        claimed=record.claimed,
        run_began=record.run_began,
        run_ended=record.run_ended,
        replied=record.replied,
        was_claimed=record.was_claimed,
        code=<int>record.code,
        rows=record.rows,
        batch_rows=record.batch_rows,
        model=to_text(record.model),
        version=to_text(record.version),
        route=to_text(record.route),
        request_id=to_text(record.request_id),
        tracestate=to_text(record.tracestate),
    )


def set_tracing(Server server not None, options):
    cdef TraceOptions native
    native.on = options.on
    native.parent_based = options.parent_based
    native.share = options.share
    native.most_per_s = options.most_per_s
    slow_ms = options.slow_ms
    native.slow_after = int(slow_ms * 1_000_000) if slow_ms > 0 else INT64_MAX
    (<TracedServer*>server._server.get()).SetTracing(native)


def take_traces(Server server not None):
    cdef vector[TraceRecord] taken = (<TracedServer*>server._server.get()).TakeTraces()
    cdef list records = []
    for index in range(taken.size()):
        records.append(to_record(taken[index]))
    return records
