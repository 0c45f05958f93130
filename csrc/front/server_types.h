// What a server is made from, what it counts, and what it says to the control plane.
//
// Thread safety: values; counters have one writer (the I/O thread) and any readers.

#ifndef LEEBOARD_FRONT_SERVER_TYPES_H_
#define LEEBOARD_FRONT_SERVER_TYPES_H_

#include <cstdint>
#include <string>

#include "base/histogram.h"
#include "http2/connection.h"

namespace leeboard::front {

struct ServerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  http2::Limits limits;
  std::uint32_t max_connections = 4096;
};

struct ServerCounters {
  Counter requests;    // ModelInfer calls with a complete message.
  Counter live_calls;  // Gauge: calls with state of ours.
  Counter unknown_model;
  Counter malformed;  // ModelInfer messages that name no known version or do not parse.
  Counter connections;  // Gauge.
  Counter refused_connections;
};

// Something that the control plane should hear of.
struct Notice {
  enum class Kind : std::uint8_t { kWorkerBroken, kDrained, kGuilty, kRetired };
  Kind kind = Kind::kDrained;
  std::uint64_t id = 0;  // The worker's; Served::id where a version has retired.
  std::string text;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_SERVER_TYPES_H_
