# distutils: language = c++
"""Options of profiles, from Python's values."""

from libc.stdint cimport uint8_t, uint64_t
from libcpp.vector cimport vector

import numpy as np

from runtime.errors import ProfileError
from runtime.native.profiling cimport Kind, ProfileOptions
from runtime.native.wire cimport Status

KINDS = ("bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
         "float16", "bfloat16", "float32", "float64")
EDGES_AT_MOST = 32
CATEGORIES_AT_MOST = 128
WHOLE = (1 << 64) - 1


cdef int check(Status status) except -1:
    if not status.ok():
        raise ProfileError(status.message().decode())
    return 0


cdef vector[double] to_doubles(values) except *:
    cdef vector[double] doubles = np.asarray(values, np.float64).ravel().tolist()
    return doubles


cdef ProfileOptions to_options(kind, features, dict chosen) except *:
    cdef ProfileOptions options
    cdef vector[uint64_t] known
    if kind not in KINDS:
        raise ProfileError(f"profiles take {', '.join(KINDS)}; not {kind}")
    options.kind = <Kind><uint8_t>KINDS.index(kind)
    options.features = features
    if chosen["edges"] is not None:
        edges = np.asarray(chosen["edges"], np.float64)
        if edges.ndim != 2 or edges.shape[0] != features:
            raise ProfileError("edges need a row for every feature")
        options.edges = to_doubles(edges)
        options.edge_count = edges.shape[1]
    if chosen["ranges"] is not None:
        options.low, options.high = map(to_doubles, chosen["ranges"])
    if chosen["histogram"] is not None:
        options.histogram_low, options.histogram_high = map(to_doubles, chosen["histogram"])
    options.quantiles = chosen["quantiles"]
    options.categories = chosen["categories"]
    for values in chosen["known"] or ():
        known = [int(value) & WHOLE for value in values]
        options.known.push_back(known)
    return options
