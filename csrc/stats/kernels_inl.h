// The kernels, written once over a set of vector operations.
//
// Included by one .cc for each set of instructions, which defines before: Floats and
// Doubles with Load, Count and so on, and kFused. Everything is in an unnamed
// namespace, so that no two sets share a function.

#ifndef LEEBOARD_STATS_KERNELS_INL_H_
#define LEEBOARD_STATS_KERNELS_INL_H_

#include "stats/kernels.h"

namespace leeboard::stats {
namespace {

// Accumulators of N vectors of lanes, in registers. NaN passes by minimum and maximum,
// which keep what they had, and its deviation is made zero. With kAll infinities are
// made NaN first; without it they leave a trace in `squares`, and the rows are taken
// again.
template <typename V, int N>
struct Moments {
  static constexpr int kWides = N * V::kHalves;
  typename V::Wide sum[kWides], squares[kWides], shift[kWides];
  typename V::Vec min[N], max[N], near[N];
  typename V::Count numbers[N], infinite[N];

  [[gnu::always_inline]] void Load(const Group<typename V::T>& group, int lane) {
#pragma GCC unroll 8
    for (int i = 0; i < kWides; ++i) {
      const int at = lane + i * V::kWide;
      shift[i] = V::LoadWide(group.shift.at + at);
      sum[i] = V::LoadWide(group.sum.at + at);
      squares[i] = V::LoadWide(group.squares.at + at);
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) {
      const int at = lane + i * V::kWidth;
      near[i] = V::LoadAligned(group.near.at + at);
      min[i] = V::LoadAligned(group.min.at + at);
      max[i] = V::LoadAligned(group.max.at + at);
      numbers[i] = V::LoadCount(group.numbers.at + at);
      infinite[i] = V::LoadCount(group.infinite.at + at);
    }
  }

  [[gnu::always_inline]] void Store(Group<typename V::T>* group, int lane) const {
#pragma GCC unroll 8
    for (int i = 0; i < kWides; ++i) {
      const int at = lane + i * V::kWide;
      V::StoreWide(group->sum.at + at, sum[i]);
      V::StoreWide(group->squares.at + at, squares[i]);
    }
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) {
      const int at = lane + i * V::kWidth;
      V::Store(group->min.at + at, min[i]);
      V::Store(group->max.at + at, max[i]);
      V::StoreCount(group->numbers.at + at, numbers[i]);
      V::StoreCount(group->infinite.at + at, infinite[i]);
    }
  }

  template <bool kAll>
  [[gnu::always_inline]] void Add(const std::uint8_t* row) {
#pragma GCC unroll 8
    for (int i = 0; i < N; ++i) {
      const std::uint8_t* at = row + i * V::kBytes;
      auto values = V::Load(at);
      auto counted = V::IsNumber(values);
      numbers[i] = V::CountTrue(numbers[i], counted);
      if constexpr (kAll) {
        const auto finite = V::IsFinite(values);
        infinite[i] = V::CountTrue(infinite[i], V::AndNot(counted, finite));
        values = V::NanUnless(finite, values);
        counted = finite;
      }
      min[i] = V::Least(values, min[i]);
      max[i] = V::Greatest(values, max[i]);
#pragma GCC unroll 8
      for (int half = 0; half < V::kHalves; ++half) {
        const int w = i * V::kHalves + half;
        const auto deviation =
            V::Deviation(at, values, counted, near[i], half, shift[w]);
        sum[w] = V::Plus(sum[w], deviation);
        squares[w] = V::PlusSquare(squares[w], deviation);
      }
    }
  }

  [[nodiscard]] bool IsFinite() const {
    bool finite = true;
#pragma GCC unroll 8
    for (int i = 0; i < kWides; ++i) {
      finite = finite && V::AllFinite(squares[i]);
    }
    return finite;
  }
};

// Values at least each of E edges, for one vector of lanes.
template <typename V, int E>
struct Above {
  typename V::Count counts[E > 0 ? E : 1];

  void Load(const Counters<typename V::T>* from, int lane) {
#pragma GCC unroll 16
    for (int e = 0; e < E; ++e) {
      counts[e] = V::LoadCount(from[e].at + lane);
    }
  }

  void Store(Counters<typename V::T>* to, int lane) const {
#pragma GCC unroll 16
    for (int e = 0; e < E; ++e) {
      V::StoreCount(to[e].at + lane, counts[e]);
    }
  }

  [[gnu::always_inline]] void Add(typename V::Vec values,
                                  const Lanes<typename V::T>* edges, int lane) {
#pragma GCC unroll 16
    for (int e = 0; e < E; ++e) {
      counts[e] =
          V::CountAtLeast(counts[e], values, V::LoadAligned(edges[e].at + lane));
    }
  }
};

template <typename V, int E>
[[gnu::noinline]] void CountEdges(const Block<typename V::T>& block,
                                  std::uint32_t first) {
  for (int lane = 0; lane < static_cast<int>(kLanes); lane += V::kWidth) {
    Above<V, E> above{};
    above.Load(block.cumulative + first, lane);
    const std::uint8_t* row = block.rows + lane * sizeof(typename V::T);
    for (std::uint32_t i = 0; i < block.count; ++i, row += block.stride) {
      above.Add(V::Load(row), block.edges + first, lane);
    }
    above.Store(block.cumulative + first, lane);
  }
}

// E edges beside the moments of the whole group: what fits into the registers at once.
template <typename V, int N, int E>
[[gnu::noinline]] bool AddMoments(const Block<typename V::T>& block) {
  bool infinite = false;
  for (int lane = 0; lane < static_cast<int>(kLanes); lane += N * V::kWidth) {
    static_assert(E == 0 || N == 1);
    const std::uint8_t* first = block.rows + lane * sizeof(typename V::T);
    Moments<V, N> moments{};
    Above<V, E> above{};
    moments.Load(*block.group, lane);
    above.Load(block.cumulative, lane);
    const std::uint8_t* row = first;
    for (std::uint32_t i = 0; i < block.count; ++i, row += block.stride) {
      __builtin_prefetch(row + block.ahead);
      moments.template Add<false>(row);
      above.Add(V::Load(row), block.edges, lane);
    }
    above.Store(block.cumulative, lane);
    if (!moments.IsFinite()) [[unlikely]] {
      moments.Load(*block.group, lane);
      const auto before = moments;
      row = first;
      for (std::uint32_t i = 0; i < block.count; ++i, row += block.stride) {
        moments.template Add<true>(row);
      }
      for (int i = 0; i < N; ++i) {
        infinite = infinite || V::Differ(before.infinite[i], moments.infinite[i]);
      }
    }
    moments.Store(block.group, lane);
  }
  return infinite;
}

template <typename V>
void CountEdgesFrom(const Block<typename V::T>& block, std::uint32_t first) {
  using Count = void (*)(const Block<typename V::T>&, std::uint32_t);
  static constexpr Count kCounts[] = {
      nullptr,          CountEdges<V, 1>, CountEdges<V, 2>,  CountEdges<V, 3>,
      CountEdges<V, 4>, CountEdges<V, 5>, CountEdges<V, 6>,  CountEdges<V, 7>,
      CountEdges<V, 8>, CountEdges<V, 9>, CountEdges<V, 10>, CountEdges<V, 11>,
      CountEdges<V, 12>};
  while (first < block.edge_count) {
    const std::uint32_t left = block.edge_count - first;
    const std::uint32_t most = left <= 12 ? left : (left <= 24 ? (left + 1) / 2 : 12);
    kCounts[most](block, first);
    first += most;
  }
}

}  // namespace
}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_KERNELS_INL_H_
