// One HTTP/2 stream as a gRPC call: collects the request's headers, takes messages out
// of their 5-byte frames, and holds answers until nghttp2 has taken them.
//
// The session owns streams and tells them what nghttp2 says; a stream tells the
// handler. A stream object lives from the first header until nghttp2 closes the stream,
// so an answer given inside a handler's callback never destroys the stream under it.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_STREAM_H_
#define LEEBOARD_HTTP2_STREAM_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "http2/answer.h"
#include "http2/call.h"
#include "http2/compression.h"

namespace leeboard::http2 {

class Session;

// What a call with many messages has besides a unary one.
struct Flow {
  std::deque<Answer*> answers;  // Sent and not yet cut to the end, oldest first.
  std::string held;             // Arrived while paused; admitted, from held_at on.
  std::size_t held_at = 0;
  std::uint64_t taken = 0;  // Bytes of answers that were cut into frames.
  bool is_paused = false;
  bool has_end = false;      // The client half-closed; to be told.
  bool has_headers = false;  // Of the answer, handed to nghttp2.
  bool is_starved = false;   // nghttp2 waits for more to send.
  bool is_finished = false;  // `last` follows what is unsent.
  Status last;
};

class Stream final : public Call {
 public:
  // Call.
  [[nodiscard]] std::string_view method() const override { return path_; }
  [[nodiscard]] Nanos deadline() const override { return deadline_; }
  [[nodiscard]] const CallHeaders& headers() const override { return headers_; }
  [[nodiscard]] const Peer& peer() const override;
  void SetTraceparent(std::string value) override { traceparent_ = std::move(value); }
  void Reply(ReplyBody&& body) override;
  void Fail(const Status& status) override { Finish(status); }
  void BeginStream() override { flow_ = std::make_unique<Flow>(); }
  void Send(ReplyBody&& body) override;
  void Finish(const Status& status) override;
  [[nodiscard]] std::size_t unsent() const override { return flow_->answers.size(); }
  [[nodiscard]] std::uint64_t taken() const override { return flow_->taken; }
  void Release(std::uint64_t bytes) override;
  void Charge(std::uint64_t bytes) override;
  void Pause() override;
  void Resume() override;
  [[nodiscard]] std::uint32_t* connection_count() override;

  // From a pool and back to it.
  void Open(Session* session, std::int32_t id);
  void Clear();

  // What nghttp2 says, in order. OnEnd comes with the frame that half-closes.
  void OnHeader(std::string_view name, std::string_view value);
  void OnHeaders(bool is_end);
  void OnData(std::span<const std::uint8_t> bytes);
  void OnEnd();
  // Refuses a message that comes too slowly.
  void Sweep(Nanos now);
  // The last word: tells the handler when it still waits, and lets the answer go.
  // Returns whether the client went away before its answer.
  bool OnClose();

  [[nodiscard]] std::int32_t id() const { return id_; }
  // What the answer may be compressed with.
  [[nodiscard]] Encoding accepts() const { return accepts_; }
  // Null for a unary call.
  [[nodiscard]] Flow* flow() const { return flow_.get(); }
  // The one that is being sent.
  [[nodiscard]] Answer* answer() const {
    return flow_ == nullptr ? answer_ : flow_->answers.front();
  }
  void set_answer(Answer* answer) { answer_ = answer; }
  template <typename Function>
  void ForEachAnswer(const Function& function) {
    if (answer_ != nullptr) {
      function(answer_);
    }
    if (flow_ != nullptr) {
      std::for_each(flow_->answers.begin(), flow_->answers.end(), function);
    }
  }
  // More headers than anyone sends by mistake: not worth a polite answer.
  [[nodiscard]] bool has_header_bomb() const;
  [[nodiscard]] const std::string& traceparent() const { return traceparent_; }
  // Headers were those of a gRPC call.
  [[nodiscard]] bool is_call() const { return is_call_; }
  // A whole message reached the handler.
  [[nodiscard]] bool did_work() const { return did_work_; }
  // The handler has the call and has not answered it.
  [[nodiscard]] bool is_waiting() const { return with_handler_ && !answered_; }
  // Answered while the client may still send: reset after the answer.
  [[nodiscard]] bool is_early() const { return answered_ && !remote_closed_; }
  bool counted_useless = false;  // By the session's limit on streams that do no work.
  // Counted by the session among early answers.
  bool counted_early = false;
  std::uint32_t live_index = 0;  // The session's.

 private:
  static Status MiddleOfMessage();
  bool Start();
  [[nodiscard]] bool is_whole() const;
  std::span<const std::uint8_t> Parse(std::span<const std::uint8_t> bytes);
  bool AdmitHeld(std::size_t size);
  void Hold(std::span<const std::uint8_t> bytes);
  void EndOfMessages();
  void OnOtherHeader(std::string_view name, std::string_view value);
  void OnPrefix();
  void OnCompressed(std::span<const std::uint8_t> bytes);
  void DeliverInflated();
  Status Occupy(std::uint32_t size);
  void Refuse(const Status& status);
  void ReleaseAdmitted();

  Session* session_ = nullptr;
  Answer* answer_ = nullptr;
  std::unique_ptr<Flow> flow_;
  std::int32_t id_ = 0;
  bool is_post_ = false;
  bool is_grpc_ = false;
  bool is_call_ = false;
  bool bad_timeout_ = false;
  bool answered_ = false;
  bool with_handler_ =
      false;  // The handler has the call and waits for OnEnd or OnGone.
  bool remote_closed_ = false;
  bool did_work_ = false;
  Encoding encoding_ = Encoding::kIdentity;  // Of the request's messages.
  Encoding accepts_ = Encoding::kIdentity;
  std::uint64_t header_list_bytes_ = 0;
  std::uint32_t size_ = 0;      // Of the message, from its prefix.
  std::uint32_t received_ = 0;  // Of the message.
  std::uint64_t admitted_ = 0;  // Bytes of the budgets held.
  std::uint64_t occupied_ = 0;  // Of them, by the message that arrives.
  std::size_t prefix_have_ = 0;
  std::array<std::uint8_t, 5> prefix_{};
  Nanos deadline_ = kNever;
  Nanos began_at_ = 0;
  std::string path_;
  CallHeaders headers_;
  std::string traceparent_;                    // Of the answer.
  std::unique_ptr<InflatedMessage> inflated_;  // Of a compressed message not yet whole.
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_STREAM_H_
