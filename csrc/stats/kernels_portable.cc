// The kernels in vectors of 16 bytes, which every compiler target has or imitates.

#define LEEBOARD_VECTOR_BYTES 16
#include "stats/bins_inl.h"
#include "stats/kernels_inl.h"

namespace leeboard::stats {
namespace {

struct FloatTypes {
  using T = float;
  using Counter = std::uint32_t;
  using Vec = float __attribute__((vector_size(16)));
  using Count = std::uint32_t __attribute__((vector_size(16)));
  using True = std::int32_t __attribute__((vector_size(16)));
};

struct DoubleTypes {
  using T = double;
  using Counter = std::uint64_t;
  using Vec = double __attribute__((vector_size(16)));
  using Count = std::uint64_t __attribute__((vector_size(16)));
  using True = std::int64_t __attribute__((vector_size(16)));
};

template <typename Types>
struct Portable {
  using T = typename Types::T;
  using Counter = typename Types::Counter;
  using Vec = typename Types::Vec;
  using Count = typename Types::Count;
  using True = typename Types::True;
  using Wide = DoubleTypes::Vec;
  static constexpr int kWidth = 16 / sizeof(T);
  static constexpr int kWide = 2;
  static constexpr int kHalves = kWidth / kWide;
  static constexpr int kBytes = 16;

  template <typename To, typename From>
  static To Read(const From* from) {
    To to;
    __builtin_memcpy(&to, from, sizeof(to));
    return to;
  }
  static Vec Load(const std::uint8_t* row) { return Read<Vec>(row); }
  static Vec LoadAligned(const T* from) { return Read<Vec>(from); }
  static Wide LoadWide(const double* from) { return Read<Wide>(from); }
  static Count LoadCount(const Counter* from) { return Read<Count>(from); }
  static void Store(T* to, Vec v) { __builtin_memcpy(to, &v, sizeof(v)); }
  static void StoreWide(double* to, Wide v) { __builtin_memcpy(to, &v, sizeof(v)); }
  static void StoreCount(Counter* to, Count v) { __builtin_memcpy(to, &v, sizeof(v)); }
  static Wide Plus(Wide a, Wide b) { return a + b; }
  static Wide PlusSquare(Wide a, Wide b) { return a + b * b; }
  static Vec Least(Vec v, Vec least) { return v < least ? v : least; }
  static Vec Greatest(Vec v, Vec greatest) { return v > greatest ? v : greatest; }
  static True IsNumber(Vec v) { return v == v; }
  static True IsFinite(Vec v) {
    const Vec zero = v - v;  // NaN for infinities too.
    return zero == zero;
  }
  static True AndNot(True a, True b) { return a & ~b; }
  static Vec NanUnless(True finite, Vec v) { return finite ? v : v - v; }
  static Count CountTrue(Count count, True is) { return count - Read<Count>(&is); }
  static Count CountAtLeast(Count count, Vec v, Vec edge) {
    return CountTrue(count, v >= edge);
  }
  static Wide Deviation(const std::uint8_t* /*row*/, Vec v, True counted, Vec near,
                        int half, Wide shift) {
    const Vec all = counted ? v : near;
    const int first = half * kWide;
    return Wide{static_cast<double>(all[first]), static_cast<double>(all[first + 1])} -
           shift;
  }
  static bool AllFinite(Wide v) {
    const Wide zero = v - v;
    return zero[0] == 0.0 && zero[1] == 0.0;
  }
  static bool Differ(Count a, Count b) {
    bool differ = false;
    for (int i = 0; i < kWidth; ++i) {
      differ = differ || a[i] != b[i];
    }
    return differ;
  }
};

using Floats = Portable<FloatTypes>;
using Doubles = Portable<DoubleTypes>;

template <typename V>
bool Add(const Block<typename V::T>& block) {
  const bool infinite = AddMoments<V, 1, 0>(block);
  CountEdgesFrom<V>(block, 0);
  return infinite;
}

}  // namespace

const Kernels kPortableKernels = {"portable",
                                  Add<Floats>,
                                  Add<Doubles>,
                                  AddToHistogram<float>,
                                  AddToHistogram<double>,
                                  AddToSketch<float>,
                                  AddToSketch<double>};

}  // namespace leeboard::stats
