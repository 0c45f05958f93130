// One gRPC call as the front end sees it: a method, a message that arrives in parts,
// one answer. csrc/http2 turns HTTP/2 streams into calls; it knows gRPC and no model.
//
// Life of a unary call: OnStart -> OnMessage -> OnBytes* -> OnEnd -> Reply or Fail. The
// handler may Reply or Fail at any point after OnStart; what still arrives is
// discarded. Until it has done so, the call may vanish: OnGone is then the last thing
// said about it, and the pointer is dead. After Reply or Fail the pointer is dead for
// the handler as well.
//
// A handler that calls BeginStream within OnStart makes it a stream: OnMessage and
// OnBytes for one message after the other, OnEnd when the client has half-closed; Send
// for each answer, then Finish or Fail, after which the pointer is dead. Pause keeps
// what still arrives, in bounded memory, and has the client stop.
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

// What a call's headers say besides its method and deadline; empty or false when they
// do not.
struct CallHeaders {
  std::string authorization;        // As sent: "Bearer ...".
  std::string traceparent;          // W3C Trace Context, unchecked.
  std::string tracestate;           // The same; several fields are joined by commas.
  bool wants_error_status = false;  // triton_grpc_error: true.
};

// The other end of a call's connection, as the transport knows it.
struct Peer {
  std::string address;  // "127.0.0.1:41234", "unix:/run/x.sock".
  bool is_tls = false;
  // Of the verified client certificate: its distinguished name (RFC 2253) and the URI
  // and DNS names of subjectAltName. Empty without one.
  std::string subject;
  std::vector<std::string> names;
};

class Call {
 public:
  [[nodiscard]] virtual std::string_view method() const = 0;  // ":path"
  [[nodiscard]] virtual const CallHeaders& headers() const = 0;
  [[nodiscard]] virtual const Peer& peer() const = 0;
  // When the client stops waiting (grpc-timeout), or kNever.
  [[nodiscard]] virtual Nanos deadline() const = 0;

  // The handler's own object for this call; null until set.
  void* context = nullptr;

  // The traceparent that the answer's headers carry; before Reply or Fail.
  virtual void SetTraceparent(std::string value) = 0;

  // Sends one message and grpc-status 0. Takes the body's contents and may leave spare
  // capacity of an earlier answer in it: clear it and use it again.
  virtual void Reply(ReplyBody&& body) = 0;
  // Sends grpc-status and a percent-encoded grpc-message, trailers only. Message data
  // that is still on its way is read and dropped, then the stream is reset with
  // NO_ERROR. REQUIRES: !status.ok().
  virtual void Fail(const Status& status) = 0;

  // Streams. All but BeginStream may be called at any time, except that Resume must not
  // be called from within a callback.
  virtual void BeginStream() = 0;
  // Sends one message; takes the body as Reply does.
  virtual void Send(ReplyBody&& body) = 0;
  // Ends the stream, once what was sent has left, with OK or a failure.
  virtual void Finish(const Status& status) = 0;
  // Messages that were sent and have not left yet.
  [[nodiscard]] virtual std::size_t unsent() const = 0;
  // Bytes of sent messages that flow control has let out so far.
  [[nodiscard]] virtual std::uint64_t taken() const = 0;
  // The handler has done with messages of `bytes` in all: their budgets are free.
  virtual void Release(std::uint64_t bytes) = 0;
  // The handler keeps so many bytes of answers until it releases them: they count for
  // the budgets like messages, and are never refused.
  virtual void Charge(std::uint64_t bytes) = 0;
  // No message begins until Resume, which may call back with what has come meanwhile.
  virtual void Pause() = 0;
  virtual void Resume() = 0;
  // The handler's own count for this call's connection; 0 at first.
  [[nodiscard]] virtual std::uint32_t* connection_count() = 0;

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
  // The client has sent its whole message and half-closed; has ended its stream.
  virtual void OnEnd(Call* call) = 0;
  // A message of a stream has left. Called while output is written: no call may be made
  // from here.
  virtual void OnSent(Call* call) = 0;
  // The call was cancelled, reset, refused by csrc/http2 (a limit, a budget, broken
  // framing), or its connection was lost, before an answer.
  virtual void OnGone(Call* call) = 0;

 protected:
  ~CallHandler() = default;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_CALL_H_
