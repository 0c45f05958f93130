# csrc/front/reflection.h as Cython sees it.

from libcpp.string cimport string
from libcpp.vector cimport vector

cdef extern from "front/reflection.h" namespace "leeboard::front" nogil:
    cdef cppclass ReflectedFile "leeboard::front::Reflection::File":
        string descriptor
        vector[string] symbols
        vector[string] imports

    cdef cppclass CReflection "leeboard::front::Reflection":
        void AddFile(string name, ReflectedFile file) except +
        void AddService(string name) except +
