// The result of an operation that can fail: a code and a sentence.
//
// Success holds no text and allocates nothing. Errors of the request path carry an
// owned sentence because it names what the client sent; building one is the slow path.
//
// Thread safety: a value; as safe as std::string.

#ifndef LEEBOARD_BASE_STATUS_H_
#define LEEBOARD_BASE_STATUS_H_

#include <string>
#include <utility>

#include "base/code.h"

namespace leeboard {

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status InvalidArgument(std::string message) {
    return {Code::kInvalidArgument, std::move(message)};
  }
  static Status NotFound(std::string message) {
    return {Code::kNotFound, std::move(message)};
  }
  static Status PermissionDenied(std::string message) {
    return {Code::kPermissionDenied, std::move(message)};
  }
  static Status ResourceExhausted(std::string message) {
    return {Code::kResourceExhausted, std::move(message)};
  }
  static Status DeadlineExceeded(std::string message) {
    return {Code::kDeadlineExceeded, std::move(message)};
  }
  static Status Unimplemented(std::string message) {
    return {Code::kUnimplemented, std::move(message)};
  }
  static Status Internal(std::string message) {
    return {Code::kInternal, std::move(message)};
  }
  static Status Unavailable(std::string message) {
    return {Code::kUnavailable, std::move(message)};
  }
  static Status Unauthenticated(std::string message) {
    return {Code::kUnauthenticated, std::move(message)};
  }

  [[nodiscard]] bool ok() const { return code_ == Code::kOk; }
  [[nodiscard]] Code code() const { return code_; }
  [[nodiscard]] const std::string& message() const { return message_; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

}  // namespace leeboard

#endif  // LEEBOARD_BASE_STATUS_H_
