# distutils: language = c++
"""What the data plane tells by server reflection."""

cimport cython
from libcpp.memory cimport make_shared, shared_ptr

from runtime.native.descriptors cimport CReflection, ReflectedFile
from runtime.native.server cimport Server


@cython.final
cdef class Reflection:
    """Descriptors of services; built once, then handed to a Server."""

    cdef shared_ptr[CReflection] _reflection

    def __init__(self):
        self._reflection = make_shared[CReflection]()

    def add_file(self, name, bytes descriptor not None, symbols, imports):
        cdef ReflectedFile file
        file.descriptor = descriptor
        for symbol in symbols:
            file.symbols.push_back(symbol.encode())
        for imported in imports:
            file.imports.push_back(imported.encode())
        self._reflection.get().AddFile(name.encode(), file)

    def add_service(self, name):
        self._reflection.get().AddService(name.encode())

    def give_to(self, Server server not None):
        server._server.get().SetReflection(
            <shared_ptr[const CReflection]>self._reflection)
