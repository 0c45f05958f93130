// What is kept of a request that is traced or was slow, and what is told of it at its
// end.
//
// Thread safety: values.

#ifndef LEEBOARD_FRONT_TRACE_RECORD_H_
#define LEEBOARD_FRONT_TRACE_RECORD_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/code.h"

namespace leeboard::front {

// A request while it is under way: one of a call, or of each message of a stream.
struct Trace {
  Nanos arrived = 0;   // Its headers, or the head of its message in a stream.
  Nanos complete = 0;  // The last byte of its message; 0: it never came.
  Nanos queued = 0;    // It was handed to its queue; 0: it was not.
  std::uint64_t trace_high = 0;
  std::uint64_t trace_low = 0;
  std::uint64_t parent = 0;  // The caller's span; 0: the trace begins here.
  std::uint64_t span = 0;    // Ours.
  bool sampled = false;      // Without it the ids mean nothing.
  bool streamed = false;     // A message of ModelStreamInfer; set it after Begin.
};

// How it ended. Everything points into the call and its request.
struct TraceEnd {
  Code code = Code::kOk;
  std::string_view model;  // Empty where the request did not even say.
  std::string_view version;
  std::string_view route = "stable";
  std::string_view request_id;
  std::string_view traceparent;  // As the caller sent it, for requests without a span.
  std::string_view tracestate;
  bool was_claimed = false;  // A worker has had it.
  Nanos claimed = 0;         // The worker's word, as the next two; 0: it said nothing.
  Nanos run_began = 0;
  Nanos run_ended = 0;
  std::uint32_t rows = 0;
  std::uint32_t batch_rows = 0;
};

// A request that is over. Times are in order, and 0 where that did not happen.
struct TraceRecord {
  Trace trace;
  Nanos claimed = 0;
  Nanos run_began = 0;
  Nanos run_ended = 0;
  Nanos replied = 0;  // Its end was handed to the connection.
  bool slow = false;
  bool was_claimed = false;
  Code code = Code::kOk;
  std::uint32_t rows = 0;
  std::uint32_t batch_rows = 0;
  std::string model;
  std::string version;
  std::string route;
  std::string request_id;
  std::string tracestate;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_TRACE_RECORD_H_
