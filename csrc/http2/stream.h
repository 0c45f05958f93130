// One HTTP/2 stream as a unary gRPC call: collects the request's headers, takes the
// message out of its 5-byte frame, and holds the answer until nghttp2 has taken it.
//
// The session owns streams and tells them what nghttp2 says; a stream tells the
// handler. A stream object lives from the first header until nghttp2 closes the stream,
// so an answer given inside a handler's callback never destroys the stream under it.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_STREAM_H_
#define LEEBOARD_HTTP2_STREAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "http2/answer.h"
#include "http2/call.h"

namespace leeboard::http2 {

class Session;

class Stream final : public Call {
 public:
  // Call.
  [[nodiscard]] std::string_view method() const override { return path_; }
  [[nodiscard]] Nanos deadline() const override { return deadline_; }
  void Reply(ReplyBody&& body) override;
  void Fail(const Status& status) override;

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
  [[nodiscard]] Answer* answer() const { return answer_; }
  void set_answer(Answer* answer) { answer_ = answer; }
  // More headers than anyone sends by mistake: not worth a polite answer.
  [[nodiscard]] bool has_header_bomb() const;
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
  bool Start();
  void OnPrefix();
  void Refuse(const Status& status);
  void ReleaseAdmitted();

  Session* session_ = nullptr;
  Answer* answer_ = nullptr;
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
  std::uint64_t header_list_bytes_ = 0;
  std::uint32_t size_ = 0;      // Of the message, from its prefix.
  std::uint32_t received_ = 0;  // Of the message.
  std::uint64_t admitted_ = 0;  // Bytes of the budgets held.
  std::size_t prefix_have_ = 0;
  std::array<std::uint8_t, 5> prefix_{};
  Nanos deadline_ = kNever;
  Nanos began_at_ = 0;
  std::string path_;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_STREAM_H_
