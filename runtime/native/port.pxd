# csrc/shm as the worker's side sees it. C++ does not throw.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from runtime.native.wire cimport Status

cdef extern from "shm/worker_port.h" namespace "leeboard::shm" nogil:
    cdef cppclass Segment:
        uint64_t offset
        uint32_t capacity
        uint64_t bytes_capacity

    cdef cppclass InputRecord:
        uint32_t rank
        uint32_t index
        int64_t* begin_dims "dims.data" () noexcept
        uint64_t row_bytes

    cdef cppclass LayoutRecord:
        uint32_t layout_id
        uint32_t input_count
        uint32_t batched
        InputRecord* inputs_data "inputs.data" () noexcept

    cdef cppclass BatchHeader:
        uint64_t output_offset
        uint64_t output_capacity
        Segment* segments() noexcept

    uint32_t RowEnd(const Segment& segment) noexcept

    cdef cppclass OutputRecord:
        uint64_t offset
        uint64_t size
        int64_t* begin_dims "dims.data" () noexcept
        uint32_t rank

    cdef cppclass Completion:
        uint32_t seq
        uint32_t code
        uint32_t output_count
        uint32_t has_own_region
        uint32_t more
        int64_t claimed_at
        int64_t run_began_at
        int64_t run_ended_at
        char* message_data "message.data" () noexcept
        OutputRecord* outputs_data "outputs.data" () noexcept

    ctypedef struct WorkerFds:
        int control
        int inputs
        int outputs
        int bell
        int front_bell
        int passing

    ctypedef struct RegionSizes:
        uint64_t inputs
        uint64_t outputs

    cdef cppclass Claim:
        uint32_t seq
        uint32_t rows
        int64_t claimed_at

    cdef enum Taken "leeboard::shm::WorkerPort::Taken":
        pass

    cdef enum Room "leeboard::shm::WorkerPort::Room":
        pass

    cdef cppclass CWorkerPort "leeboard::shm::WorkerPort":
        CWorkerPort() noexcept

        @staticmethod
        Status Open(const WorkerFds& fds, const RegionSizes& sizes,
                    CWorkerPort* out) except +
        Taken Take(int timeout_ms, int watch, Claim* claim) noexcept
        const BatchHeader& header(const Claim& claim) noexcept
        const LayoutRecord& layout(const BatchHeader& header) noexcept
        Completion* record() noexcept
        void Publish() noexcept
        bint IsCancelled() noexcept
        Room AwaitRoom(int timeout_ms, int watch) noexcept
        void Ring() noexcept
        void NoteCrashes() noexcept
        Status GrowOutputs(uint64_t size, uint8_t** memory) except +
        Status DetachInputs(uint64_t offset, uint64_t size) except +
        uint8_t* inputs() noexcept
        uint8_t* outputs() noexcept
        uint64_t inputs_size() noexcept
        uint64_t outputs_size() noexcept

cdef extern from "base/clock.h" namespace "leeboard" nogil:
    int64_t MonotonicNow() noexcept
