# distutils: language = c++
"""Certificates and options of the data plane's connections, from Python to C++."""

cimport cython
from libc.stdint cimport int64_t

from runtime.native.status cimport check


@cython.final
cdef class Tls:
    """A certificate with its key, checked; immutable.

    The arguments are PEM texts: the certificate with its chain, its key, and the
    authorities whose clients are let in (empty: everybody is). Raises ServerError when one
    of them cannot be used.
    """

    def __init__(self, bytes certificates not None, bytes key not None,
                 bytes client_authorities not None):
        cdef TlsSource source
        source.certificates = certificates
        source.key = key
        source.client_authorities = client_authorities
        check(TlsContext.Create(source, &self._context))

    @property
    def not_after(self):
        return self._context.get().not_after()


cdef int64_t nanos(object seconds) except? -1:
    return <int64_t>int(seconds * 1e9)


cdef ServerOptions server_options(object options) except *:
    """Return the options of a server as C++ has them."""
    cdef ServerOptions native
    cdef ListenerOptions listener
    cdef Tls tls = options.tls
    native.host = options.host.encode()
    native.port = options.port
    for one in options.also:
        listener.host = one.host.encode()
        listener.port = one.port
        listener.path = one.path.encode()
        listener.tls = one.tls
        native.also.push_back(listener)
    if tls is not None:
        native.tls = tls._context
    native.max_connections = options.max_connections
    native.limits.max_message_bytes = options.max_message_bytes
    native.limits.connection_budget_bytes = options.connection_budget_bytes
    native.limits.server_budget_bytes = options.server_budget_bytes
    native.limits.max_concurrent_streams = options.max_concurrent_streams
    transport = options.transport
    native.limits.handshake_timeout = nanos(transport.handshake_timeout_s)
    native.limits.lifetime.keepalive_time = nanos(transport.keepalive_time_s)
    native.limits.lifetime.keepalive_timeout = nanos(transport.keepalive_timeout_s)
    native.limits.lifetime.max_age = nanos(transport.max_connection_age_s)
    native.limits.lifetime.max_idle = nanos(transport.max_connection_idle_s)
    native.limits.lifetime.drain_grace = nanos(transport.max_connection_age_grace_s)
    if transport.compress_replies == "gzip":
        native.limits.reply_compression = transport.compression_level
    return native
