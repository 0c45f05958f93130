// A restatement of what a profile counts, value by value and in two passes, and data to
// hold kernels against it.

#ifndef LEEBOARD_TESTS_NATIVE_STATS_PLAIN_H_
#define LEEBOARD_TESTS_NATIVE_STATS_PLAIN_H_

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "stats/tensor_profile.h"

namespace leeboard::stats {

// Lowers the instructions of profiles that are made while it lives.
class Simd {
 public:
  explicit Simd(const char* name) { setenv("LEEBOARD_SIMD", name, 1); }
  ~Simd() { unsetenv("LEEBOARD_SIMD"); }
  Simd(const Simd&) = delete;
  Simd& operator=(const Simd&) = delete;
};

inline const std::vector<const char*>& SimdNames() {
  static const std::vector<const char*> names = {"portable", "avx2", "avx512"};
  return names;
}

inline std::unique_ptr<TensorProfile> Make(const ProfileOptions& options) {
  std::unique_ptr<TensorProfile> profile;
  const Status status = TensorProfile::Create(options, &profile);
  EXPECT_TRUE(status.ok()) << status.message();
  return profile;
}

// One feature's values, as a person would count them.
struct Plain {
  std::uint64_t count = 0, nan = 0, positive = 0, negative = 0, below = 0, above = 0;
  double mean = 0.0, m2 = 0.0;
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  std::vector<std::uint64_t> cumulative, histogram;
};

// REQUIRES: `values` are rows x features; T is how the kernel computes bins.
template <typename T>
Plain CountPlainly(const std::vector<T>& values, const ProfileOptions& options,
                   std::uint32_t f) {
  Plain plain;
  plain.cumulative.assign(options.edge_count, 0);
  plain.histogram.assign(options.histogram_low.empty() ? 0 : kHistogramBins, 0);
  long double sum = 0.0L;
  for (std::size_t at = f; at < values.size(); at += options.features) {
    const T value = values[at];
    if (std::isnan(value)) {
      ++plain.nan;
    } else if (std::isinf(value)) {
      ++(value > 0 ? plain.positive : plain.negative);
    } else {
      const auto wide = static_cast<double>(value);
      ++plain.count;
      sum += wide;
      plain.min = std::min(plain.min, wide);
      plain.max = std::max(plain.max, wide);
      for (std::uint32_t e = 0; e < options.edge_count; ++e) {
        plain.cumulative[e] +=
            wide >= options.edges[f * options.edge_count + e] ? 1 : 0;
      }
      if (!options.low.empty()) {
        plain.below += wide < options.low[f] ? 1 : 0;
        plain.above += wide > options.high[f] ? 1 : 0;
      }
      if (!options.histogram_low.empty()) {
        const T per_unit = static_cast<T>(
            kHistogramBins / (options.histogram_high[f] - options.histogram_low[f]));
        T place = (value - static_cast<T>(options.histogram_low[f])) * per_unit;
        place = std::min(std::max(place, T{0}), T{kHistogramBins - 1});
        ++plain.histogram[static_cast<std::size_t>(place)];
      }
    }
  }
  plain.mean = plain.count == 0 ? 0.0 : static_cast<double>(sum / plain.count);
  long double squares = 0.0L;
  for (std::size_t at = f; at < values.size(); at += options.features) {
    if (std::isfinite(values[at])) {
      const long double d = static_cast<long double>(values[at]) - sum / plain.count;
      squares += d * d;
    }
  }
  plain.m2 = static_cast<double>(squares);
  return plain;
}

template <typename T>
const std::uint8_t* BytesOf(const std::vector<T>& values) {
  return reinterpret_cast<const std::uint8_t*>(values.data());
}

// Both have counted the same; moments agree to `tolerance` of their size.
inline void ExpectSame(const TensorProfile& a, const TensorProfile& b,
                       double tolerance) {
  EXPECT_EQ(a.rows(), b.rows());
  const auto counts = [](std::span<const std::uint64_t> of) {
    return std::vector<std::uint64_t>(of.begin(), of.end());
  };
  EXPECT_EQ(counts(a.counts()), counts(b.counts()));
  EXPECT_EQ(counts(a.nan()), counts(b.nan()));
  EXPECT_EQ(counts(a.positive_infinities()), counts(b.positive_infinities()));
  EXPECT_EQ(counts(a.negative_infinities()), counts(b.negative_infinities()));
  EXPECT_EQ(counts(a.below()), counts(b.below()));
  EXPECT_EQ(counts(a.above()), counts(b.above()));
  EXPECT_EQ(counts(a.cumulative()), counts(b.cumulative()));
  EXPECT_EQ(counts(a.histogram()), counts(b.histogram()));
  for (std::uint32_t f = 0; f < a.options().features; ++f) {
    EXPECT_EQ(a.min()[f], b.min()[f]);
    EXPECT_EQ(a.max()[f], b.max()[f]);
    const double m2 = b.m2()[f];
    const double deviation =
        b.counts()[f] == 0 ? 0.0 : std::sqrt(m2 / static_cast<double>(b.counts()[f]));
    EXPECT_NEAR(a.mean()[f], b.mean()[f],
                tolerance * (std::abs(b.mean()[f]) + deviation));
    EXPECT_NEAR(a.m2()[f], m2, tolerance * m2);
    for (const double q : {0.0, 0.01, 0.5, 0.99, 1.0}) {
      const double of_a = a.quantile(f, q);
      EXPECT_TRUE(of_a == b.quantile(f, q) || std::isnan(of_a));
    }
  }
}

}  // namespace leeboard::stats

#endif  // LEEBOARD_TESTS_NATIVE_STATS_PLAIN_H_
