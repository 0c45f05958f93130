// How many rows may be watched: so many values a second, and a share of the rows where
// there are more.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_BATCH_THINNER_H_
#define LEEBOARD_BATCH_THINNER_H_

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace leeboard::batch {

class Thinner {
 public:
  static constexpr std::uint32_t kMostHalvings = 16;

  explicit Thinner(double values_per_s) : per_s_(values_per_s) {}

  // Whether the next request is watched: by a hash of its place in the stream, so that
  // no rhythm of clients decides. Requests are kept with a chance of 1 to 2^halvings().
  [[nodiscard]] bool Keeps() {
    // SplitMix64 (Steele, Lea, Flood, 2014) of a counter.
    std::uint64_t x = ++place_ * 0x9E3779B97F4A7C15ULL;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    x ^= x >> 31;
    return halvings_ == 0 || x >> (64 - halvings_) == 0;
  }

  // Takes note of what watching a batch has cost, at `now`.
  void Spend(std::uint64_t values, Nanos now) {
    constexpr Nanos kStep = 10'000'000;
    constexpr double kSecond = 1e9;
    const double most = per_s_ / 10;
    left_ -= static_cast<double>(values);
    if (now - looked_at_ < kStep) {
      return;
    }
    const double seconds =
        static_cast<double>(std::min<Nanos>(now - looked_at_, kSecondNs)) / kSecond;
    looked_at_ = now;
    left_ = std::clamp(left_ + seconds * per_s_, -most, most);
    if (left_ < 0) {
      halvings_ = std::min(halvings_ + 1, kMostHalvings);
    } else if (left_ >= most / 2 && halvings_ > 0) {
      --halvings_;
    }
  }

  [[nodiscard]] std::uint32_t halvings() const { return halvings_; }

 private:
  static constexpr Nanos kSecondNs = 1'000'000'000;

  double per_s_;
  double left_ = 0;
  Nanos looked_at_ = 0;
  std::uint64_t place_ = 0;
  std::uint32_t halvings_ = 0;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_THINNER_H_
