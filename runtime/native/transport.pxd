# What the data plane's listeners and connections are made from, as Cython sees it.

from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport shared_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.wire cimport Status


cdef extern from "http2/tls.h" namespace "leeboard::http2" nogil:
    cdef cppclass TlsSource:
        string certificates
        string key
        string client_authorities

    cdef cppclass TlsContext:
        @staticmethod
        Status Create(const TlsSource& source,
                      shared_ptr[const TlsContext]* out) except +
        int64_t not_after() noexcept

cdef extern from "http2/lifetime.h" namespace "leeboard::http2" nogil:
    cdef cppclass LifetimeLimits:
        int64_t keepalive_time
        int64_t keepalive_timeout
        int64_t max_age
        int64_t max_idle
        int64_t drain_grace

cdef extern from "http2/connection.h" namespace "leeboard::http2" nogil:
    cdef cppclass Limits:
        uint32_t max_message_bytes
        uint64_t connection_budget_bytes
        uint64_t server_budget_bytes
        uint32_t max_concurrent_streams
        int64_t handshake_timeout
        LifetimeLimits lifetime
        int reply_compression

cdef extern from "front/server_types.h" namespace "leeboard::front" nogil:
    cdef cppclass ListenerOptions:
        string host
        uint16_t port
        string path
        cbool tls

    cdef cppclass ServerOptions:
        string host
        uint16_t port
        vector[ListenerOptions] also
        shared_ptr[const TlsContext] tls
        Limits limits
        uint32_t max_connections


cdef class Tls:
    cdef shared_ptr[const TlsContext] _context

cdef ServerOptions server_options(object options) except *
