// A number of things a second, with a second's worth at once: a token bucket on the
// caller's clock.
//
// Thread safety: none.

#ifndef LEEBOARD_FRONT_TOKEN_RATE_H_
#define LEEBOARD_FRONT_TOKEN_RATE_H_

#include <algorithm>

#include "base/clock.h"

namespace leeboard::front {

class TokenRate {
 public:
  explicit TokenRate(double per_s) : burst_(std::max(per_s, 1.0)), per_s_(per_s) {
    tokens_ = per_s > 0 ? burst_ : 0;
  }

  // Takes one. False: there is none, or not more than the share `kept` of a second's,
  // which is for others.
  [[nodiscard]] bool Take(Nanos now, double kept = 0) {
    if (now > last_) {
      const double seconds = static_cast<double>(now - last_) * 1e-9;
      tokens_ = std::min(burst_, tokens_ + per_s_ * seconds);
      last_ = now;
    }
    if (tokens_ < 1 + kept * (burst_ - 1)) {
      return false;
    }
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_s_;
  double tokens_ = 0;
  Nanos last_ = 0;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_TOKEN_RATE_H_
