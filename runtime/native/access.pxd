# csrc/front/access_table.h as Cython sees it, and what the server says of identities.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.map cimport map as cmap
from libcpp.memory cimport shared_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.plane cimport CServer

cdef extern from "front/access_table.h" namespace "leeboard::front" nogil:
    cdef cppclass Digest:
        uint8_t* data() noexcept

    cdef cppclass Quota:
        double requests_per_s
        double burst
        uint32_t concurrent

    cdef cppclass ModelPattern:
        string text
        cbool is_prefix

    cdef cppclass Identity:
        string name
        uint8_t roles
        vector[ModelPattern] models
        Quota quota

    cdef cppclass CAccessTable "leeboard::front::AccessTable":
        void Add(shared_ptr[Identity] identity) except +
        void AddToken(const Digest& digest, int64_t expires_at) except +
        void AddSubject(string subject) except +
        void set_health_open(cbool open) noexcept
        void Finish() except +

cdef extern from "front/server.h" namespace "leeboard::front" nogil:
    cdef cppclass AccessServer "leeboard::front::Server":
        void SetAccess(shared_ptr[CAccessTable] table) except +

cdef extern from "front/control_rpcs.h" namespace "leeboard::front" nogil:
    cmap[string, uint8_t] MethodRoles() except +

cdef extern from "front/snapshot.h" namespace "leeboard::front" nogil:
    cmap[string, cmap[string, uint64_t]] IdentityCounts(const CServer& server) except +
