# The server and its table as other modules of this package see them.

from libcpp.memory cimport shared_ptr, unique_ptr

from runtime.native.plane cimport CServer, CTable


cdef class Table:
    cdef shared_ptr[CTable] _table


cdef class Server:
    cdef unique_ptr[CServer] _server
