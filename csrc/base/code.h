// gRPC status codes, the one vocabulary of failure that reaches a client.
//
// Source: https://github.com/grpc/grpc/blob/master/doc/statuscodes.md (numbers are wire
// values).

#ifndef LEEBOARD_BASE_CODE_H_
#define LEEBOARD_BASE_CODE_H_

#include <cstdint>

namespace leeboard {

enum class Code : std::uint8_t {
  kOk = 0,
  kCancelled = 1,           // The client went away.
  kUnknown = 2,             // A model raised an error of its own.
  kInvalidArgument = 3,     // The request is wrong whatever the server's state.
  kDeadlineExceeded = 4,    // The request's time ran out before its answer.
  kNotFound = 5,            // No such model or version.
  kAlreadyExists = 6,       // Never sent by inference.
  kPermissionDenied = 7,    // The caller is known and may not do this.
  kResourceExhausted = 8,   // A bounded queue, budget or size limit is full.
  kFailedPrecondition = 9,  // Never sent by inference.
  kAborted = 10,            // Never sent by inference.
  kOutOfRange = 11,         // Never sent by inference.
  kUnimplemented = 12,      // Unknown method, or one that this server does not offer.
  kInternal = 13,         // A worker failed on this request, or the client broke gRPC.
  kUnavailable = 14,      // The model or the server is not ready; try again later.
  kUnauthenticated = 16,  // The caller showed no credentials, or unknown ones.
};

}  // namespace leeboard

#endif  // LEEBOARD_BASE_CODE_H_
