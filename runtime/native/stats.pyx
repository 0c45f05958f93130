# distutils: language = c++
"""Profiles of tensors: counts, moments and sketches of every feature, in C++."""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cython.operator cimport dereference
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.utility cimport move

import numpy as np
from runtime.errors import ProfileError
from runtime.native.profile_options cimport check, to_options
from runtime.native.profile_options import KINDS
from runtime.native.profiled import Category, Profiled
from runtime.native.profiling cimport (
    CCategories, Counts, CTensorProfile, ProfileOptions, Values, ValueSize,
)
from runtime.native.wire cimport Bytes, Status

cdef object of_counts(Counts counts):
    data = PyBytes_FromStringAndSize(<const char*>counts.data(), counts.size() * 8)
    return np.frombuffer(data, np.uint64)


cdef object of_values(Values values):
    data = PyBytes_FromStringAndSize(<const char*>values.data(), values.size() * 8)
    return np.frombuffer(data, np.float64)


@cython.final
cdef class TensorProfile:
    """What the rows of one tensor look like."""

    def __init__(self, kind, features, *, edges=None, ranges=None, histogram=None,
                 quantiles=False, categories=False, known=None):
        cdef ProfileOptions options = to_options(kind, features, {
            "edges": edges, "ranges": ranges, "histogram": histogram,
            "quantiles": quantiles, "categories": categories, "known": known})
        check(CTensorProfile.Create(options, &self._profile))

    @staticmethod
    cdef TensorProfile adopt(unique_ptr[CTensorProfile] profile):
        cdef TensorProfile adopted = TensorProfile.__new__(TensorProfile)
        adopted._profile = move(profile)
        return adopted

    cdef CTensorProfile* idle(self) except NULL:
        if self._busy or self._profile.get() == NULL:
            raise ValueError("this profile is in use by another thread, or was not made")
        return self._profile.get()

    def add(self, rows):
        cdef CTensorProfile* profile = self.idle()
        cdef Py_buffer view
        cdef uint64_t row = ValueSize(profile.options().kind) * profile.options().features
        PyObject_GetBuffer(rows, &view, PyBUF_SIMPLE)
        try:
            if view.len % row != 0:
                raise ProfileError(f"a row has {row} bytes; {view.len} are no whole rows")
            self._busy = True
            with nogil:
                profile.Add(<const uint8_t*>view.buf, view.len // row)
        finally:
            self._busy = False
            PyBuffer_Release(&view)

    def merge(self, TensorProfile other not None):
        cdef CTensorProfile* profile = self.idle()
        cdef const CTensorProfile* merged = other.idle()
        cdef Status status
        self._busy = other._busy = True
        with nogil:
            status = profile.Merge(dereference(merged))
        self._busy = other._busy = False
        check(status)

    def fresh(self):
        return TensorProfile.adopt(self.idle().Fresh())

    def to_bytes(self):
        cdef string out
        self.idle().Serialise(&out)
        return <bytes>out

    @staticmethod
    def from_bytes(bytes data not None):
        cdef unique_ptr[CTensorProfile] profile
        check(CTensorProfile.Parse(
            Bytes(<const uint8_t*>PyBytes_AS_STRING(data), len(data)), &profile))
        return TensorProfile.adopt(move(profile))

    @property
    def kind(self):
        return KINDS[<int>self.idle().options().kind]

    @property
    def features(self):
        return self.idle().options().features

    @property
    def rows(self):
        return self.idle().rows()

    @property
    def state_bytes(self):
        return self.idle().state_bytes()

    @property
    def simd(self):
        return self.idle().simd().decode()

    def read(self):
        cdef CTensorProfile* profile = self.idle()
        cdef uint32_t features = profile.options().features
        return Profiled(
            rows=profile.rows(),
            counts=of_counts(profile.counts()),
            nan=of_counts(profile.nan()),
            positive_infinities=of_counts(profile.positive_infinities()),
            negative_infinities=of_counts(profile.negative_infinities()),
            mean=of_values(profile.mean()),
            m2=of_values(profile.m2()),
            min=of_values(profile.min()),
            max=of_values(profile.max()),
            below=of_counts(profile.below()),
            above=of_counts(profile.above()),
            cumulative=of_counts(profile.cumulative()).reshape(features, -1),
            histogram=of_counts(profile.histogram()).reshape(features, -1),
        )

    def quantile(self, feature, double q):
        return self.idle().quantile(<uint32_t>self.place(feature), q)

    def categories(self, feature):
        cdef CCategories native = self.idle().categories(<uint32_t>self.place(feature))
        signed = self.kind.startswith("int")
        top = [Category(<int64_t>entry.value if signed else entry.value, entry.count,
                        entry.is_known) for entry in native.top]
        return top, native.rest, native.error

    def distinct(self, feature):
        return self.idle().distinct(<uint32_t>self.place(feature))

    cdef Py_ssize_t place(self, feature) except -1:
        if not 0 <= feature < self.idle().options().features:
            raise IndexError(f"there is no feature {feature}")
        return feature
