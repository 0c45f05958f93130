// The loops over values, once for each set of instructions.
//
// A group is 16 features that lie side by side in a row; vector lanes are features, so
// rows are read as they came and no two lanes touch the same counter. Kernels take one
// group of one block of rows. They keep what is open in the group's state;
// tensor_profile closes it into doubles and 64-bit counters. All sets of instructions
// make the same counts.
//
// This header is compiled with the flags of each set: it must not define functions, nor
// include what does, or the linker might keep the copy that other machines cannot run.
//
// Thread safety: as safe as the state that they are given.

#ifndef LEEBOARD_STATS_KERNELS_H_
#define LEEBOARD_STATS_KERNELS_H_

#include <cstddef>
#include <cstdint>

namespace leeboard::stats {

inline constexpr std::uint32_t kLanes = 16;
// Rows that one call may take, and after which moments are closed.
inline constexpr std::uint32_t kBlockRows = 128;
// Edges beside those of the options: the two ends of the valid range.
inline constexpr std::uint32_t kRangeEdges = 2;

// Counters of the open state: as wide as the values, so that a comparison's mask can be
// subtracted from them. They are closed long before the narrow ones are full.
template <typename T>
struct CounterOf;
template <>
struct CounterOf<float> {
  using Type = std::uint32_t;
};
template <>
struct CounterOf<double> {
  using Type = std::uint64_t;
};

template <typename T>
struct alignas(64) Lanes {
  T at[kLanes];
};
template <typename T>
using Counters = Lanes<typename CounterOf<T>::Type>;

template <typename T>
struct Group {
  Lanes<double> shift;  // Moments are of the differences to this value of the data.
  Lanes<T> near;        // The same number.
  Lanes<double> sum;
  Lanes<double> squares;
  Lanes<T> min;
  Lanes<T> max;
  Counters<T> numbers;   // All but NaN.
  Counters<T> infinite;  // Of both signs together.
};

// One group of one block. `rows` points at the first feature in the first row; all 16
// lanes are there to be read, `stride` bytes apart, of any alignment.
template <typename T>
struct Block {
  const std::uint8_t* rows;
  std::size_t stride;
  std::size_t ahead;    // Bytes to what will be read next, or 0.
  std::uint32_t count;  // 1 to kBlockRows.
  const Lanes<T>* edges;
  std::uint32_t edge_count;
  Group<T>* group;
  Counters<T>* cumulative;  // edge_count of them; infinity counts as above all edges.
};

// Where values go that are no bins: not finite ones.
template <typename T>
struct Bins {
  const std::uint8_t* rows;
  std::size_t stride;
  std::uint32_t count;
  std::uint32_t lanes;  // How many of the 16 have a place in `counts`.
  const Lanes<T>* low;  // Histogram only: the first bin's start and bins per unit.
  const Lanes<T>* per_unit;
  std::uint32_t* counts;  // Of the group's first feature; others follow.
};

inline constexpr std::uint32_t kBins = 64;
inline constexpr std::uint32_t kBinsStride = kBins + 1;  // The last is not finite.

// The sketch: 32 buckets in each power of two from 2^-30 to 2^34, for each sign, then
// one for values nearer to zero, and one for those that are not finite.
inline constexpr std::uint32_t kSketchPerOctave = 32;
inline constexpr std::int32_t kSketchLowest = -30;
inline constexpr std::uint32_t kSketchSide = 64 * kSketchPerOctave;
inline constexpr std::uint32_t kSketchZero = 2 * kSketchSide;
inline constexpr std::uint32_t kSketchStride = kSketchZero + 2;

struct Kernels {
  const char* name;
  // Moments and cumulative counts; true when there was an infinity, which the caller
  // then takes out of `cumulative`.
  bool (*add_floats)(const Block<float>& block);
  bool (*add_doubles)(const Block<double>& block);
  void (*bin_floats)(const Bins<float>& bins);
  void (*bin_doubles)(const Bins<double>& bins);
  void (*sketch_floats)(const Bins<float>& bins);
  void (*sketch_doubles)(const Bins<double>& bins);
};

extern const Kernels kPortableKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvx512Kernels;
#endif

// The best that this machine has and LEEBOARD_SIMD (portable, avx2 or avx512) allows.
const Kernels& ChooseKernels();

}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_KERNELS_H_
