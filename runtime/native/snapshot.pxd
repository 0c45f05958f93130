# csrc/front/snapshot.h as Cython sees it: counters by name.

from libc.stdint cimport uint64_t
from libcpp.map cimport map as cmap
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.plane cimport CServer, VersionCounters

cdef extern from "front/snapshot.h" namespace "leeboard::front" nogil:
    cmap[string, uint64_t] CountsOf(const VersionCounters& counters) except +
    cmap[string, vector[uint64_t]] HistogramsOf(const VersionCounters& counters) except +
    cmap[string, uint64_t] ServerCounts "leeboard::front::CountsOf" (
        const CServer& server) except +
    cmap[string, string] LibraryVersions() except +
    vector[uint64_t] LatencyBounds() except +
    vector[uint64_t] RowBounds() except +
