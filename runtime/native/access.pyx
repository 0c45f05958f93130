# distutils: language = c++
"""Access control of the data plane: its table, and what its identities have used."""

cimport cython
from libc.string cimport memcpy
from libcpp.memory cimport make_shared, shared_ptr

from runtime.native.access cimport (
    AccessServer, CAccessTable, Digest, Identity, IdentityCounts, ModelPattern,
)
from runtime.native.server cimport Server


@cython.final
cdef class AccessTable:
    """Who may do what; built once, then handed to a Server."""

    cdef shared_ptr[CAccessTable] _table

    def __init__(self, health_open):
        self._table = make_shared[CAccessTable]()
        self._table.get().set_health_open(health_open)

    def add(self, identity):
        self.check()
        cdef shared_ptr[Identity] native = make_shared[Identity]()
        cdef ModelPattern pattern
        cdef Digest digest
        cdef bytes raw
        native.get().name = identity.name.encode()
        native.get().roles = int(identity.roles)
        for text in identity.models:
            pattern.is_prefix = text.endswith("*")
            pattern.text = text.removesuffix("*").encode()
            native.get().models.push_back(pattern)
        native.get().quota.requests_per_s = identity.quota.requests_per_s
        native.get().quota.burst = identity.quota.burst
        native.get().quota.concurrent = identity.quota.concurrent
        self._table.get().Add(native)
        for token in identity.tokens:
            raw = token.digest
            if len(raw) != 32:
                raise ValueError("a digest of SHA-256 has 32 bytes")
            memcpy(digest.data(), <const char*>raw, 32)
            self._table.get().AddToken(digest, token.expires_at)
        for subject in identity.subjects:
            self._table.get().AddSubject(subject.encode())

    cdef check(self):
        if self._table.get() == NULL:
            raise ValueError("this table has been handed over already")


def set_access(Server server not None, AccessTable table):
    cdef shared_ptr[CAccessTable] native
    if table is not None:
        table.check()
        native.swap(table._table)
        native.get().Finish()
    (<AccessServer*>server._server.get()).SetAccess(native)


def identity_counts(Server server not None):
    return {
        name.decode(): {outcome.decode(): count for outcome, count in counts.items()}
        for name, counts in dict(IdentityCounts(server._server.get()[0])).items()
    }


def method_roles():
    cdef dict found = dict(MethodRoles())
    return {path.decode(): roles for path, roles in found.items()}
