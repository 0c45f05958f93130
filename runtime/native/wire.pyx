# distutils: language = c++
"""The wire layer for tests and tools: messages in and out as Python values.

The data plane does not pass here; it reads messages in C++ (csrc/wire/*.cc) and in place.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize

from runtime.errors import ProtocolError

cdef dict CODES = {3: "INVALID_ARGUMENT", 13: "INTERNAL"}
cdef tuple STATES = ("need more", "found", "malformed")


class RefusedMessage(ProtocolError):
    """A message that the wire layer refuses; `code` is the gRPC status that clients see."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


cdef int check(Status status) except -1:
    if not status.ok():
        code = CODES.get(<int>status.code(), "UNKNOWN")
        raise RefusedMessage(status.message().decode(), code)
    return 0


cdef string_view view_of(bytes data):
    return string_view(PyBytes_AS_STRING(data), len(data))


cdef Bytes span_of(bytes data):
    return Bytes(<const uint8_t*>PyBytes_AS_STRING(data), len(data))


cdef str text(string_view view):
    return PyBytes_FromStringAndSize(view.data(), view.size()).decode()


cdef bytes converted(const InputTensor& tensor):
    cdef DType dtype = DTypeFromName(tensor.datatype)
    cdef uint64_t elements = 0
    cdef uint64_t size = 0
    check(CountElements(tensor, &elements))
    check(MeasureContents(tensor, dtype, elements, &size))
    cdef bytes raw = PyBytes_FromStringAndSize(NULL, size)
    ConvertContents(tensor, dtype, <uint8_t*>PyBytes_AS_STRING(raw))
    return raw


cdef object data_of(const InputTensor& tensor):
    if tensor.has_contents:
        return converted(tensor)
    if not tensor.has_raw:
        return None
    return PyBytes_FromStringAndSize(<const char*>tensor.raw.data(), tensor.raw.size())


cdef dict input_of(const InputTensor& tensor):
    cdef Dims dims = tensor.shape.view()
    return {
        "name": text(tensor.name),
        "datatype": text(tensor.datatype),
        "shape": [dims.data()[i] for i in range(dims.size())],
        "raw": data_of(tensor),
    }


def parse_request(bytes data not None, *, bint head=False):
    """Return a ModelInferRequest as a dict, contents converted to raw bytes.

    Raises RefusedMessage. With `head` the data of inputs may be missing (None).
    """
    cdef InferRequest request
    check(ParseInferRequestHead(span_of(data), &request) if head
          else ParseInferRequest(span_of(data), &request))
    return {
        "model_name": text(request.model_name),
        "model_version": text(request.model_version),
        "id": text(request.id),
        "inputs": [input_of(request.inputs[i]) for i in range(request.inputs.size())],
        "outputs": [text(request.outputs[i]) for i in range(request.outputs.size())],
        "classes": list(request.classes),
        "raw_count": request.raw_count,
        "timeout_us": request.timeout_us,
    }


def find_large_raw(bytes received not None, size_t start, size_t min_size):
    """Return (state, resume_at, field_begin, payload_begin, payload_size)."""
    cdef LargeRaw found = FindLargeRaw(span_of(received), start, min_size)
    return (STATES[<int>found.state], found.resume_at, found.field_begin,
            found.payload_begin, found.payload_size)


def check_raw_bytes(bytes name not None, bytes raw not None, uint64_t elements):
    """Raise RefusedMessage unless `raw` holds that many BYTES elements."""
    check(CheckRawBytes(view_of(name), span_of(raw), elements))


def raw_bytes_prefix(bytes raw not None, uint64_t count):
    """Return the size of the first `count` elements of checked BYTES data."""
    return RawBytesPrefix(span_of(raw), count)


def build_response(bytes model_name not None, bytes model_version not None,
                   bytes request_id not None, list outputs not None):
    """Return a ModelInferResponse of (name, datatype, shape, data) outputs, all bytes.

    The second value is the size that was announced before the message was made.
    """
    cdef ResponseIdentity identity
    cdef vector[OutputTensor] tensors
    cdef vector[vector[int64_t]] shapes
    cdef OutputTensor tensor
    cdef string message
    identity.model_name = view_of(model_name)
    identity.model_version = view_of(model_version)
    identity.id = view_of(request_id)
    for _, _, shape, _ in outputs:
        shapes.push_back(shape)
    for i, (name, datatype, _, data) in enumerate(outputs):
        tensor.name = view_of(name)
        tensor.dtype = DTypeFromName(view_of(datatype))
        tensor.shape = Dims(shapes[i].data(), shapes[i].size())
        tensor.size = len(data)
        tensors.push_back(tensor)
    AppendInferResponseHead(identity, OutputSpan(tensors.data(), tensors.size()), &message)
    for _, _, _, data in outputs:
        AppendRawOutputHeader(len(data), &message)
        message.append(PyBytes_AS_STRING(data), len(data))
    return message, InferResponseSize(identity, OutputSpan(tensors.data(), tensors.size()))
