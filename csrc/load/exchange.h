// One request on its way and what came back: the generator's side of a gRPC call.
//
// Thread safety: none.

#ifndef LEEBOARD_LOAD_EXCHANGE_H_
#define LEEBOARD_LOAD_EXCHANGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace leeboard::load {

// gRPC codes as they travel; servers may send all of them.
inline constexpr int kStatusOk = 0;
inline constexpr int kStatusCancelled = 1;
inline constexpr int kStatusUnknown = 2;
inline constexpr int kStatusDeadlineExceeded = 4;
inline constexpr int kStatusPermissionDenied = 7;
inline constexpr int kStatusResourceExhausted = 8;
inline constexpr int kStatusUnimplemented = 12;
inline constexpr int kStatusInternal = 13;
inline constexpr int kStatusUnavailable = 14;
inline constexpr int kStatusUnauthenticated = 16;
inline constexpr int kHighestStatus = 16;

class Connection;

// How an exchange ended. `text` is grpc-message, or the client's own words.
struct Outcome {
  int status = kStatusOk;
  std::string text;
  // The server has not looked at it: it may be asked again without harm.
  bool refused = false;
};

struct Exchange {
  // Of the generator.
  std::size_t message = 0;  // Which of the prepared messages.
  Nanos due = 0;            // When it should have left.
  Nanos sent = 0;           // When it first did.
  int attempts = 0;
  Exchange* older = nullptr;  // In the order of sending, for time limits.
  Exchange* newer = nullptr;

  // Of the connection that carries it.
  Connection* connection = nullptr;
  std::int32_t stream = 0;
  std::uint32_t live_index = 0;
  std::span<const std::uint8_t> request;  // Must outlive the exchange.
  std::size_t request_at = 0;             // Of the 5-byte prefix and the request.
  bool keeps_reply = false;
  int http_status = 0;
  int grpc_status = -1;  // Not yet known.
  std::string grpc_message;
  std::array<std::uint8_t, 5> prefix{};
  std::size_t prefix_have = 0;
  std::uint64_t received = 0;  // Bytes behind the prefix, whatever it says.
  std::string reply;           // Filled when keeps_reply.

  // Ready for another request; what was allocated stays.
  void Clear();
  // Takes bytes of the answer's body.
  void OnBody(std::span<const std::uint8_t> bytes);
  void OnHeader(std::string_view name, std::string_view value);
  // What it came to, once the stream has closed with this HTTP/2 error code.
  [[nodiscard]] Outcome Conclude(std::uint32_t error_code) const;
};

// "%41b" -> "Ab"; what is no escape stays as it is.
std::string PercentDecode(std::string_view text);

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_EXCHANGE_H_
