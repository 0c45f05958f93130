// One gRPC call as the front end sees it: a method, a message that arrives in parts,
// one answer. csrc/http2 turns HTTP/2 streams into calls; it knows gRPC and no model.
//
// Life of a unary call: OnStart -> OnMessage -> OnBytes* -> OnEnd -> Reply or Fail. The
// handler may Reply or Fail at any point after OnStart; what still arrives is
// discarded. Until it has done so, the call may vanish: OnGone is then the last thing
// said about it, and the pointer is dead. After Reply or Fail the pointer is dead for
// the handler as well.
//
// Thread safety: none. Everything here happens on the I/O thread that owns the
// connection.

#ifndef LEEBOARD_HTTP2_CALL_H_
#define LEEBOARD_HTTP2_CALL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"

namespace leeboard::http2 {

// Memory that replies point into (a batch's outputs). The last reply that leaves, or is
// copied out, drops the last reference.
class ReplyMemory {
 public:
  virtual void AddReference() = 0;
  virtual void DropReference() = 0;

 protected:
  ~ReplyMemory() = default;
};

// A part of an answer that leaves without a copy.
struct Span {
  const std::uint8_t* data = nullptr;
  std::uint64_t size = 0;
};

// An answer's message, without the 5-byte gRPC prefix (csrc/http2 adds it). The message
// is text[0 .. cuts[0].at), cuts[0].span, text[cuts[0].at .. cuts[1].at), cuts[1].span,
// ..., the rest of text. Small answers have no cuts.
struct ReplyBody {
  struct Cut {
    std::size_t at = 0;
    Span span;
  };
  std::string text;
  std::vector<Cut> cuts;
  ReplyMemory* memory = nullptr;  // Referenced once by Reply while cuts are unsent.
};

class Call {
 public:
  [[nodiscard]] virtual std::string_view method() const = 0;  // ":path"
  // When the client stops waiting (grpc-timeout), or kNever.
  [[nodiscard]] virtual Nanos deadline() const = 0;

  // The handler's own object for this call; null until set.
  void* context = nullptr;

  // Sends one message and grpc-status 0. Takes the body's contents and may leave spare
  // capacity of an earlier answer in it: clear it and use it again.
  virtual void Reply(ReplyBody&& body) = 0;
  // Sends grpc-status and a percent-encoded grpc-message, trailers only. Message data
  // that is still on its way is read and dropped, then the stream is reset with
  // NO_ERROR. REQUIRES: !status.ok().
  virtual void Fail(const Status& status) = 0;

 protected:
  ~Call() = default;
};

class CallHandler {
 public:
  // Headers are complete and are those of a gRPC call. May Fail the call.
  virtual void OnStart(Call* call) = 0;
  // The message's 5-byte prefix has arrived and `size` is within the limits and
  // budgets, which it now occupies until the call is over. Nothing may be reserved by
  // `size` alone.
  virtual void OnMessage(Call* call, std::uint32_t size) = 0;
  // The next bytes of the message; never more than `size` in all.
  virtual void OnBytes(Call* call, std::span<const std::uint8_t> bytes) = 0;
  // The client has sent its whole message and half-closed.
  virtual void OnEnd(Call* call) = 0;
  // The call was cancelled, reset, refused by csrc/http2 (a limit, a budget, broken
  // framing), or its connection was lost, before an answer.
  virtual void OnGone(Call* call) = 0;

 protected:
  ~CallHandler() = default;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_CALL_H_
