// Counts of values in fixed buckets, as Prometheus shows them.
//
// Thread safety: one writer (the I/O thread), any number of readers. Counters are
// relaxed; a reader may see a value in `count` a moment before its bucket.

#ifndef LEEBOARD_BASE_HISTOGRAM_H_
#define LEEBOARD_BASE_HISTOGRAM_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace leeboard {

// A counter with one writer: a plain load and store instead of a locked instruction.
class Counter {
 public:
  void Add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void Subtract(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  void Set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const {
    return value_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Upper bounds of latency buckets, in nanoseconds; the last bucket is open.
inline constexpr std::array<std::uint64_t, 18> kLatencyBoundsNs = {
    50'000,        100'000,        200'000,       500'000,       1'000'000,
    2'000'000,     5'000'000,      10'000'000,    20'000'000,    50'000'000,
    100'000'000,   200'000'000,    500'000'000,   1'000'000'000, 2'000'000'000,
    5'000'000'000, 10'000'000'000, 30'000'000'000};
inline constexpr std::array<std::uint64_t, 11> kRowBounds = {1,  2,   4,   8,   16,  32,
                                                             64, 128, 256, 512, 1024};

template <std::size_t N>
class Histogram {
 public:
  explicit Histogram(const std::array<std::uint64_t, N>& bounds) : bounds_(bounds) {}

  void Add(std::uint64_t value) {
    std::size_t at = 0;
    while (at < N && value > bounds_[at]) {
      ++at;
    }
    buckets_[at].Add();
    sum_.Add(value);
  }

  [[nodiscard]] std::span<const std::uint64_t> bounds() const { return bounds_; }
  // Of values in (bound[i-1], bound[i]]; i == N is the open bucket.
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return buckets_[i].get(); }
  [[nodiscard]] std::uint64_t sum() const { return sum_.get(); }

 private:
  const std::array<std::uint64_t, N>& bounds_;
  std::array<Counter, N + 1> buckets_;
  Counter sum_;
};

using LatencyHistogram = Histogram<kLatencyBoundsNs.size()>;
using RowHistogram = Histogram<kRowBounds.size()>;

}  // namespace leeboard

#endif  // LEEBOARD_BASE_HISTOGRAM_H_
