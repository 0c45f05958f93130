// When requests of an open loop are due: moments that no server has a say in.
//
// Constant: every 1/rate seconds, computed from the request's number so that rounding
// does not add up. Poisson: independent exponential gaps of mean 1/rate. The same seed
// gives the same moments.
//
// Invariant: due() never decreases, and a moment can be added to a clock's reading
// without overflow.
//
// Thread safety: none.

#ifndef LEEBOARD_LOAD_ARRIVALS_H_
#define LEEBOARD_LOAD_ARRIVALS_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>

#include "base/clock.h"

namespace leeboard::load {

class Arrivals {
 public:
  // A rate above one in a nanosecond counts as that. REQUIRES: rate > 0.
  Arrivals(double rate, bool poisson, std::uint64_t seed)
      : gap_ns_(std::max(1e9 / rate, 1.0)), poisson_(poisson), random_(seed) {
    Advance();
  }

  // The next request's moment, in nanoseconds after the start.
  [[nodiscard]] Nanos due() const { return due_; }

  void Advance() {
    if (poisson_) {
      // 53 random bits, never 0: the logarithm is finite.
      const double u = (static_cast<double>(random_() >> 11U) + 1.0) * 0x1p-53;
      at_ns_ -= std::log(u) * gap_ns_;
    } else {
      at_ns_ = static_cast<double>(number_++) * gap_ns_;
    }
    due_ = at_ns_ < static_cast<double>(kFar) ? static_cast<Nanos>(at_ns_) : kFar;
  }

  // Passes over the moments before `until` and returns how many they were. Of a Poisson
  // process with very many, the number is drawn instead of the moments: walking through
  // what could not be sent would take longer than the run did.
  std::uint64_t Skip(Nanos until) {
    std::uint64_t passed = 0;
    for (; due_ < until && passed < kWalked; ++passed) {
      Advance();
    }
    if (due_ >= until) {
      return passed;
    }
    return passed + (poisson_ ? DrawUntil(until) : ComputeUntil(until));
  }

 private:
  static constexpr Nanos kFar = Nanos{1} << 62;  // A century and a half.
  static constexpr std::uint64_t kWalked = 1u << 20;

  // REQUIRES: due_ < until.
  std::uint64_t DrawUntil(Nanos until) {
    const double mean = (static_cast<double>(until) - at_ns_) / gap_ns_;
    std::normal_distribution<double> normal(mean, std::sqrt(mean));
    const double drawn = std::max(normal(random_), 0.0);
    at_ns_ = static_cast<double>(until);
    Advance();
    return 1 + static_cast<std::uint64_t>(drawn);
  }

  // REQUIRES: due_ < until.
  std::uint64_t ComputeUntil(Nanos until) {
    const std::uint64_t from = number_ - 1;
    auto to = static_cast<std::uint64_t>(static_cast<double>(until) / gap_ns_);
    to = std::max(to, number_) - 1;
    while (static_cast<Nanos>(static_cast<double>(to) * gap_ns_) < until) {
      ++to;
    }
    number_ = to;
    Advance();
    return to - from;
  }

  double gap_ns_;
  bool poisson_;
  std::mt19937_64 random_;
  std::uint64_t number_ = 0;
  double at_ns_ = 0.0;
  Nanos due_ = 0;
};

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_ARRIVALS_H_
