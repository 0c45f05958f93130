# How a C++ Status becomes a Python error.

from runtime.native.wire cimport Status


cdef inline int check(Status status) except -1:
    """Raise ServerError with the status's sentence unless it is OK."""
    cdef bytes text
    if not status.ok():
        text = status.message()
        from runtime.errors import ServerError
        raise ServerError(text.decode("utf-8", "replace"))
    return 0
