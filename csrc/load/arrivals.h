// When requests of an open loop are due: moments that no server has a say in.
//
// Constant: every 1/rate seconds, computed from the request's number so that rounding
// does not add up. Poisson: independent exponential gaps of mean 1/rate. The same seed
// gives the same moments.
//
// Thread safety: none.

#ifndef LEEBOARD_LOAD_ARRIVALS_H_
#define LEEBOARD_LOAD_ARRIVALS_H_

#include <cmath>
#include <cstdint>
#include <random>

#include "base/clock.h"

namespace leeboard::load {

class Arrivals {
 public:
  // REQUIRES: rate > 0.
  Arrivals(double rate, bool poisson, std::uint64_t seed)
      : gap_ns_(1e9 / rate), poisson_(poisson), random_(seed) {
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
    due_ = at_ns_ < 9e18 ? static_cast<Nanos>(at_ns_) : kNever;
  }

 private:
  double gap_ns_;
  bool poisson_;
  std::mt19937_64 random_;
  std::uint64_t number_ = 0;
  double at_ns_ = 0.0;
  Nanos due_ = 0;
};

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_ARRIVALS_H_
