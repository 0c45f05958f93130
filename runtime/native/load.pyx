# distutils: language = c++
"""The load generator: one C++ thread that asks and measures."""

cimport cython
from libc.stdint cimport int64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.load cimport (
    ORDINARY, PACKED, BucketsOf, CallOnce, CGenerator, CountsOf, ErrorsOf, FiguresOf,
    GoldenOutput, LoadOptions, Outcome, RecordsOf, Tally, WordsOf, kMaxDims,
)
from runtime.native.status cimport check
from runtime.native.wire cimport DTypeFromName, Status, string_view

cdef tuple PHASES = ("connecting", "warmup", "measuring", "draining", "over")
cdef tuple ENDS = ("time", "count", "stopped", "lost")


cdef LoadOptions to_options(options) except *:
    cdef LoadOptions native
    cdef pair[string, string] header
    native.host = options.host.encode()
    native.port = options.port
    native.authority = options.authority.encode()
    native.method = options.method.encode()
    for name, value in options.headers:
        header.first = name.encode()
        header.second = value.encode()
        native.headers.push_back(header)
    native.connections = options.connections
    native.in_flight = options.in_flight
    native.rate = options.rate
    native.poisson = options.poisson
    native.seed = options.seed
    native.warmup = options.warmup_ns
    native.duration = options.duration_ns
    native.warmup_requests = options.warmup_requests
    native.requests = options.requests
    native.timeout = options.timeout_ns
    native.tells_deadline = options.tells_deadline
    native.connect_timeout = options.connect_timeout_ns
    native.profile = PACKED if options.packed else ORDINARY
    native.keeps_records = options.keeps_records
    return native


cdef GoldenOutput to_golden(output) except *:
    cdef GoldenOutput golden
    name, datatype, dims, raw, relative, absolute = output[:6]
    cdef bytes dtype = datatype.encode()
    if len(dims) > <Py_ssize_t>kMaxDims:
        raise ValueError(f"{name} has more than {kMaxDims} dimensions")
    golden.name = name.encode()
    golden.dtype = DTypeFromName(string_view(<const char*>dtype, len(dtype)))
    golden.shape.rank = len(dims)
    for index, dim in enumerate(dims):
        golden.shape.begin()[index] = dim
    golden.raw = raw
    golden.relative = relative
    golden.absolute = absolute
    golden.version = "".join(output[6:]).encode()
    return golden


cdef dict by_name(dict figures):
    return {name.decode(): figure for name, figure in figures.items()}


@cython.final
cdef class Generator:
    """Asks with `messages` in turn until its time is over."""

    cdef unique_ptr[CGenerator] _generator

    def __init__(self, options, messages, goldens):
        cdef vector[string] bodies = messages
        cdef vector[vector[GoldenOutput]] expected
        cdef vector[GoldenOutput] outputs
        for golden in goldens:
            outputs.clear()
            for output in golden:
                outputs.push_back(to_golden(output))
            expected.push_back(outputs)
        self._generator.reset(new CGenerator(to_options(options), bodies, expected))

    def start(self):
        cdef Status status
        with nogil:
            status = self._generator.get().Start()
        check(status)

    def stop(self):
        self._generator.get().Stop()

    def wait(self, double timeout_s):
        cdef int64_t timeout = <int64_t>(timeout_s * 1e9)
        cdef cbool over
        with nogil:
            over = self._generator.get().Wait(timeout)
        return over

    def progress(self):
        cdef const Tally* tally = &self._generator.get().tally()
        return {
            "phase": PHASES[<int>self._generator.get().phase()],
            "elapsed_s": self._generator.get().elapsed() * 1e-9,
            "sent": tally.totals().sent.get(),
            "answered": tally.totals().answered.get(),
            "ok": tally.totals().ok.get(),
            "wrong": tally.totals().wrong.get(),
            "failed": tally.totals().failed.get(),
            "in_flight": self._generator.get().in_flight(),
            "second": tally.last_second() if tally.has_second() else None,
        }

    def result(self):
        cdef const CGenerator* generator = self._generator.get()
        cdef const Tally* tally = &self._generator.get().tally()
        return {
            **by_name(dict(CountsOf(generator[0]))),
            "errors": dict(ErrorsOf(tally[0])),
            "messages": {code: text.decode("utf-8", "replace")
                         for code, text in dict(WordsOf(tally[0])).items()},
            "seconds": self._generator.get().measured() * 1e-9,
            "latency_ns": by_name(dict(FiguresOf(tally.latency()))),
            "lag_ns": by_name(dict(FiguresOf(tally.lag()))),
            "histogram": BucketsOf(tally.latency()),
            "series": tally.series(),
            "busy_share": self._generator.get().busy_share(),
            "ended": ENDS[<int>self._generator.get().ended()],
        }

    def records(self):
        return <bytes>RecordsOf(self._generator.get().tally())


def call(options, bytes message not None):
    cdef LoadOptions native = to_options(options)
    cdef string body = message
    cdef string reply
    cdef Outcome outcome
    cdef Status status
    with nogil:
        status = CallOnce(native, body, &outcome, &reply)
    check(status)
    return outcome.status, (<bytes>outcome.text).decode("utf-8", "replace"), <bytes>reply
