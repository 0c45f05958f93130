// The values of gRPC's HTTP/2 headers: reading and writing, no state.
//
// Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
//
// Thread safety: pure functions.

#ifndef LEEBOARD_HTTP2_GRPC_HEADERS_H_
#define LEEBOARD_HTTP2_GRPC_HEADERS_H_

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/code.h"

namespace leeboard::http2 {

// The length of a grpc-timeout such as "100m": one to eight digits and a unit out of
// H M S m u n. What does not fit Nanos is kNever; nullopt when malformed.
std::optional<Nanos> ParseTimeout(std::string_view text);

// now + timeout, or kNever when that is past the end of time.
Nanos DeadlineAfter(Nanos now, Nanos timeout);

// application/grpc or application/grpc+proto, with or without parameters.
bool IsGrpcContentType(std::string_view value);

// Replaces *encoded with message as grpc-message carries it: everything outside '
// '..'~' and '%' becomes %XX. Cut off before 4 KiB, as clients refuse long header
// lists.
void PercentEncode(std::string_view message, std::string* encoded);

// The decimal digits of a status code, in memory that never goes away.
std::string_view StatusDigits(Code code);

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_GRPC_HEADERS_H_
