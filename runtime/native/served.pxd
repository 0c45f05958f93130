# A version's queue, for the modules that pass it on.

cimport cython
from libcpp.memory cimport shared_ptr, unique_ptr

from runtime.native.plane cimport CServed, CWorkerLink


@cython.final
cdef class Served:
    cdef shared_ptr[CServed] _served


@cython.final
cdef class WorkerLink:
    cdef unique_ptr[CWorkerLink] _link
    cdef readonly dict fds

    cdef unique_ptr[CWorkerLink] take(self) except *
