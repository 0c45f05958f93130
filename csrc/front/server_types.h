// What a server is made from, what it counts, and what it says to the control plane.
//
// Thread safety: values; counters have one writer (the I/O thread) and any readers.

#ifndef LEEBOARD_FRONT_SERVER_TYPES_H_
#define LEEBOARD_FRONT_SERVER_TYPES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "batch/watch.h"
#include "front/infer_stream.h"
#include "http2/connection.h"
#include "http2/tls.h"

namespace leeboard::front {

// host:port, or the Unix socket `path` when that is not empty.
struct ListenerOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 0;
  std::string path;
  bool tls = false;  // What ServerOptions::tls or Server::SetTls gave.
};

struct ServerOptions {
  std::string host = "127.0.0.1";  // Of the first listener; TLS when `tls` is set.
  std::uint16_t port = 0;
  std::vector<ListenerOptions> also;
  std::shared_ptr<const http2::TlsContext> tls;
  http2::Limits limits;
  std::uint32_t max_connections = 4096;
  InferStream::Limits streams;
};

// What has watched a version, until it was exchanged.
struct Watched {
  std::uint64_t served = 0;
  std::shared_ptr<batch::Watch> watch;
};

struct ServerCounters {
  Counter requests;    // ModelInfer calls with a complete message.
  Counter live_calls;  // Gauge: calls with state of ours.
  Counter unknown_model;
  Counter malformed;  // ModelInfer messages that name no known version or do not parse.
  Counter connections;  // Gauge.
  Counter refused_connections;
  Counter streams;  // Gauge: calls with many messages.
  Counter tables;   // Route tables that were put in force.
  // For how long the thread did nothing else meanwhile: all of them, and the longest.
  Counter table_ns;
  Counter table_most_ns;  // Gauge.
};

// Something that the control plane should hear of.
struct Notice {
  enum class Kind : std::uint8_t {
    kWorkerBroken,
    kDrained,
    kGuilty,
    kRetired,
    kRefused
  };
  Kind kind = Kind::kDrained;
  // The worker's; Served::id where a version has retired; of refused calls how many
  // more there were that nobody is told of.
  std::uint64_t id = 0;
  std::string text;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_SERVER_TYPES_H_
