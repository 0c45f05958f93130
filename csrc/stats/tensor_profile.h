// What the rows of one tensor look like: counts, moments and sketches of every feature.
//
// Rows are row-major and packed; a feature is one place in a row. NaN and infinities
// are counted apart and enter nothing else. Values are compared and summed as doubles
// or as floats that hold them exactly; only 64-bit integers beyond 2^53 are rounded, to
// the nearest double, before anything but categories is counted.
//
// However rows are cut into batches, ordered and merged: counts are equal, mean and m2
// agree to 1e-9 of the deviation and of m2 (they are sums of doubles around a value of
// the data). Finite doubles beyond 1e150 may turn m2 into infinity. Top categories are
// exact while a feature has at most kCategories other values than the known ones, and
// lower bounds beyond that.
//
// State per feature: 44 + 8 x edges bytes for kinds that fit into a float, 64 + 16 x
// edges for others, in groups of 16 features; 64 + 16 x edges of what is closed; beside
// that 780 for a histogram, 16 KiB for quantiles, 14 KiB for categories.
//
// Thread safety: none, not even of readers, which settle what is open.

#ifndef LEEBOARD_STATS_TENSOR_PROFILE_H_
#define LEEBOARD_STATS_TENSOR_PROFILE_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "stats/kind.h"

namespace leeboard::stats {

inline constexpr std::uint32_t kMaxFeatures = 1U << 20;
inline constexpr std::uint32_t kMaxEdges = 32;
inline constexpr std::uint32_t kHistogramBins = 64;
inline constexpr std::uint32_t kCategories = 128;
// What Create and Parse refuse to exceed.
inline constexpr std::uint64_t kMaxStateBytes = 1ULL << 30;

struct ProfileOptions {
  Kind kind = Kind::kFloat32;
  std::uint32_t features = 0;     // Values in a row.
  std::vector<double> edges;      // features x edge_count, ascending; may repeat.
  std::uint32_t edge_count = 0;   // At most kMaxEdges; 0: no cumulative counts.
  std::vector<double> low, high;  // Valid range per feature; empty: none.
  std::vector<double> histogram_low, histogram_high;  // Per feature; empty: none.
  bool quantiles = false;
  bool categories = false;  // Whole numbers and bool only.
  // Values that are always counted exactly, as two's complement: per feature at most
  // kCategories; empty: none. Needs `categories`.
  std::vector<std::vector<std::uint64_t>> known;

  bool operator==(const ProfileOptions&) const = default;
};

struct Category {
  std::uint64_t value = 0;  // Two's complement for signed kinds.
  std::uint64_t count = 0;  // Exact, or a lower bound (see Categories::error).
  bool is_known = false;

  bool operator==(const Category&) const = default;
};

struct Categories {
  std::vector<Category> top;  // By count, then by value.
  std::uint64_t rest = 0;     // Values that are in no count of `top`.
  std::uint64_t error = 0;    // The most by which a count of an unknown value is short.
};

struct ProfileState;

class TensorProfile {
 public:
  // INVALID_ARGUMENT says what is wrong with the options.
  static Status Create(ProfileOptions options, std::unique_ptr<TensorProfile>* out);
  ~TensorProfile();
  TensorProfile(const TensorProfile&) = delete;
  TensorProfile& operator=(const TensorProfile&) = delete;

  // Adds `count` packed rows of any alignment. Allocates nothing.
  // REQUIRES: rows points at count x features values, or count == 0.
  void Add(const std::uint8_t* rows, std::uint64_t count);
  // Returns an empty profile with the same options.
  [[nodiscard]] std::unique_ptr<TensorProfile> Fresh() const;
  // INVALID_ARGUMENT when the options differ; then nothing is changed.
  Status Merge(const TensorProfile& other);
  // Appends to `out`. The bytes hold a version and a checksum.
  void Serialise(std::string* out) const;
  // Safe on any bytes; INVALID_ARGUMENT says what is wrong with them.
  static Status Parse(std::span<const std::uint8_t> bytes,
                      std::unique_ptr<TensorProfile>* out);

  [[nodiscard]] const ProfileOptions& options() const;
  [[nodiscard]] std::uint64_t rows() const;
  [[nodiscard]] std::uint64_t state_bytes() const;
  // The instructions in use: "portable", "avx2" or "avx512".
  [[nodiscard]] const char* simd() const;

  // One entry per feature. Of finite values: counts, moments (mean and m2 are 0, min is
  // infinity and max minus infinity while there is none).
  [[nodiscard]] std::span<const std::uint64_t> counts() const;
  [[nodiscard]] std::span<const double> mean() const;
  [[nodiscard]] std::span<const double> m2() const;  // Sum of squares about the mean.
  [[nodiscard]] std::span<const double> min() const;
  [[nodiscard]] std::span<const double> max() const;
  [[nodiscard]] std::span<const std::uint64_t> nan() const;
  [[nodiscard]] std::span<const std::uint64_t> positive_infinities() const;
  [[nodiscard]] std::span<const std::uint64_t> negative_infinities() const;
  // Finite values below and above the valid range; empty without one.
  [[nodiscard]] std::span<const std::uint64_t> below() const;
  [[nodiscard]] std::span<const std::uint64_t> above() const;
  // features x edge_count: finite values that are at least the edge.
  [[nodiscard]] std::span<const std::uint64_t> cumulative() const;
  // features x kHistogramBins of equal width; the first and last also take what is
  // outside. Empty without a histogram.
  [[nodiscard]] std::span<const std::uint64_t> histogram() const;
  // The value with a share `q` of the finite values at or below it, to 1.6 % of itself
  // where its size is within 2^-30 and 2^34. NaN without values or `quantiles`.
  [[nodiscard]] double quantile(std::uint32_t feature, double q) const;
  [[nodiscard]] Categories categories(std::uint32_t feature) const;
  // How many different values there were, to about 1.6 %; 0 without `categories`.
  [[nodiscard]] double distinct(std::uint32_t feature) const;

 private:
  explicit TensorProfile(std::unique_ptr<ProfileState> state);

  // Readers close what is open; the numbers that they see do not change by it.
  std::unique_ptr<ProfileState> state_;
};

}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_TENSOR_PROFILE_H_
