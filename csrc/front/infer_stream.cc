#include "front/infer_stream.h"

#include <algorithm>
#include <utility>

#include "base/one_line.h"
#include "batch/version_queue.h"
#include "front/reply.h"
#include "wire/infer_response.h"

namespace leeboard::front {
namespace {

// Answers of decoupled models that may wait for the client; their model then stops.
constexpr std::size_t kMostUnsentParts = 16;

}  // namespace

bool InferStream::is_full() const {
  const std::size_t under_way = messages_.size() + call_->unsent();
  return under_way >= limits_.stream_messages ||
         (!messages_.empty() &&
          *call_->connection_count() >= limits_.connection_messages);
}

void InferStream::OnMessage(std::uint32_t size, Nanos now) {
  if (spare_.empty()) {
    spare_.push_back(std::make_unique<StreamMessage>());
  }
  arriving_ = std::move(spare_.back());
  spare_.pop_back();
  arriving_->stream = this;
  arriving_->size = size;
  arriving_->inference.Start(size, now);
  host_->OnArriving(arriving_.get(), call_);
  if (size == 0) {
    Complete();
  }
}

void InferStream::OnBytes(wire::Bytes bytes) {
  if (arriving_ == nullptr) {
    return;  // The rest of one that has been refused.
  }
  Inference::Step step = Inference::Step::kMore;
  const Status status = host_->Feed(arriving_.get(), call_, bytes, &step);
  if (!status.ok()) {
    StreamMessage* message = messages_.emplace_back(std::move(arriving_)).get();
    ++*call_->connection_count();
    Fail(message, message->inference.FindId(), status);
    PauseIfFull();
  } else if (step == Inference::Step::kComplete) {
    Complete();
  }
}

void InferStream::Complete() {
  StreamMessage* message = messages_.emplace_back(std::move(arriving_)).get();
  ++*call_->connection_count();
  const Status status = host_->Submit(message, call_);
  if (!status.ok()) {
    Fail(message, message->inference.FindId(), status);
  }
  PauseIfFull();
}

void InferStream::PauseIfFull() {
  if (is_full() && !is_over_) {
    is_paused_ = true;
    call_->Pause();
  }
}

void InferStream::OnEnd() {
  has_end_ = true;
  host_->WantTend(this);
}

void InferStream::OnSent() {
  const bool stopped =
      std::any_of(messages_.begin(), messages_.end(),
                  [](const auto& message) { return message->has_stopped; });
  if (is_paused_ || stopped) {
    host_->WantTend(this);
  }
}

void InferStream::OnAnswer(StreamMessage* message, const batch::Answer& answer) {
  const batch::Request& request = *message->request;
  http2::ReplyBody reply;
  Status status;
  if (!message->is_decoupled) {
    const bool is_kept = message != messages_.front().get();
    status =
        MakeReply(request, answer, {.in_stream = true, .is_kept = is_kept}, &reply);
  } else if (message->wants_empty_final) {
    MakeEmptyFinal(request, &reply);
  }
  if (status.ok()) {
    message->request = nullptr;
    Answered(message, std::move(reply));
  } else {
    OnFailure(message, status);
  }
}

bool InferStream::OnPart(StreamMessage* message, const batch::Answer& answer) {
  http2::ReplyBody reply;
  const ReplyForm form{.in_stream = true, .is_last = false};
  const Status status = MakeReply(*message->request, answer, form, &reply);
  if (!status.ok()) {
    // In this order: what is told of the request's end is still in its message.
    const std::string id = message->request->id;
    host_->Forget(std::exchange(message->request, nullptr));
    Fail(message, id, status);
    return true;
  }
  if (!is_over_) {
    call_->Send(std::move(reply));
  }
  message->has_stopped = call_->unsent() >= kMostUnsentParts;
  return !message->has_stopped;
}

void InferStream::OnFailure(StreamMessage* message, const Status& status) {
  const std::string id = std::exchange(message->request, nullptr)->id;
  Fail(message, id, status);
}

void InferStream::Fail(StreamMessage* message, std::string_view id,
                       const Status& status) {
  if (call_->headers().wants_error_status) {
    End(status);
  }
  http2::ReplyBody reply;
  wire::AppendStreamError(id, OneLine(status.message()), &reply.text);
  Answered(message, std::move(reply));
}

// An answer goes out at once or waits for those before it; those of decoupled requests
// keep no order.
void InferStream::Answered(StreamMessage* message, http2::ReplyBody&& reply) {
  const bool is_decoupled = message->is_decoupled;
  message->is_answered = true;
  message->has_stopped = false;
  message->reply = std::move(reply);
  call_->Release(message->size);
  // What waits for those before it is memory that its client has made us keep.
  message->size = static_cast<std::uint32_t>(message->reply.text.size());
  call_->Charge(message->size);
  host_->WantTend(this);
  bool in_order = true;  // All before it are decoupled or have been sent.
  for (std::size_t at = 0; at < messages_.size() && (in_order || is_decoupled);) {
    StreamMessage* each = messages_[at].get();
    if (each->is_answered && (in_order || each->is_decoupled)) {
      Send(each);
      Remove(at);
    } else {
      in_order = in_order && each->is_decoupled;
      ++at;
    }
  }
}

void InferStream::Send(StreamMessage* message) {
  call_->Release(std::exchange(message->size, 0));
  if (!is_over_ && !message->reply.text.empty()) {
    call_->Send(std::move(message->reply));
  }
}

void InferStream::Remove(std::size_t at) {
  constexpr std::size_t kSpare = 16;
  --*call_->connection_count();
  std::unique_ptr<StreamMessage> message = std::move(messages_[at]);
  messages_.erase(messages_.begin() + static_cast<std::ptrdiff_t>(at));
  message->inference.Drop();
  if (spare_.size() < kSpare) {
    message->is_decoupled = message->wants_empty_final = message->is_answered = false;
    message->reply.text.clear();
    message->reply.cuts.clear();
    message->reply.memory = nullptr;
    spare_.push_back(std::move(message));
  }
}

void InferStream::Drain() {
  is_draining_ = true;
  host_->WantTend(this);
}

void InferStream::End(const Status& status) {
  if (!std::exchange(is_over_, true)) {
    last_ = status;
    host_->WantTend(this);
  }
}

bool InferStream::Tend() {
  if (call_ == nullptr) {
    return true;
  }
  for (const auto& message : messages_) {
    if (message->has_stopped && call_->unsent() < kMostUnsentParts) {
      message->has_stopped = false;
      message->request->queue->TakeMore(message->request);
    }
  }
  if (is_paused_ && !is_full() && !is_over_) {
    is_paused_ = false;
    call_->Resume();  // What has come meanwhile may end the call.
  }
  const bool is_idle = messages_.empty() && arriving_ == nullptr && !is_paused_;
  if (call_ != nullptr && !is_over_ && is_idle && (has_end_ || is_draining_)) {
    is_over_ = true;
    last_ = has_end_
                ? Status()
                : Status::Unavailable("the server is stopping and ends its streams");
  }
  return call_ == nullptr || !is_over_;
}

void InferStream::Sweep(Nanos now) {
  std::vector<batch::Request*> held;
  for (const auto& message : messages_) {
    batch::Request* request = message->request;
    if (request != nullptr && message->is_decoupled && batch::AwaitsReader(*request)) {
      held.push_back(request);
    }
  }
  const std::uint64_t taken = call_->taken();
  if (held.empty() || taken != taken_ || moved_at_ == 0) {
    taken_ = taken;
    moved_at_ = now;
    return;
  }
  if (now - moved_at_ < limits_.stall_timeout) {
    return;
  }
  constexpr Nanos kSecond = 1'000'000'000;
  const Status status = Status::ResourceExhausted(
      "the client has taken nothing of the stream's answers for " +
      std::to_string((now - moved_at_) / kSecond) +
      " s, and this request's model waited for it");
  for (batch::Request* request : held) {
    host_->Expel(request, status);
  }
}

void InferStream::Abandon() {
  for (const auto& message : messages_) {
    if (message->request != nullptr) {
      host_->Forget(std::exchange(message->request, nullptr));
    }
    message->inference.Drop();
  }
  if (arriving_ != nullptr) {
    arriving_->inference.Drop();
    arriving_.reset();
  }
  *call_->connection_count() -= static_cast<std::uint32_t>(messages_.size());
  messages_.clear();
  is_over_ = true;
  call_ = nullptr;
}

}  // namespace leeboard::front
