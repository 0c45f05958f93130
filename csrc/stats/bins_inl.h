// Histogram and sketch, in vectors of LEEBOARD_VECTOR_BYTES, which the includer
// defines.
//
// Places are computed in vectors and then counted one by one: lanes are different
// features, so no two increments wait for each other. Everything is in an
// unnamed namespace, as in kernels_inl.h.

#ifndef LEEBOARD_STATS_BINS_INL_H_
#define LEEBOARD_STATS_BINS_INL_H_

#include "stats/kernels.h"

namespace leeboard::stats {
namespace {

template <typename T>
struct BitsOf;

template <>
struct BitsOf<float> {
  using Type = std::int32_t;
  using Values = float __attribute__((vector_size(LEEBOARD_VECTOR_BYTES)));
  using Vector = std::int32_t __attribute__((vector_size(LEEBOARD_VECTOR_BYTES)));
  static constexpr int kShift = 23 - 5;  // Five bits of the fraction stay.
  static constexpr Type kBias = 127;
  static constexpr Type kInfinity = 0x7f800000;
  static constexpr Type kSize = 0x7fffffff;
};

template <>
struct BitsOf<double> {
  using Type = std::int64_t;
  using Values = double __attribute__((vector_size(LEEBOARD_VECTOR_BYTES)));
  using Vector = std::int64_t __attribute__((vector_size(LEEBOARD_VECTOR_BYTES)));
  static constexpr int kShift = 52 - 5;
  static constexpr Type kBias = 1023;
  static constexpr Type kInfinity = 0x7ff0000000000000;
  static constexpr Type kSize = 0x7fffffffffffffff;
};

template <typename T>
inline constexpr std::uint32_t kVectorLanes = LEEBOARD_VECTOR_BYTES / sizeof(T);

template <typename To>
[[gnu::always_inline]] inline To Read(const void* from) {
  To to;
  __builtin_memcpy(&to, from, sizeof(to));
  return to;
}

template <typename T>
[[gnu::always_inline]] inline void PlacesInHistogram(const std::uint8_t* row,
                                                     const Bins<T>& bins,
                                                     typename BitsOf<T>::Type* places) {
  using Bits = BitsOf<T>;
  using Values = typename Bits::Values;
  using Vector = typename Bits::Vector;
  constexpr T kLast = T{kBins - 1};
#pragma GCC unroll 8
  for (std::uint32_t i = 0; i < kLanes; i += kVectorLanes<T>) {
    const Values values = Read<Values>(row + i * sizeof(T));
    const Vector bits = Read<Vector>(row + i * sizeof(T));
    Values place =
        (values - Read<Values>(bins.low->at + i)) * Read<Values>(bins.per_unit->at + i);
    place = place > T{0} ? place : Values{};  // NaN too.
    place = place < kLast ? place : Values{} + kLast;
    const Vector whole = __builtin_convertvector(place, Vector);
    const Vector at = (bits & Bits::kSize) < Bits::kInfinity
                          ? whole
                          : Vector{} + static_cast<typename Bits::Type>(kBins);
    __builtin_memcpy(places + i, &at, sizeof(at));
  }
}

template <typename T>
[[gnu::always_inline]] inline void PlacesInSketch(const std::uint8_t* row,
                                                  typename BitsOf<T>::Type* places) {
  using Bits = BitsOf<T>;
  using Type = typename Bits::Type;
  using Vector = typename Bits::Vector;
  constexpr Type kFirst =
      (Bits::kBias + kSketchLowest) * static_cast<Type>(kSketchPerOctave);
  constexpr Type kSide = kSketchSide;
#pragma GCC unroll 8
  for (std::uint32_t i = 0; i < kLanes; i += kVectorLanes<T>) {
    const Vector bits = Read<Vector>(row + i * sizeof(T));
    const Vector size = bits & Bits::kSize;
    const Vector bucket = (size >> Bits::kShift) - kFirst;
    Vector at = bucket < kSide ? bucket : Vector{} + (kSide - 1);
    at += (bits < 0) & kSide;
    at = bucket < 0 ? Vector{} + static_cast<Type>(kSketchZero) : at;
    at = size < Bits::kInfinity ? at : Vector{} + static_cast<Type>(kSketchZero + 1);
    __builtin_memcpy(places + i, &at, sizeof(at));
  }
}

template <std::uint32_t kStride, typename Place>
[[gnu::always_inline]] inline void CountPlaces(const Place* places, std::uint32_t lanes,
                                               std::uint32_t* counts) {
  if (lanes == kLanes) {
#pragma GCC unroll 16
    for (std::uint32_t i = 0; i < kLanes; ++i) {
      ++counts[i * kStride + places[i]];
    }
    return;
  }
  for (std::uint32_t i = 0; i < lanes; ++i) {
    ++counts[i * kStride + places[i]];
  }
}

template <typename T>
void AddToHistogram(const Bins<T>& bins) {
  const std::uint8_t* row = bins.rows;
  for (std::uint32_t i = 0; i < bins.count; ++i, row += bins.stride) {
    alignas(64) typename BitsOf<T>::Type places[kLanes];
    PlacesInHistogram<T>(row, bins, places);
    CountPlaces<kBinsStride>(places, bins.lanes, bins.counts);
  }
}

template <typename T>
void AddToSketch(const Bins<T>& bins) {
  const std::uint8_t* row = bins.rows;
  for (std::uint32_t i = 0; i < bins.count; ++i, row += bins.stride) {
    alignas(64) typename BitsOf<T>::Type places[kLanes];
    PlacesInSketch<T>(row, places);
    CountPlaces<kSketchStride>(places, bins.lanes, bins.counts);
  }
}

}  // namespace
}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_BINS_INL_H_
