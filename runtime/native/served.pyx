# distutils: language = c++
"""A version's queue and the links to its workers, made by the control plane.

Once handed to a `Server` they belong to its I/O thread; what stays here is for reading
counters and for passing descriptors on.
"""

cimport cython
from libcpp.utility cimport move
from libcpp.vector cimport vector

from runtime.native.plane cimport (
    DTypeFromName,
    QueueOptions,
    Signature,
    TensorSpec,
    string_view,
)
from runtime.native.snapshot cimport (
    CountsOf,
    HistogramsOf,
    LatencyBounds,
    LibraryVersions,
    RowBounds,
)
from runtime.native.status cimport check


cdef TensorSpec to_spec(str name, str datatype, tuple dims) except *:
    cdef TensorSpec spec
    cdef bytes dtype = datatype.encode()
    spec.name = name.encode()
    spec.dtype = DTypeFromName(string_view(<const char*>dtype, len(dtype)))
    spec.shape.rank = len(dims)
    for index, dim in enumerate(dims):
        spec.shape.begin()[index] = dim
    return spec


cdef vector[TensorSpec] to_specs(list tensors) except *:
    cdef vector[TensorSpec] specs
    for name, datatype, dims in tensors:
        specs.push_back(to_spec(name, datatype, dims))
    return specs


@cython.final
cdef class Served:
    """The queue of one version: its signature, limits and counters."""

    def __init__(self, options):
        cdef Signature signature
        cdef QueueOptions queue
        signature.model = options.model.encode()
        signature.max_batch_size = options.max_batch_size
        signature.inputs = to_specs(options.inputs)
        signature.outputs = to_specs(options.outputs)
        signature.has_bytes_input = any(t[1] == "BYTES" for t in options.inputs)
        signature.has_optional_input = bool(options.optional)
        for index, tensor in enumerate(options.inputs):
            signature.inputs[index].optional = tensor[0] in options.optional
        queue.model = signature.model
        queue.version = options.version.encode()
        queue.label = f"model '{options.model}' version {options.version}".encode()
        queue.close_rows = options.close_rows
        queue.max_queue_delay = options.max_queue_delay_us * 1000
        queue.batch_timeout = <long long>(options.batch_timeout_s * 1e9)
        queue.max_queue_size = options.max_queue_size
        queue.input_bytes = options.input_bytes
        queue.retry = options.retry
        queue.decoupled = options.decoupled
        policy = options.policy
        queue.policy.timeout = policy.timeout_us * 1000
        queue.policy.delays = policy.delays
        queue.policy.overridden = policy.override
        queue.policy.is_set = policy.timeout_us > 0 or policy.delays or policy.override
        for name, _, _ in options.outputs:
            labels = options.labels.get(name, ())
            queue.labels.push_back([label.encode() for label in labels])
        check(CServed.Create(move(signature), move(queue), &self._served))

    @property
    def id(self):
        return self._served.get().id

    @property
    def inputs_fd(self):
        return self._served.get().queue.get().inputs_fd()

    @property
    def input_bytes(self):
        return self._served.get().queue.get().input_bytes()

    def counts(self):
        return dict(CountsOf(self._served.get().queue.get().counters()))

    def histograms(self):
        return dict(HistogramsOf(self._served.get().queue.get().counters()))


@cython.final
cdef class WorkerLink:
    """The front end's half of one worker, until it is handed to a Server."""

    def __init__(self, output_bytes):
        check(CWorkerLink.Create(output_bytes, &self._link))
        self.fds = {
            "control": self._link.get().control_fd(),
            "outputs": self._link.get().outputs_fd(),
            "bell": self._link.get().bell_fd(),
            "front_bell": self._link.get().front_bell_fd(),
            "passing": self._link.get().worker_passing_fd(),
        }

    @property
    def output_bytes(self):
        return self._link.get().output_bytes()

    def set_process(self, pid, pidfd):
        self._link.get().SetProcess(pid, pidfd)

    cdef unique_ptr[CWorkerLink] take(self) except *:
        if self._link.get() == NULL:
            raise ValueError("this worker link has been handed over already")
        self._link.get().CloseWorkerEnds()
        self.fds = {}
        return move(self._link)


def latency_bounds_ns():
    """Return the upper bounds of the latency buckets, in nanoseconds."""
    return list(LatencyBounds())


def row_bounds():
    """Return the upper bounds of the batch-row buckets."""
    return list(RowBounds())


def library_versions():
    """Return the versions of the libraries that the data plane runs with, by name."""
    return {name.decode(): version.decode() for name, version in
            dict(LibraryVersions()).items()}
