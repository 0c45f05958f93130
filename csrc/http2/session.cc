#include "http2/session.h"

#include <algorithm>
#include <utility>

#include "http2/frames_out.h"

namespace leeboard::http2 {
namespace {

// Frames that wait to be sent; more means a client that asks and never reads.
constexpr std::size_t kMaxWaitingFrames = 20'000;
// NGHTTP2_ERR_TOO_MANY_CONTINUATIONS, which releases before 1.61 do not name.
constexpr SignedSize kTooManyContinuations = -905;

}  // namespace

Session::Session(Connection* owner, Shared* shared)
    : owner_(owner),
      shared_(shared),
      pool_(shared->pool.get()),
      queue_(pool_),
      nghttp2_(NewServerSession(this, shared->limits)) {}

Session::~Session() {
  closing_ = true;
  while (!live_.empty()) {
    Forget(live_.back());
  }
  ClearDirty();
}

bool Session::OnInput(std::span<const std::uint8_t> bytes, std::size_t* size) {
  if (nghttp2_ == nullptr) {
    return false;
  }
  const SignedSize used = MemRecv(nghttp2_.get(), bytes.data(), bytes.size());
  *size = used < 0 ? 0 : static_cast<std::size_t>(used);
  if (used == NGHTTP2_ERR_FLOODED || used == kTooManyContinuations ||
      nghttp2_session_get_outbound_queue_size(nghttp2_.get()) > kMaxWaitingFrames) {
    CloseAbused();
  }
  if (used < 0 || abused_) {
    return false;
  }
  if (nghttp2_session_want_write(nghttp2_.get()) != 0) {
    MarkDirty();
  }
  return !is_over();
}

bool Session::FillOutput() {
  if (nghttp2_ == nullptr) {
    return false;
  }
  return MoveFrames(nghttp2_.get(), &queue_);
}

bool Session::is_over() const {
  return nghttp2_session_want_read(nghttp2_.get()) == 0 &&
         nghttp2_session_want_write(nghttp2_.get()) == 0 && queue_.unsent_bytes() == 0;
}

void Session::BeginDrain() {
  if (nghttp2_ == nullptr) {
    return;
  }
  ++drain_steps_;
  if (drain_steps_ == 1) {
    nghttp2_submit_shutdown_notice(nghttp2_.get());
  } else if (drain_steps_ == 2) {
    nghttp2_submit_goaway(nghttp2_.get(), NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(nghttp2_.get()),
                          NGHTTP2_NO_ERROR, nullptr, 0);
  }
  MarkDirty();
}

void Session::Ping() {
  nghttp2_submit_ping(nghttp2_.get(), NGHTTP2_FLAG_NONE, nullptr);
  MarkDirty();
}

std::int32_t Session::newest_stream() const {
  return nghttp2_ == nullptr ? 0
                             : nghttp2_session_get_last_proc_stream_id(nghttp2_.get());
}

bool Session::Sweep(Nanos now) {
  now_ = now;
  swept_since_ = swept_since_ == 0 ? now : swept_since_;
  if (!has_settings_ && now - swept_since_ > shared_->limits.handshake_timeout) {
    return false;
  }
  // A refusal changes the stream, not the list: nghttp2 closes it later.
  for (std::size_t i = 0; i < live_.size(); ++i) {
    live_[i]->Sweep(now);
  }
  return true;
}

bool Session::CopyOutReplies() {
  if (ledger_.copied_bytes + ledger_.referenced_bytes >
      shared_->limits.reply_copy_bytes) {
    return false;
  }
  queue_.CopyOut();
  for (Stream* stream : live_) {
    stream->ForEachAnswer([](Answer* answer) { answer->CopyOut(); });
  }
  return true;
}

void Session::MarkDirty() {
  if (!dirty_ && !closing_) {
    dirty_ = true;
    shared_->dirty.push_back(owner_);
  }
}

void Session::ClearDirty() {
  // Empty when the owner took the list, as it should; not when the socket became
  // writable.
  if (std::exchange(dirty_, false) && !shared_->dirty.empty()) {
    std::erase(shared_->dirty, owner_);
  }
}

Session::Admission Session::Admit(std::uint32_t size) {
  if (admitted_ + ledger_.unsent_bytes + size >
      shared_->limits.connection_budget_bytes) {
    return Admission::kConnectionFull;
  }
  if (shared_->admitted_bytes + size > shared_->limits.server_budget_bytes) {
    return Admission::kServerFull;
  }
  admitted_ += size;
  shared_->admitted_bytes += size;
  return Admission::kAdmitted;
}

void Session::Release(std::uint64_t size) {
  admitted_ -= size;
  shared_->admitted_bytes -= size;
}

void Session::Charge(std::uint64_t size) {
  admitted_ += size;
  shared_->admitted_bytes += size;
}

void Session::SetWindow(std::int32_t id, std::int32_t size) {
  nghttp2_session_set_local_window_size(nghttp2_.get(), NGHTTP2_FLAG_NONE, id, size);
  MarkDirty();
}

void Session::CountStarted() {
  ++open_calls_;
  Bump(shared_->counters.calls_started);
}

void Session::CountUselessStream() {
  const Limits& limits = shared_->limits;
  const TokenRate rate{static_cast<double>(limits.idle_resets_per_s),
                       static_cast<double>(limits.idle_reset_burst)};
  if (!useless_bucket_.Take(rate, now_)) {
    CloseAbused();
  }
}

void Session::CloseAbused() {
  if (std::exchange(abused_, true)) {
    return;
  }
  Bump(shared_->counters.connections_abused);
  nghttp2_session_terminate_session(nghttp2_.get(), NGHTTP2_ENHANCE_YOUR_CALM);
}

bool Session::CompressReply(const Stream& stream, ReplyBody* body,
                            std::uint64_t* size) {
  const int level = shared_->limits.reply_compression;
  return level > 0 && pool_->compressor.Compress(stream.accepts(), level, body, size);
}

// A stream whose client has not finished is reset once the answer is out.
void Session::CountEarly(Stream* stream) {
  if (stream->is_early()) {
    stream->counted_early = true;
    ++early_answers_;
  }
}

void Session::OnSettings(bool is_ack) {
  has_settings_ = has_settings_ || !is_ack;
  if (!is_ack) {
    return;
  }
  // Our initial window is in force now: nghttp2 has shifted those of all streams.
  for (const Stream* stream : live_) {
    if (stream->flow() != nullptr && stream->flow()->is_paused) {
      SetWindow(stream->id(), 0);
    }
  }
}

Stream* Session::OpenStream(std::int32_t id) {
  Stream* stream = pool_->streams.Take();
  stream->Open(this, id);
  stream->live_index = static_cast<std::uint32_t>(live_.size());
  live_.push_back(stream);
  nghttp2_session_set_stream_user_data(nghttp2_.get(), id, stream);
  last_id_ = id;
  last_found_ = stream;
  return stream;
}

// Frames of one stream come in runs, so the last one found is remembered.
Stream* Session::Find(std::int32_t id) {
  if (id != last_id_) {
    last_id_ = id;
    last_found_ =
        static_cast<Stream*>(nghttp2_session_get_stream_user_data(nghttp2_.get(), id));
  }
  return last_found_;
}

void Session::CloseStream(std::int32_t id, std::uint32_t error_code) {
  Stream* stream = Find(id);
  if (stream == nullptr) {
    return;
  }
  last_found_ = nullptr;
  // A client may call its reset NO_ERROR; without an answer it is a reset all the same.
  const bool was_reset = error_code != NGHTTP2_NO_ERROR || stream->is_waiting();
  if (was_reset && !stream->did_work() && !stream->counted_useless) {
    CountUselessStream();
  }
  Forget(stream);
}

void Session::Forget(Stream* stream) {
  if (stream->is_call()) {
    --open_calls_;
    Bump(shared_->counters.calls_finished);
  }
  live_.back()->live_index = stream->live_index;
  live_[stream->live_index] = live_.back();
  live_.pop_back();
  early_answers_ -= stream->counted_early ? 1 : 0;
  if (stream->OnClose()) {
    Bump(shared_->counters.calls_gone);
  }
  stream->ForEachAnswer([this](Answer* answer) { Close(answer); });
  stream->Clear();
  pool_->streams.Put(stream);
}

void Session::OnAnswerSent(std::int32_t id) {
  if (early_answers_ == 0) {
    return;
  }
  Stream* stream = Find(id);
  if (stream != nullptr && stream->is_early()) {
    nghttp2_submit_rst_stream(nghttp2_.get(), NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
  }
}

}  // namespace leeboard::http2
