# csrc/load as Cython sees it. C++ does not throw; standard containers may.

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.map cimport map as cmap
from libcpp.pair cimport pair
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.plane cimport Shape
from runtime.native.wire cimport DType, Status

cdef extern from "base/histogram.h" namespace "leeboard" nogil:
    cdef cppclass Counter:
        uint64_t get() noexcept

cdef extern from "load/log_histogram.h" namespace "leeboard::load" nogil:
    cdef cppclass LogHistogram:
        pass

cdef extern from "wire/infer_request.h" namespace "leeboard::wire" nogil:
    const size_t kMaxDims

cdef extern from "load/golden.h" namespace "leeboard::load" nogil:
    cdef cppclass GoldenOutput:
        string name
        DType dtype
        Shape shape
        string raw
        double relative
        double absolute
        string version

cdef extern from "load/exchange.h" namespace "leeboard::load" nogil:
    cdef cppclass Outcome:
        int status
        string text

cdef extern from "load/connection.h" namespace "leeboard::load" nogil:
    cdef enum Profile "leeboard::load::Profile":
        PACKED "leeboard::load::Profile::kPacked"
        ORDINARY "leeboard::load::Profile::kOrdinary"

cdef extern from "load/tally.h" namespace "leeboard::load" nogil:
    cdef cppclass Totals:
        Counter sent
        Counter answered
        Counter ok
        Counter wrong
        Counter failed

    cdef struct Second "leeboard::load::Second":
        int64_t second
        uint64_t ok
        uint64_t failed
        double p50_us
        double p99_us
        double max_us

    cdef cppclass Tally:
        const Totals& totals() noexcept
        Second last_second() noexcept
        cbool has_second() noexcept
        const LogHistogram& latency() noexcept
        const LogHistogram& lag() noexcept
        const vector[Second]& series() noexcept

cdef extern from "load/generator.h" namespace "leeboard::load" nogil:
    cdef cppclass LoadOptions:
        string host
        uint16_t port
        string authority
        string method
        vector[pair[string, string]] headers
        uint32_t connections
        uint32_t in_flight
        double rate
        cbool poisson
        uint64_t seed
        int64_t warmup
        int64_t duration
        uint64_t warmup_requests
        uint64_t requests
        int64_t timeout
        cbool tells_deadline
        int64_t connect_timeout
        Profile profile
        cbool keeps_records

    cdef enum Phase "leeboard::load::Phase":
        pass

    cdef enum End "leeboard::load::End":
        pass

    cdef cppclass CGenerator "leeboard::load::Generator":
        CGenerator(LoadOptions options, vector[string] messages,
                   vector[vector[GoldenOutput]] goldens) except +
        Status Start() except +
        void Stop() noexcept
        cbool Wait(int64_t timeout) noexcept
        Phase phase() noexcept
        int64_t elapsed() noexcept
        uint64_t in_flight() noexcept
        const Tally& tally() noexcept
        End ended() noexcept
        int64_t measured() noexcept
        double busy_share() noexcept

cdef extern from "load/unary.h" namespace "leeboard::load" nogil:
    Status CallOnce(const LoadOptions& options, const string& message,
                    Outcome* outcome, string* reply) except +

cdef extern from "load/snapshot.h" namespace "leeboard::load" nogil:
    cmap[string, uint64_t] CountsOf(const CGenerator& generator) except +
    cmap[int, uint64_t] ErrorsOf(const Tally& tally) except +
    cmap[int, string] WordsOf(const Tally& tally) except +
    cmap[string, double] FiguresOf(const LogHistogram& histogram) except +
    string RecordsOf(const Tally& tally) except +
    vector[pair[uint64_t, uint64_t]] BucketsOf(const LogHistogram& histogram) except +
