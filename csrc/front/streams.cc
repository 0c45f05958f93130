// Calls with many messages: inference, health watches, reflection.

#include <algorithm>
#include <utility>

#include "front/io_thread.h"

namespace leeboard::front {
namespace {

// Changes that a watcher has not read yet; one that reads none is let go.
constexpr std::size_t kMostUnreadChanges = 16;

Status Stopping() {
  return Status::Unavailable("the server is stopping and ends its streams");
}

}  // namespace

void IoThread::BeginStream(http2::Call* call, CallState* state) {
  call->BeginStream();
  streams_.insert(call);
  counters_.streams.Set(streams_.size());
  if (state->method == kModelStreamInfer) {
    StreamHost* host = this;  // A private base.
    state->stream = std::make_unique<InferStream>(call, host, options_.streams);
  }
  if (draining_) {
    EndStream(call, Stopping());
  }
}

// Ends a stream that has no requests under way.
void IoThread::EndStream(http2::Call* call, const Status& status) {
  Release(call);
  call->Finish(status);
}

void IoThread::OnArriving(StreamMessage* message, http2::Call* call) {
  tracer_.Begin(call->headers().traceparent, now_, &message->trace);
  message->trace.streamed = true;
}

Status IoThread::Feed(StreamMessage* message, http2::Call* call, wire::Bytes bytes,
                      Inference::Step* step) {
  const Status status =
      message->inference.Feed(bytes, place(*StateOf(call)), &scratch_, step);
  if (!status.ok()) {
    CountRefusal(call, message->trace, message->inference, status);
  }
  return status;
}

Status IoThread::Submit(StreamMessage* message, http2::Call* call) {
  CallState* state = StateOf(call);
  Status status =
      access_.TakeRequest(*call, Asked(kModelStreamInfer), now_, &state->access);
  if (!status.ok()) {
    NoteRefusal(*call, *state, status);
    return status;
  }
  return Enqueue(&message->inference, call, &message->request, message);
}

void IoThread::Forget(batch::Request* request) {
  deadlines_.Remove(request);
  request->queue->counters().Fail(batch::Reason::kCancelled);
  EndTrace(*request, nullptr, Code::kCancelled);
  request->queue->Forget(request);
}

void IoThread::Expel(batch::Request* request, const Status& status) {
  deadlines_.Remove(request);
  request->queue->counters().Fail(batch::Reason::kCancelled);
  EndRequest(request, status);
}

void IoThread::WantTend(InferStream* stream) {
  if (!std::exchange(stream->is_tended, true)) {
    tended_.push_back(stream);
  }
}

void IoThread::TendStreams() {
  for (InferStream* stream : std::exchange(tended_, {})) {
    stream->is_tended = false;
    if (!stream->Tend()) {
      const Status last = stream->last();
      EndStream(stream->call(), last);
    }
  }
  if (!abandoned_.empty()) {
    std::erase_if(tended_,
                  [](InferStream* stream) { return stream->call() == nullptr; });
    abandoned_.clear();
  }
}

void IoThread::OnSent(http2::Call* call) {
  if (auto* state = static_cast<CallState*>(call->context);
      state != nullptr && state->stream != nullptr) {
    state->stream->OnSent();
  }
}

// A whole message of a stream other than inference.
void IoThread::OnStreamed(http2::Call* call, CallState* state) {
  if (state->method == kHealthWatch) {
    Watch(call, state);  // The service's name is kept, and so is its budget.
    return;
  }
  call->Release(state->size);
  http2::ReplyBody reply;
  const std::string message = std::exchange(state->message, {});
  const wire::Bytes bytes(reinterpret_cast<const std::uint8_t*>(message.data()),
                          message.size());
  const Status status =
      reflection_ == nullptr || call->unsent() > kMostUnreadChanges
          ? Status::ResourceExhausted("reflection has nothing more to say")
          : reflection_->Answer(bytes, &reply.text);
  if (status.ok()) {
    call->Send(std::move(reply));
  } else {
    EndStream(call, status);
  }
}

void IoThread::Watch(http2::Call* call, CallState* state) {
  wire::NameVersion wanted;
  const wire::Bytes message(
      reinterpret_cast<const std::uint8_t*>(state->message.data()),
      state->message.size());
  const Status status =
      state->watches ? Status::InvalidArgument("Watch takes one message; another came")
                     : wire::ParseNameVersion(message, &wanted);
  if (!status.ok()) {
    EndStream(call, status);
    return;
  }
  state->watches = true;
  state->service = std::string(wanted.name);
  std::string().swap(state->message);
  state->last_told = small_methods().ServingOf(state->service);
  http2::ReplyBody reply;
  wire::AppendHealth(state->last_told, &reply.text);
  call->Send(std::move(reply));
}

void IoThread::TellWatchers() {
  std::vector<http2::Call*> deaf;
  for (http2::Call* call : streams_) {
    auto* state = static_cast<CallState*>(call->context);
    if (!state->watches) {
      continue;
    }
    const wire::Serving now = small_methods().ServingOf(state->service);
    if (std::exchange(state->last_told, now) == now) {
      continue;
    }
    http2::ReplyBody reply;
    wire::AppendHealth(now, &reply.text);
    call->Send(std::move(reply));
    if (call->unsent() > kMostUnreadChanges) {
      deaf.push_back(call);
    }
  }
  for (http2::Call* call : deaf) {
    EndStream(call, Status::ResourceExhausted("the changes of state are not read"));
  }
}

void IoThread::DrainStreams() {
  TellWatchers();
  const std::vector<http2::Call*> calls(streams_.begin(), streams_.end());
  for (http2::Call* call : calls) {
    auto* state = static_cast<CallState*>(call->context);
    if (state->stream != nullptr) {
      state->stream->Drain();
    } else {
      EndStream(call, Stopping());
    }
  }
}

// Streams whose time is out (their requests have deadlines of their own), and those
// whose clients keep a model waiting.
void IoThread::SweepStreams() {
  const Status status = Status::DeadlineExceeded("the stream's time ran out");
  const std::vector<http2::Call*> calls(streams_.begin(), streams_.end());
  for (http2::Call* call : calls) {
    auto* state = static_cast<CallState*>(call->context);
    if (call->deadline() > now_) {
      if (state->stream != nullptr) {
        state->stream->Sweep(now_);
      }
      continue;
    }
    if (state->stream != nullptr) {
      state->stream->End(status);
    } else {
      EndStream(call, status);
    }
  }
}

}  // namespace leeboard::front
