// What a call with many messages does besides a unary one: it pauses, goes on, and
// sends.

#include <string>
#include <utility>

#include "http2/session.h"
#include "http2/stream.h"

namespace leeboard::http2 {

void Stream::OnData(std::span<const std::uint8_t> bytes) {
  if (flow_ != nullptr && flow_->is_paused) {
    Hold(bytes);
  } else {
    Hold(Parse(bytes));
  }
}

// Keeps what a paused stream sends: at most its window, since nothing is credited.
void Stream::Hold(std::span<const std::uint8_t> bytes) {
  if (bytes.empty() || answered_ || !AdmitHeld(bytes.size())) {
    return;
  }
  if (flow_->held_at > flow_->held.size() / 2) {
    flow_->held.erase(0, std::exchange(flow_->held_at, 0));
  }
  flow_->held.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

void Stream::Send(ReplyBody&& body) {
  if (answered_) {
    return;
  }
  const std::uint64_t size = Answer::MessageSize(body);
  if (size > UINT32_MAX) {
    Refuse(Status::Internal("a message of " + std::to_string(size) +
                            " bytes is more than gRPC can hold"));
    return;
  }
  session_->SendMessage(this, std::move(body), size);
}

void Stream::Release(std::uint64_t bytes) {
  bytes = std::min(bytes, admitted_);
  admitted_ -= bytes;
  session_->Release(bytes);
}

void Stream::Charge(std::uint64_t bytes) {
  admitted_ += bytes;
  session_->Charge(bytes);
}

void Stream::Pause() {
  if (!std::exchange(flow_->is_paused, true)) {
    session_->SetWindow(id_, 0);
  }
}

void Stream::Resume() {
  if (answered_ || !std::exchange(flow_->is_paused, false)) {
    return;
  }
  session_->SetWindow(id_, session_->limits().stream_window_bytes);
  began_at_ = session_->now();
  std::string held = std::move(flow_->held);
  flow_->held.clear();
  const std::size_t at = std::exchange(flow_->held_at, 0);
  const std::size_t size = held.size() - at;
  Release(size);
  const std::size_t left =
      Parse({reinterpret_cast<const std::uint8_t*>(held.data()) + at, size}).size();
  // What a stream holds is not copied once for each message that it may go on with.
  if (left > 0 && !answered_ && AdmitHeld(left)) {
    flow_->held_at = held.size() - left;
    flow_->held = std::move(held);
  }
  if (!answered_) {
    EndOfMessages();
  }
}

// Tells of the client's end, once all that came before it was parsed.
void Stream::EndOfMessages() {
  if (flow_->is_paused || !std::exchange(flow_->has_end, false)) {
    return;
  }
  if (prefix_have_ > 0) {
    Refuse(MiddleOfMessage());
  } else {
    session_->handler()->OnEnd(this);
  }
}

std::uint32_t* Stream::connection_count() {
  return &session_->handler_count;
}

}  // namespace leeboard::http2
