// When a connection is pinged, drained and closed because of time alone: nothing heard,
// nothing asked, or old age. Pure: time and what was seen come in, a step comes out.
//
// A drain is GOAWAY without a limit, at the next look the final GOAWAY, then the end as
// soon as no call is left, or when the grace is over.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_LIFETIME_H_
#define LEEBOARD_HTTP2_LIFETIME_H_

#include <cstdint>

#include "base/clock.h"

namespace leeboard::http2 {

// A time of 0 never comes; a grace of 0 is none.
struct LifetimeLimits {
  // Silent for `keepalive_time`: PING. Still silent after `keepalive_timeout`: closed.
  Nanos keepalive_time = 60'000'000'000;
  Nanos keepalive_timeout = 20'000'000'000;
  // Each connection's own age is up to a tenth more or less, so that those that came
  // together do not leave together.
  Nanos max_age = 0;
  Nanos max_idle = 0;                  // Without a call.
  Nanos drain_grace = 60'000'000'000;  // For the calls of a connection that drains.
};

class Lifetime {
 public:
  enum class Step : std::uint8_t { kNone, kPing, kDrain, kClose, kCloseSilent };

  struct Seen {
    bool heard = false;  // Bytes came, or went to a socket that had been full.
    std::uint32_t open_calls = 0;
    std::int32_t newest_stream = 0;  // The last one that the client opened.
  };

  // `jitter` is any number; it chooses this connection's share of the tenth.
  Lifetime(const LifetimeLimits& limits, std::uint64_t jitter);

  // What to do at `now`; to be asked about once a second.
  Step Look(Nanos now, const Seen& seen);

 private:
  Step Drain(Nanos now, const Seen& seen);

  LifetimeLimits limits_;
  Nanos max_age_ = 0;
  Nanos born_at_ = 0;
  Nanos heard_at_ = 0;
  Nanos pinged_at_ = 0;  // 0: no PING is out.
  Nanos busy_at_ = 0;
  Nanos drain_at_ = 0;  // 0: not draining.
  int drain_looks_ = 0;
  std::int32_t newest_stream_ = 0;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_LIFETIME_H_
