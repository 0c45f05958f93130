# The extension type of profiles; other modules make and take them in C++.

from libcpp.memory cimport unique_ptr

from runtime.native.profiling cimport CTensorProfile


cdef class TensorProfile:
    cdef unique_ptr[CTensorProfile] _profile
    cdef bint _busy

    # Takes a profile that C++ made; another module's way to a Python object.
    @staticmethod
    cdef TensorProfile adopt(unique_ptr[CTensorProfile] profile)
    # The profile, or ValueError while another thread adds to it.
    cdef CTensorProfile* idle(self) except NULL
    # A feature's number, or IndexError.
    cdef Py_ssize_t place(self, feature) except -1
