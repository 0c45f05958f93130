// HTTP/2 of one connection without its socket: nghttp2's callbacks, the streams, and
// the queue of output. Bytes in by OnInput, bytes out by FillOutput and the queue.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_SESSION_H_
#define LEEBOARD_HTTP2_SESSION_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/token_bucket.h"
#include "http2/answer.h"
#include "http2/connection.h"
#include "http2/nghttp2_api.h"
#include "http2/send_queue.h"
#include "http2/stream.h"

namespace leeboard::http2 {

// The one writer's cheap increment of a counter that others only read.
inline void Bump(std::atomic<std::uint64_t>& counter, std::uint64_t by = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + by,
                std::memory_order_relaxed);
}

class Session {
 public:
  enum class Admission { kAdmitted, kConnectionFull, kServerFull };

  Session(Connection* owner, Shared* shared);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // For the connection.
  // False: the connection must end (after what can be sent at once has been sent).
  // *used tells how many bytes were looked at: all, or those up to the first header
  // that announces a compressed message.
  [[nodiscard]] bool OnInput(std::span<const std::uint8_t> bytes, std::size_t* used);
  // Moves frames from nghttp2 to the queue until the queue holds enough for one send.
  // False: nghttp2 cannot go on.
  [[nodiscard]] bool FillOutput();
  // Neither side has anything left to say.
  [[nodiscard]] bool is_over() const;
  void BeginDrain();
  void Ping();
  [[nodiscard]] bool Sweep(Nanos now);
  [[nodiscard]] bool CopyOutReplies();
  // Tells the owner's Shared that there is something to flush.
  void MarkDirty();
  void ClearDirty();
  [[nodiscard]] bool dirty() const { return dirty_; }
  void set_now(Nanos now) { now_ = now; }
  [[nodiscard]] SendQueue& queue() { return queue_; }
  // The client has used grpc-encoding; and what its messages inflated to.
  [[nodiscard]] bool expects_compressed() const { return expects_compressed_; }
  [[nodiscard]] std::uint64_t inflated() const { return inflated_; }
  void ResetInflated() { inflated_ = 0; }
  // The last stream that the client opened.
  [[nodiscard]] std::int32_t newest_stream() const;
  [[nodiscard]] std::uint32_t open_calls() const { return open_calls_; }
  [[nodiscard]] std::uint64_t referenced_bytes() const {
    return ledger_.referenced_bytes;
  }

  // For the streams.
  [[nodiscard]] const Limits& limits() const { return shared_->limits; }
  [[nodiscard]] CallHandler* handler() const { return shared_->handler; }
  [[nodiscard]] const Peer& peer() const { return owner_->peer(); }
  [[nodiscard]] Nanos now() const { return now_; }
  Admission Admit(std::uint32_t size);
  void ExpectCompressed() { expects_compressed_ = true; }
  void CountInflated(std::uint64_t size) { inflated_ += size; }
  void Release(std::uint64_t size);
  void Charge(std::uint64_t size);
  void CountStarted();
  // Closes the connection when too many streams did no work.
  void CountUselessStream();
  void SendReply(Stream* stream, ReplyBody&& body, std::uint64_t size);
  void SendStatus(Stream* stream, const Status& status);
  void SendMessage(Stream* stream, ReplyBody&& body, std::uint64_t size);
  void SendEnd(Stream* stream, const Status& status);
  void SetWindow(std::int32_t id, std::int32_t size);
  void SendHttpStatus(Stream* stream, int status);
  std::uint32_t handler_count = 0;  // Call::connection_count.

  // For nghttp2's callbacks (session_callbacks.cc).
  void OnSettings(bool is_ack);
  Stream* OpenStream(std::int32_t id);
  Stream* Find(std::int32_t id);
  void CloseStream(std::int32_t id, std::uint32_t error_code);
  void OnAnswerSent(std::int32_t id);
  SignedSize ReadAnswer(Stream* stream, std::uint8_t* to, std::size_t limit,
                        std::uint32_t* flags);
  SignedSize ReadMessages(Stream* stream, std::uint8_t* to, std::size_t limit,
                          std::uint32_t* flags);
  void SendAnswerData(Stream* stream, const std::uint8_t* frame_header,
                      std::size_t size);

 private:
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  Answer* NewAnswer(const Stream& stream, ReplyBody&& body, std::uint64_t size,
                    bool* is_compressed);
  void SubmitHeaders(Stream* stream, bool announces);
  void Close(Answer* answer);
  void EndMessage(Stream* stream);
  void Forget(Stream* stream);
  bool CompressReply(const Stream& stream, ReplyBody* body, std::uint64_t* size);
  void CountEarly(Stream* stream);
  void CloseAbused();

  Connection* owner_;
  Shared* shared_;
  Pool* pool_;
  Nanos now_ = 0;
  ReplyLedger ledger_;
  SendQueue queue_;
  std::unique_ptr<nghttp2_session, Deleter> nghttp2_;
  std::vector<Stream*> live_;
  Stream* last_found_ = nullptr;
  std::int32_t last_id_ = 0;
  std::uint32_t open_calls_ = 0;
  std::uint32_t early_answers_ = 0;  // Streams to reset once their answer is sent.
  std::uint64_t admitted_ = 0;
  TokenBucket useless_bucket_;
  std::uint64_t inflated_ = 0;
  int drain_steps_ = 0;
  Nanos swept_since_ = 0;
  bool has_settings_ = false;  // The client's.
  bool dirty_ = false;
  bool abused_ = false;
  bool closing_ = false;
  bool expects_compressed_ = false;
};

// Makes nghttp2's side of a session, its first SETTINGS queued. Null when out of
// memory.
nghttp2_session* NewServerSession(Session* session, const Limits& limits);

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_SESSION_H_
