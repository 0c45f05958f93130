# distutils: language = c++
"""The data plane's server: one C++ I/O thread behind a few commands.

Every method returns at once; the I/O thread takes commands in order. `notices_fd` becomes
readable when `take_notices` has something to tell.
"""

cimport cython
from libcpp.memory cimport make_shared, shared_ptr
from libcpp.vector cimport vector

from runtime.native.plane cimport (
    MEMORY,
    CServer,
    CTable,
    HandedCall,
    Notice,
    Version,
    VersionState,
)
from runtime.native.served cimport Served, WorkerLink
from runtime.native.snapshot cimport ServerCounts
from runtime.native.status cimport check
from runtime.native.transport cimport Tls, server_options
from runtime.native.wire cimport Code, Status

cdef tuple KINDS = ("worker broken", "drained", "guilty", "retired", "refused")


@cython.final
cdef class Table:
    """A snapshot of all that is served; built once, then handed to a Server."""

    def __init__(self, server_metadata, ready):
        self._table = make_shared[CTable]()
        self._table.get().set_server_metadata(server_metadata)
        self._table.get().set_ready(ready)

    def add(self, entry, Served served):
        cdef shared_ptr[Version] version = make_shared[Version]()
        version.get().model = entry.model.encode()
        version.get().version = entry.version.encode()
        version.get().state = <VersionState><int>entry.state
        version.get().reason = entry.reason.encode()
        version.get().preferred = entry.preferred
        version.get().metadata = entry.metadata
        version.get().config = entry.config
        if served is not None:
            version.get().signature = served._served.get().signature
            version.get().context = served._served.get().queue.get()
        self._table.get().Add(<shared_ptr[const Version]>version)


@cython.final
cdef class Server:
    """The I/O thread with its listening socket."""

    def __init__(self, options):
        self._server.reset(new CServer(server_options(options)))

    def start(self):
        check(self._server.get().Start())

    def stop(self):
        with nogil:
            self._server.get().Stop()

    @property
    def port(self):
        return self._server.get().port()

    @property
    def ports(self):
        """Of all TCP listeners: the first one's, then the others' in order."""
        return tuple(self._server.get().ports())

    def set_tls(self, Tls tls not None):
        """Use other certificates for connections that come from now on."""
        self._server.get().SetTls(tls._context)

    def set_table(self, Table table not None):
        self._server.get().SetTable(<shared_ptr[const CTable]>table._table)

    def add_served(self, Served served not None):
        self._server.get().AddServed(served._served)

    def retire(self, Served served not None):
        """End a version that the last table does not name.

        What it has taken is still answered; then comes the notice ("retired", its id, "").
        """
        self._server.get().Retire(served._served)

    def add_worker(self, Served served not None, WorkerLink link not None):
        return self._server.get().AddWorker(served._served, link.take())

    def remove_worker(self, worker):
        self._server.get().RemoveWorker(worker)

    def end_worker_for_memory(self, worker):
        self._server.get().EndWorker(worker, MEMORY)

    def fail_waiting(self, Served served not None, reason):
        self._server.get().FailWaiting(served._served, reason.encode())

    def begin_drain(self):
        self._server.get().BeginDrain()

    @property
    def notices_fd(self):
        return self._server.get().notices_fd()

    def take_notices(self):
        cdef vector[Notice] notices = self._server.get().TakeNotices()
        cdef list taken = []
        cdef bytes text
        for index in range(notices.size()):
            text = notices[index].text
            taken.append((KINDS[<int>notices[index].kind], notices[index].id,
                          text.decode()))
        return taken

    def take_calls(self):
        """Return the calls to be answered here, oldest first: (number, method, message,
        the caller's identity or nothing).

        `notices_fd` is readable while there are any.
        """
        cdef vector[HandedCall] calls = self._server.get().TakeCalls()
        cdef list taken = []
        for index in range(calls.size()):
            taken.append((calls[index].id, calls[index].method.decode(),
                          <bytes>calls[index].message,
                          calls[index].identity.decode()))
        return taken

    def answer(self, unsigned long long call, int code, message, bytes reply not None):
        """Answer a call that was taken; nothing happens when it has ended meanwhile.

        `code` is gRPC's: `reply` is sent with 0, `message` with any other.
        """
        cdef Status status = Status(<Code>code, message.encode())
        self._server.get().Answer(call, status, reply)

    def counts(self):
        return dict(ServerCounts(self._server.get()[0]))
