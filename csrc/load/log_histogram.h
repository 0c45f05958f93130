// Counts of durations over the whole range of 63 bits, each known to better than 1 %.
//
// Values up to 255 have a bucket each; above, every power of two is cut into 128 equal
// parts, so a bucket is at most 1/128 of its values wide and its middle is at most
// 0.4 % away from them. (The layout is that of G. Tene's HdrHistogram with two
// significant digits.)
//
// Invariant: count() is the sum of all buckets.
//
// Thread safety: none.

#ifndef LEEBOARD_LOAD_LOG_HISTOGRAM_H_
#define LEEBOARD_LOAD_LOG_HISTOGRAM_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace leeboard::load {

class LogHistogram {
 public:
  static constexpr int kPartBits = 7;
  static constexpr std::size_t kParts = std::size_t{1} << kPartBits;
  static constexpr std::size_t kBuckets = (63 - kPartBits + 1) * kParts;

  // Negative values count as 0.
  void Add(std::int64_t value) {
    value = std::max<std::int64_t>(value, 0);
    ++buckets_[IndexOf(static_cast<std::uint64_t>(value))];
    ++count_;
    sum_ += static_cast<double>(value);
    min_ = std::min(min_, value);
    max_ = std::max(max_, value);
  }

  void Clear() { *this = LogHistogram(); }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Exact; 0 without values.
  [[nodiscard]] std::int64_t min() const { return count_ == 0 ? 0 : min_; }
  [[nodiscard]] std::int64_t max() const { return max_; }
  [[nodiscard]] double mean() const {
    return count_ == 0 ? 0.0 : sum_ / static_cast<double>(count_);
  }

  // The smallest value that `share` of all values do not pass (nearest rank), as the
  // middle of its bucket, never outside min() and max(). 0 without values.
  [[nodiscard]] double Quantile(double share) const {
    if (count_ == 0) {
      return 0.0;
    }
    const auto rank = std::clamp<std::uint64_t>(
        static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_))), 1,
        count_);
    std::uint64_t seen = 0;
    std::size_t at = 0;
    while ((seen += buckets_[at]) < rank) {
      ++at;
    }
    const double middle =
        (static_cast<double>(LowOf(at)) + static_cast<double>(HighOf(at))) / 2;
    return std::clamp(middle, static_cast<double>(min_), static_cast<double>(max_));
  }

  // Values in bucket `i`, which holds LowOf(i) to HighOf(i), both included.
  [[nodiscard]] std::uint64_t bucket(std::size_t i) const { return buckets_[i]; }

  static std::size_t IndexOf(std::uint64_t value) {
    const int above =
        static_cast<int>(std::bit_width(value | (kParts - 1))) - kPartBits;
    return (static_cast<std::size_t>(above) << kPartBits) +
           static_cast<std::size_t>(value >>
                                    static_cast<unsigned>(std::max(above - 1, 0))) -
           (above > 0 ? kParts : 0);
  }
  static std::uint64_t LowOf(std::size_t index) {
    const std::size_t above = index >> kPartBits;
    const std::uint64_t part = index & (kParts - 1);
    return above == 0 ? part : (part + kParts) << (above - 1);
  }
  static std::uint64_t HighOf(std::size_t index) {
    const std::size_t above = index >> kPartBits;
    return LowOf(index) + (above <= 1 ? 0 : (std::uint64_t{1} << (above - 1)) - 1);
  }

 private:
  std::array<std::uint64_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  double sum_ = 0.0;
  std::int64_t min_ = INT64_MAX;
  std::int64_t max_ = 0;
};

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_LOG_HISTOGRAM_H_
