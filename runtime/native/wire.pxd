# csrc/wire as Cython sees it. C++ does not throw; standard containers may.

from libc.stddef cimport size_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.string cimport string
from libcpp.vector cimport vector

cdef extern from "<string_view>" namespace "std" nogil:
    cdef cppclass string_view:
        string_view() noexcept
        string_view(const char* data, size_t size) noexcept
        const char* data() noexcept
        size_t size() noexcept

cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Dims "std::span<const std::int64_t>":
        Dims() noexcept
        Dims(const int64_t* data, size_t size) noexcept
        const int64_t* data() noexcept
        size_t size() noexcept
    cdef cppclass OutputSpan "std::span<const leeboard::wire::OutputTensor>":
        OutputSpan(const OutputTensor* data, size_t size) noexcept

cdef extern from "base/status.h" namespace "leeboard" nogil:
    cdef enum Code "leeboard::Code":
        pass
    cdef cppclass Status:
        Status() noexcept
        Status(Code code, string message) noexcept
        cbool ok() noexcept
        Code code() noexcept
        const string& message() noexcept

cdef extern from "wire/dtype.h" namespace "leeboard::wire" nogil:
    cdef enum DType "leeboard::wire::DType":
        pass
    DType DTypeFromName(string_view name) noexcept

cdef extern from "wire/infer_request.h" namespace "leeboard::wire" nogil:
    cdef cppclass Bytes:
        Bytes() noexcept
        Bytes(const uint8_t* data, size_t size) noexcept
        const uint8_t* data() noexcept
        size_t size() noexcept

    cdef cppclass Shape:
        Dims view() noexcept

    cdef cppclass InputTensor:
        string_view name
        string_view datatype
        Shape shape
        cbool has_contents
        Bytes raw
        cbool has_raw

    cdef cppclass InferRequest:
        string_view model_name
        string_view model_version
        string_view id
        vector[InputTensor] inputs
        vector[string_view] outputs
        vector[uint32_t] classes
        uint32_t raw_count
        uint64_t timeout_us

    Status ParseInferRequest(Bytes message, InferRequest* request) noexcept
    Status ParseInferRequestHead(Bytes head, InferRequest* request) noexcept

    cdef enum State "leeboard::wire::LargeRaw::State":
        pass

    cdef cppclass LargeRaw:
        State state
        size_t resume_at
        size_t field_begin
        size_t payload_begin
        size_t payload_size

    LargeRaw FindLargeRaw(Bytes received, size_t start, size_t min_size) noexcept

cdef extern from "wire/typed_contents.h" namespace "leeboard::wire" nogil:
    Status CountElements(const InputTensor& tensor, uint64_t* elements) noexcept
    Status MeasureContents(const InputTensor& tensor, DType dtype, uint64_t elements,
                           uint64_t* raw_size) noexcept
    void ConvertContents(const InputTensor& tensor, DType dtype, uint8_t* out) noexcept
    Status CheckRawBytes(string_view name, Bytes raw, uint64_t elements) noexcept
    uint64_t RawBytesPrefix(Bytes raw, uint64_t count) noexcept

cdef extern from "wire/infer_response.h" namespace "leeboard::wire" nogil:
    cdef cppclass OutputTensor:
        string_view name
        DType dtype
        Dims shape
        uint64_t size

    cdef cppclass ResponseIdentity:
        string_view model_name
        string_view model_version
        string_view id

    uint64_t InferResponseSize(const ResponseIdentity& identity,
                               OutputSpan outputs) noexcept
    void AppendInferResponseHead(const ResponseIdentity& identity, OutputSpan outputs,
                                 string* out) noexcept
    void AppendRawOutputHeader(uint64_t size, string* out) noexcept
