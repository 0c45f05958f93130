# csrc/batch's watch as Cython sees it.

cimport cython
from libc.stdint cimport uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr, unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.plane cimport CServed
from runtime.native.profiling cimport CTensorProfile, Kind

cdef extern from "batch/watch.h" namespace "leeboard::batch" nogil:
    cdef cppclass WatchedTensor:
        cbool is_output
        uint32_t index
        Kind kind
        cbool is_summary
        unique_ptr[CTensorProfile] profile
        uint64_t other_length

    cdef cppclass JournalOptions:
        uint64_t below
        vector[uint32_t] outputs
        vector[uint32_t] inputs

    cdef cppclass CWatch "leeboard::batch::Watch":
        CWatch(vector[WatchedTensor] tensors, JournalOptions journal) except +
        vector[WatchedTensor]& tensors() noexcept
        uint64_t rows() noexcept
        uint64_t kept() noexcept
        const string& journal() noexcept
        uint64_t without_id() noexcept
        uint64_t unsampled() noexcept
        uint64_t dropped() noexcept

cdef extern from "front/server.h" namespace "leeboard::front" nogil:
    cdef cppclass Watched:
        uint64_t served
        shared_ptr[CWatch] watch

    cdef cppclass WatchedServer "leeboard::front::Server":
        void ExchangeWatch(shared_ptr[CServed] served, shared_ptr[CWatch] fresh) except +
        vector[Watched] TakeWatched() except +


@cython.final
cdef class Watch:
    cdef shared_ptr[CWatch] _watch

    @staticmethod
    cdef Watch adopt(shared_ptr[CWatch] watch)
