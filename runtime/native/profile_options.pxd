# How Python's values become options of profiles, and a Status an error.

from runtime.native.profiling cimport ProfileOptions
from runtime.native.wire cimport Status

# Raises ProfileError with the status's sentence unless it is OK.
cdef int check(Status status) except -1
# `chosen` has the constructor's keyword arguments, all of them.
cdef ProfileOptions to_options(kind, features, dict chosen) except *
