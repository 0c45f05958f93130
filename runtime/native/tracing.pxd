# csrc/front/tracer.h as Cython sees it.

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.plane cimport CServer

cdef extern from "front/tracer.h" namespace "leeboard::front" nogil:
    cdef cppclass TraceOptions:
        cbool on
        cbool parent_based
        double share
        double most_per_s
        int64_t slow_after

    cdef cppclass Trace:
        int64_t arrived
        int64_t complete
        int64_t queued
        uint64_t trace_high
        uint64_t trace_low
        uint64_t parent
        uint64_t span
        cbool sampled
        cbool streamed

    cdef cppclass TraceRecord:
        Trace trace
        int64_t claimed
        int64_t run_began
        int64_t run_ended
        int64_t replied
        cbool slow
        cbool was_claimed
        int code
        uint32_t rows
        uint32_t batch_rows
        string model
        string version
        string route
        string request_id
        string tracestate

cdef extern from "front/server.h" namespace "leeboard::front" nogil:
    cdef cppclass TracedServer "leeboard::front::Server":
        void SetTracing(const TraceOptions& options) except +
        vector[TraceRecord] TakeTraces() except +
