// So many things a second, some of them at once: a token bucket on the caller's clock.
//
// The rate is handed in with each question: it belongs to a table or to a server's
// limits, of which there is one, while identities and connections, of which there are
// many, have a bucket each.
//
// Thread safety: none.

#ifndef LEEBOARD_BASE_TOKEN_BUCKET_H_
#define LEEBOARD_BASE_TOKEN_BUCKET_H_

#include <algorithm>
#include <limits>

#include "base/clock.h"

namespace leeboard {

struct TokenRate {
  double per_s = 0;
  double burst = 0;  // At most this many at once; below 1, none ever.
};

// A second's worth at once, and at least one. Zero: none ever.
constexpr TokenRate SecondsWorth(double per_s) {
  return {per_s, per_s > 0 ? std::max(per_s, 1.0) : 0.0};
}

class TokenBucket {
 public:
  // Fills what the time since the last question is worth, then takes one. False, and
  // nothing is taken: there is not one beside the `kept`, which are for others. The
  // rate may be another one each time; time that goes back fills nothing.
  [[nodiscard]] bool Take(const TokenRate& rate, Nanos now, double kept = 0) {
    constexpr double kSecond = 1e9;
    const Nanos since = std::max(now - filled_at_, Nanos{0});
    filled_at_ += since;
    const double seconds = static_cast<double>(since) / kSecond;
    tokens_ = std::min(rate.burst, tokens_ + seconds * rate.per_s);
    if (tokens_ < 1 + kept) {
      return false;
    }
    tokens_ -= 1;
    return true;
  }

  // From the last question until there is one to take. REQUIRES: Take said false to
  // this rate, which is above zero.
  [[nodiscard]] double SecondsToNext(const TokenRate& rate) const {
    return (1 - tokens_) / rate.per_s;
  }

 private:
  double tokens_ = std::numeric_limits<double>::infinity();  // Full, whatever the rate.
  Nanos filled_at_ = 0;
};

static_assert(sizeof(TokenBucket) == 16);

}  // namespace leeboard

#endif  // LEEBOARD_BASE_TOKEN_BUCKET_H_
