// How many useless streams a connection may reset: a token bucket on the caller's
// clock.
//
// nghttp2's own limit counts every reset, and so closes the connections of innocent
// clients whose deadlines expire. This one is asked only about streams that did no
// work.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_RESET_BUCKET_H_
#define LEEBOARD_HTTP2_RESET_BUCKET_H_

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace leeboard::http2 {

class ResetBucket {
 public:
  ResetBucket(std::uint64_t burst, std::uint64_t per_s)
      : burst_(static_cast<double>(burst)),
        per_ns_(static_cast<double>(per_s) / 1e9),
        tokens_(burst_) {}

  // Takes one token. False: none is left, the client has gone too far.
  [[nodiscard]] bool Take(Nanos now) {
    if (now > last_) {
      tokens_ = std::min(burst_, tokens_ + per_ns_ * static_cast<double>(now - last_));
      last_ = now;
    }
    if (tokens_ < 1) {
      return false;
    }
    tokens_ -= 1;
    return true;
  }

 private:
  double burst_;
  double per_ns_;
  double tokens_;
  Nanos last_ = 0;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_RESET_BUCKET_H_
