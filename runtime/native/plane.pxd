# csrc/front, csrc/batch and csrc/route as Cython sees them. C++ does not throw; standard
# containers may.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.descriptors cimport CReflection
from runtime.native.transport cimport ServerOptions, TlsContext
from runtime.native.wire cimport DType, DTypeFromName, Status, string_view

cdef extern from "wire/tensor_rows.h" namespace "leeboard::wire" nogil:
    cdef cppclass Shape:
        int64_t* begin "dims.begin" () noexcept
        uint8_t rank

    cdef cppclass TensorSpec:
        string name
        DType dtype
        Shape shape
        cbool optional

cdef extern from "route/table.h" namespace "leeboard::route" nogil:
    cdef cppclass Signature:
        string model
        uint32_t max_batch_size
        vector[TensorSpec] inputs
        vector[TensorSpec] outputs
        cbool has_bytes_input
        cbool has_optional_input

    cdef enum VersionState "leeboard::route::State":
        pass

    cdef cppclass Version:
        string model
        string version
        VersionState state
        string reason
        bint preferred
        Signature signature
        string metadata
        string config
        void* context

    cdef cppclass CTable "leeboard::route::Table":
        void Add(shared_ptr[const Version] version) except +
        void set_server_metadata(string message) noexcept
        void set_ready(cbool ready) noexcept

cdef extern from "batch/version_queue.h" namespace "leeboard::batch" nogil:
    cdef cppclass VersionCounters:
        pass

    cdef cppclass QueuePolicy:
        cbool is_set
        int64_t timeout
        cbool delays
        cbool overridden

    cdef cppclass QueueOptions:
        string model
        string version
        string label
        uint32_t close_rows
        int64_t max_queue_delay
        int64_t batch_timeout
        uint32_t max_queue_size
        uint64_t input_bytes
        uint32_t max_shapes
        cbool retry
        cbool decoupled
        QueuePolicy policy
        vector[vector[string]] labels

    cdef cppclass VersionQueue:
        VersionCounters& counters() noexcept
        int inputs_fd() noexcept
        uint64_t input_bytes() noexcept

    cdef cppclass CWorkerLink "leeboard::batch::WorkerLink":
        @staticmethod
        Status Create(uint64_t output_bytes, unique_ptr[CWorkerLink]* out) except +
        int control_fd() noexcept
        int outputs_fd() noexcept
        int bell_fd() noexcept
        int front_bell_fd() noexcept
        int worker_passing_fd() noexcept
        uint64_t output_bytes() noexcept
        void CloseWorkerEnds() noexcept
        void SetProcess(int pid, int pidfd) noexcept

cdef extern from "batch/worker_link.h" namespace "leeboard::batch" nogil:
    cdef enum Death "leeboard::batch::Death":
        MEMORY "leeboard::batch::Death::kMemory"

cdef extern from "front/served.h" namespace "leeboard::front" nogil:
    cdef cppclass CServed "leeboard::front::Served":
        Signature signature
        unique_ptr[VersionQueue] queue
        uint64_t id

        @staticmethod
        Status Create(Signature signature, QueueOptions options,
                      shared_ptr[CServed]* out) except +

cdef extern from "front/server.h" namespace "leeboard::front" nogil:
    cdef enum NoticeKind "leeboard::front::Notice::Kind":
        pass

    cdef cppclass Notice:
        NoticeKind kind
        uint64_t id
        string text

    cdef cppclass HandedCall:
        uint64_t id
        string method
        string message
        string identity

    cdef cppclass CServer "leeboard::front::Server":
        CServer(ServerOptions options) except +
        Status Start() except +
        void Stop() noexcept
        uint16_t port() noexcept
        const vector[uint16_t]& ports() noexcept
        void SetTls(shared_ptr[const TlsContext] tls) except +
        void SetTable(shared_ptr[const CTable] table) except +
        void SetReflection(shared_ptr[const CReflection] reflection) except +
        void AddServed(shared_ptr[CServed] served) except +
        void Retire(shared_ptr[CServed] served) except +
        uint64_t AddWorker(shared_ptr[CServed] served,
                           unique_ptr[CWorkerLink] link) except +
        void RemoveWorker(uint64_t worker) except +
        void EndWorker(uint64_t worker, Death death) except +
        void FailWaiting(shared_ptr[CServed] served, string reason) except +
        void BeginDrain() except +
        int notices_fd() noexcept
        vector[Notice] TakeNotices() except +
        vector[HandedCall] TakeCalls() except +
        void Answer(uint64_t call, Status status, string reply) except +
