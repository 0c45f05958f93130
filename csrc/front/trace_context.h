// The header `traceparent` of W3C Trace Context, read and written.
//
// Source: https://www.w3.org/TR/trace-context/#traceparent-header
//
// Thread safety: pure.

#ifndef LEEBOARD_FRONT_TRACE_CONTEXT_H_
#define LEEBOARD_FRONT_TRACE_CONTEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace leeboard::front {

// Whose trace a request belongs to.
struct TraceContext {
  std::uint64_t trace_high = 0;  // The first sixteen digits of trace-id.
  std::uint64_t trace_low = 0;
  std::uint64_t span = 0;  // parent-id: the span that asks.
  bool sampled = false;
};

// False, and `*context` as it was, when it breaks any rule of the header. A version
// that is not known is read as far as version 00 goes.
bool ParseTraceparent(std::string_view header, TraceContext* context);

// What our answer carries: version 00.
std::string WriteTraceparent(const TraceContext& context);

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_TRACE_CONTEXT_H_
