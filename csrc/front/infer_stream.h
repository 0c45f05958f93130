// One ModelStreamInfer call: many requests on a stream, batched with everything else,
// answered in the order in which they came.
//
// A request that is wrong, or fails, is answered by a message that says so (its
// `error_message`), and the stream goes on; a client that sent `triton_grpc_error:
// true` has its stream ended by a status instead. Requests of decoupled models have any
// number of answers, which are sent as they come: they neither wait for others nor hold
// them up.
//
// What a stream may have under way is bounded: beyond that it is paused, and HTTP/2's
// flow control has the client wait.
//
// What would disturb a caller half-way (going on after a pause, the end) waits for
// Tend, which the I/O loop calls once a pass for the streams that asked for it.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_FRONT_INFER_STREAM_H_
#define LEEBOARD_FRONT_INFER_STREAM_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "batch/answer_sink.h"
#include "front/inference.h"
#include "front/trace_record.h"
#include "http2/call.h"

namespace leeboard::front {

class InferStream;

// One request of a stream.
struct StreamMessage {
  InferStream* stream = nullptr;
  Inference inference;
  batch::Request* request = nullptr;  // While its queue has it.
  std::uint32_t size = 0;             // Of its message.
  Trace trace;
  bool is_decoupled = false;
  bool wants_empty_final = false;
  bool has_stopped = false;  // Waits until the client has read its last answers.
  bool is_answered = false;  // `reply` waits for those before it.
  http2::ReplyBody reply;
};

// What a stream needs of its server.
class StreamHost {
 public:
  // A message has begun to arrive.
  virtual void OnArriving(StreamMessage* message, http2::Call* call) = 0;
  // As Inference::Feed.
  virtual Status Feed(StreamMessage* message, http2::Call* call, wire::Bytes bytes,
                      Inference::Step* step) = 0;
  // Hands a whole message to its queue: its request is then in message->request, unless
  // that has ended already. On error nothing is left behind.
  virtual Status Submit(StreamMessage* message, http2::Call* call) = 0;
  // The request's client no longer waits.
  virtual void Forget(batch::Request* request) = 0;
  // Ends a request that its queue has; OnFailure hears of it before this returns.
  virtual void Expel(batch::Request* request, const Status& status) = 0;
  // Tend is to be called in this pass of the loop, or the next.
  virtual void WantTend(InferStream* stream) = 0;

 protected:
  ~StreamHost() = default;
};

class InferStream {
 public:
  struct Limits {
    std::uint32_t stream_messages = 256;  // Under way, or answered and not sent.
    std::uint32_t connection_messages = 4096;
    // A decoupled model's instance waits as long for a client that takes nothing.
    Nanos stall_timeout = 60'000'000'000;
  };

  InferStream(http2::Call* call, StreamHost* host, const Limits& limits)
      : call_(call), host_(host), limits_(limits) {}
  ~InferStream() = default;  // After Abandon.
  InferStream(const InferStream&) = delete;
  InferStream& operator=(const InferStream&) = delete;

  [[nodiscard]] http2::Call* call() const { return call_; }

  // What http2::CallHandler hears.
  void OnMessage(std::uint32_t size, Nanos now);
  void OnBytes(wire::Bytes bytes);
  void OnEnd();
  void OnSent();

  // What batch::AnswerSink hears, and Submit's errors.
  void OnAnswer(StreamMessage* message, const batch::Answer& answer);
  bool OnPart(StreamMessage* message, const batch::Answer& answer);
  void OnFailure(StreamMessage* message, const Status& status);

  // No new requests: the stream ends, UNAVAILABLE, once what it has is answered.
  void Drain();
  // Ends the stream at the next Tend; its requests are forgotten.
  void End(const Status& status);
  // Ends the requests whose models wait for a client that has taken nothing for long;
  // about once a second.
  void Sweep(Nanos now);
  // The call is over: call() is null from now on, and nothing may be called but Tend.
  void Abandon();
  // Goes on with what had to wait. False: the stream is to be ended with last().
  [[nodiscard]] bool Tend();
  [[nodiscard]] const Status& last() const { return last_; }
  bool is_tended = false;  // The host's: it is in its list.

 private:
  void Complete();
  void PauseIfFull();
  [[nodiscard]] bool is_full() const;
  void Fail(StreamMessage* message, std::string_view id, const Status& status);
  void Answered(StreamMessage* message, http2::ReplyBody&& reply);
  void Send(StreamMessage* message);
  void Remove(std::size_t at);

  http2::Call* call_;
  StreamHost* host_;
  Limits limits_;
  std::deque<std::unique_ptr<StreamMessage>> messages_;  // In order of arrival.
  std::vector<std::unique_ptr<StreamMessage>> spare_;
  std::unique_ptr<StreamMessage> arriving_;
  bool is_paused_ = false;
  bool has_end_ = false;  // The client's.
  bool is_draining_ = false;
  bool is_over_ = false;  // `last_` ends it at the next Tend, whatever is under way.
  Status last_;
  std::uint64_t taken_ = 0;  // Call::taken at the last Sweep that saw it move.
  Nanos moved_at_ = 0;       // When that was, or no model waited.
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_INFER_STREAM_H_
