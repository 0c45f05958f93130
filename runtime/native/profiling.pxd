# csrc/stats as Cython sees it. Our C++ does not throw; making a profile may lack memory.

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libcpp cimport bool as cbool
from libcpp.memory cimport unique_ptr
from libcpp.string cimport string
from libcpp.vector cimport vector

from runtime.native.wire cimport Bytes, Status

cdef extern from "<span>" namespace "std" nogil:
    cdef cppclass Counts "std::span<const std::uint64_t>":
        const uint64_t* data() noexcept
        size_t size() noexcept
    cdef cppclass Values "std::span<const double>":
        const double* data() noexcept
        size_t size() noexcept

cdef extern from "stats/kind.h" namespace "leeboard::stats" nogil:
    cdef enum Kind "leeboard::stats::Kind":
        pass
    size_t ValueSize(Kind kind) noexcept

cdef extern from "stats/tensor_profile.h" namespace "leeboard::stats" nogil:
    cdef cppclass ProfileOptions:
        Kind kind
        uint32_t features
        vector[double] edges
        uint32_t edge_count
        vector[double] low
        vector[double] high
        vector[double] histogram_low
        vector[double] histogram_high
        cbool quantiles
        cbool categories
        vector[vector[uint64_t]] known

    cdef cppclass CCategory "leeboard::stats::Category":
        uint64_t value
        uint64_t count
        cbool is_known

    cdef cppclass CCategories "leeboard::stats::Categories":
        vector[CCategory] top
        uint64_t rest
        uint64_t error

    cdef cppclass CTensorProfile "leeboard::stats::TensorProfile":
        @staticmethod
        Status Create(ProfileOptions options, unique_ptr[CTensorProfile]* out) except +

        void Add(const uint8_t* rows, uint64_t count) noexcept
        unique_ptr[CTensorProfile] Fresh() except +
        Status Merge(const CTensorProfile& other) except +
        void Serialise(string* out) except +

        @staticmethod
        Status Parse(Bytes data, unique_ptr[CTensorProfile]* out) except +

        const ProfileOptions& options() noexcept
        uint64_t rows() noexcept
        uint64_t state_bytes() noexcept
        const char* simd() noexcept
        Counts counts() noexcept
        Values mean() noexcept
        Values m2() noexcept
        Values min() noexcept
        Values max() noexcept
        Counts nan() noexcept
        Counts positive_infinities() noexcept
        Counts negative_infinities() noexcept
        Counts below() noexcept
        Counts above() noexcept
        Counts cumulative() noexcept
        Counts histogram() noexcept
        double quantile(uint32_t feature, double q) noexcept
        CCategories categories(uint32_t feature) except +
        double distinct(uint32_t feature) noexcept
