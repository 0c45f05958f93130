# distutils: language = c++
"""The worker's side of the hand-over: take a batch, describe its outputs, publish it."""

cimport cython
from cpython.buffer cimport PyBUF_READ, PyBUF_WRITE
from cpython.memoryview cimport PyMemoryView_FromMemory
from libc.string cimport memcpy

from runtime.native.status cimport check

NOTHING, STOPPED, ROOM, CANCELLED = 1, 2, 0, 3


@cython.final
cdef class WorkerPort:
    """A worker's port; one thread of the worker uses it.

    After `take` returned 0 the attributes describe the claimed batch until it is
    published. Memory views stay valid for the life of the port; those of `inputs` until
    `detach_inputs`, those of `grow` until the next `grow`.
    """

    cdef CWorkerPort _port
    cdef Claim _claim
    cdef const BatchHeader* _header
    cdef const LayoutRecord* _layout
    cdef readonly unsigned int rows
    cdef readonly unsigned int layout_id
    cdef readonly unsigned long long output_offset
    cdef readonly unsigned long long output_capacity

    def __init__(self, fds, input_bytes, output_bytes):
        cdef WorkerFds native = fds
        cdef RegionSizes sizes = {"inputs": input_bytes, "outputs": output_bytes}
        check(CWorkerPort.Open(native, sizes, &self._port))

    def inputs(self):
        return PyMemoryView_FromMemory(
            <char*>self._port.inputs(), <Py_ssize_t>self._port.inputs_size(), PyBUF_READ)

    def outputs(self):
        return PyMemoryView_FromMemory(
            <char*>self._port.outputs(), <Py_ssize_t>self._port.outputs_size(), PyBUF_WRITE)

    def take(self, int timeout_ms, int watch):
        cdef int taken
        with nogil:
            taken = <int>self._port.Take(timeout_ms, watch, &self._claim)
        if taken == 0:
            self._find_header()
            self.rows, self.layout_id = self._claim.rows, self._layout.layout_id
            self.output_offset = self._header.output_offset
            self.output_capacity = self._header.output_capacity
        return taken

    cdef void _find_header(self) noexcept:
        self._header = &self._port.header(self._claim)
        self._layout = &self._port.layout(self._header[0])

    def detach_inputs(self, unsigned long long offset, unsigned long long size):
        """Leave [offset, offset + size) of `inputs` to whoever keeps views of it.

        The rest of that view is invalid from now on; ask for `inputs` again.
        """
        check(self._port.DetachInputs(offset, size))
        self._find_header()

    def segments(self):
        """Return (offset, capacity, rows, bytes_capacity) of each part of the batch."""
        cdef list parts = []
        cdef unsigned int end, begin = 0, index = 0
        cdef const Segment* segment
        while begin < self.rows:
            segment = &(<BatchHeader*>self._header).segments()[index]
            end = min(RowEnd(segment[0]), self.rows)
            parts.append((segment.offset, segment.capacity, end - begin,
                          segment.bytes_capacity))
            begin, index = end, index + 1
        return parts

    def layout(self):
        """Return (batched, [(index, dims of a row, bytes of a row), ...]).

        One for each input that the batch has; `index` is its place in the signature.
        """
        cdef list inputs = []
        cdef InputRecord* record
        for index in range(self._layout.input_count):
            record = &(<LayoutRecord*>self._layout).inputs_data()[index]
            dims = tuple([record.begin_dims()[i] for i in range(record.rank)])
            inputs.append((record.index, dims, record.row_bytes))
        return self._layout.batched != 0, inputs

    def set_output(self, unsigned int index, unsigned long long offset,
                   unsigned long long size, tuple dims):
        cdef OutputRecord* record = &self._port.record().outputs_data()[index]
        record.offset = offset
        record.size = size
        record.rank = len(dims)
        for axis, dim in enumerate(dims):
            record.begin_dims()[axis] = dim

    def grow(self, unsigned long long size):
        """Return memory for all outputs of this batch, in place of what was granted."""
        cdef unsigned char* memory = NULL
        check(self._port.GrowOutputs(size, &memory))
        return PyMemoryView_FromMemory(<char*>memory, <Py_ssize_t>size, PyBUF_WRITE)

    def await_room(self, int timeout_ms, int watch):
        """Wait until a response may be written: ROOM, NOTHING, STOPPED or CANCELLED."""
        cdef int room
        with nogil:
            room = <int>self._port.AwaitRoom(timeout_ms, watch)
        return room

    cdef Completion* _record(self, unsigned int code, unsigned int outputs) noexcept:
        cdef Completion* record = self._port.record()
        record.seq, record.code, record.output_count = self._claim.seq, code, outputs
        record.has_own_region, record.more = 0, 0
        record.claimed_at = self._claim.claimed_at
        return record

    def publish(self, unsigned int output_count, bint grown, long long began_at,
                long long ended_at, bint more):
        """Publish the batch, or one of its responses; False: nobody wants more of it."""
        cdef Completion* record = self._record(0, output_count)
        record.has_own_region, record.more = grown, more
        record.run_began_at, record.run_ended_at = began_at, ended_at
        self._port.Publish()
        return not self._port.IsCancelled()

    def fail(self, unsigned int code, bytes message):
        cdef Completion* record = self._record(code, 0)
        cdef size_t size = min(<size_t>len(message), <size_t>970)
        memcpy(record.message_data(), <const char*>message, size)
        record.message_data()[size] = 0
        self._port.Publish()

    def ring(self):
        """Wake the front end if it sleeps; after `publish` or `fail`."""
        self._port.Ring()

    def note_crashes(self):
        """Leave the signal of a crash where the front end sees it; once a process."""
        self._port.NoteCrashes()


def monotonic_ns():
    """Return nanoseconds on the clock that batches are timed with."""
    return MonotonicNow()
