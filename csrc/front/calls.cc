// Calls in, answers out.

#include <algorithm>
#include <utility>

#include "base/one_line.h"
#include "front/io_thread.h"
#include "front/reply.h"

namespace leeboard::front {
namespace {

constexpr std::uint32_t kLargestControlMessage = 64 << 10;

batch::Reason ReasonOf(Code code) {
  switch (code) {
    case Code::kResourceExhausted:
      return batch::Reason::kRejected;
    case Code::kDeadlineExceeded:
      return batch::Reason::kDeadline;
    case Code::kUnavailable:
      return batch::Reason::kUnavailable;
    default:
      return batch::Reason::kInvalid;
  }
}

}  // namespace

void IoThread::OnStart(http2::Call* call) {
  const int method = MethodOf(call->method());
  if (method < 0) {
    call->Fail(Status::Unimplemented("unknown method " + std::string(call->method())));
    return;
  }
  if (free_states_.empty()) {
    free_states_.push_back(std::make_unique<CallState>());
  }
  CallState* state = free_states_.back().release();
  free_states_.pop_back();
  state->method = method;
  call->context = state;
  counters_.live_calls.Add();
  if (access_.is_on()) {
    const Status status = access_.Begin(*call, Asked(method), now_, &state->access);
    if (!status.ok()) {
      Deny(call, state, status);
      return;
    }
  }
  if (method == kModelInfer) {
    BeginTrace(call, &state->trace);
  } else if (IsStreaming(method)) {
    BeginStream(call, state);
  }
}

// Refuses a call that its caller may not make, and says so in bounds.
void IoThread::Deny(http2::Call* call, CallState* state, const Status& status) {
  NoteRefusal(*call, *state, status);
  Release(call);
  call->Fail(status);
}

void IoThread::NoteRefusal(const http2::Call& call, const CallState& state,
                           const Status& status) {
  std::uint64_t unsaid = 0;
  if (refusals_.MaySay(now_, &unsaid)) {
    notices_.Post({Notice::Kind::kRefused, unsaid,
                   call.peer().address + ", " + std::string(Asked(state.method).name) +
                       ": " + OneLine(status.message())});
  }
}

void IoThread::Release(http2::Call* call) {
  constexpr std::size_t kKept = 4096;
  constexpr std::size_t kKeptText = 4 << 10;  // Of each: a client chooses how long.
  std::unique_ptr<CallState> state(
      static_cast<CallState*>(std::exchange(call->context, nullptr)));
  if (state == nullptr) {
    return;
  }
  counters_.live_calls.Subtract();
  if (IsStreaming(state->method) && streams_.erase(call) > 0) {
    counters_.streams.Set(streams_.size());
  }
  if (state->stream != nullptr) {
    state->stream->Abandon();
    abandoned_.push_back(std::move(state->stream));
  }
  access_.End(&state->access);
  state->inference.Drop();
  state->request = nullptr;
  state->handed = 0;
  state->message.clear();
  if (state->message.capacity() > kKeptText) {
    std::string().swap(state->message);
  }
  if (std::exchange(state->watches, false)) {
    std::string().swap(state->service);
  }
  if (free_states_.size() < kKept) {
    free_states_.push_back(std::move(state));
  }
}

void IoThread::OnMessage(http2::Call* call, std::uint32_t size) {
  auto* state = static_cast<CallState*>(call->context);
  state->size = size;
  if (state->stream != nullptr) {
    state->stream->OnMessage(size, now_);
    return;
  }
  if (state->method == kModelInfer) {
    state->inference.Start(size, now_);
  } else if (size > (HandedName(state->method).empty() ? kLargestControlMessage
                                                       : HandOver::kLargestMessage)) {
    Refuse(call, state,
           Status::InvalidArgument("a message of " + std::to_string(size) +
                                   " bytes is too large for " +
                                   std::string(call->method())));
    return;
  }
  if (size == 0) {
    Complete(call, state);
  }
}

void IoThread::OnBytes(http2::Call* call, std::span<const std::uint8_t> bytes) {
  auto* state = static_cast<CallState*>(call->context);
  if (state->stream != nullptr) {
    state->stream->OnBytes(bytes);
    return;
  }
  if (state->method != kModelInfer) {
    state->message.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (state->message.size() == state->size) {
      Complete(call, state);
    }
    return;
  }
  Inference::Step step = Inference::Step::kMore;
  const Status status = state->inference.Feed(bytes, place(*state), &scratch_, &step);
  if (!status.ok()) {
    Refuse(call, state, status);
  } else if (step == Inference::Step::kComplete) {
    Complete(call, state);
  }
}

void IoThread::OnEnd(http2::Call* call) {
  // A message is taken when its last byte has come; half-closing adds nothing to it.
  auto* state = static_cast<CallState*>(call->context);
  if (state->stream != nullptr) {
    state->stream->OnEnd();
  } else if (state->method == kReflection) {
    EndStream(call, {});
  } else if (state->method == kHealthWatch && !state->watches) {
    EndStream(call, Status::InvalidArgument("Watch takes one message; none was sent"));
  }
}

void IoThread::OnGone(http2::Call* call) {
  auto* state = static_cast<CallState*>(call->context);
  if (state != nullptr && state->request != nullptr) {
    Forget(state->request);
  } else if (state != nullptr && state->method == kModelInfer) {
    EndRefused(call, state->trace, state->inference, Code::kCancelled);
  }
  if (state != nullptr && state->handed != 0) {
    handed_.Remove(state->handed);
  }
  Release(call);
}

void IoThread::Complete(http2::Call* call, CallState* state) {
  if (state->method == kModelInfer) {
    const Status status = Enqueue(&state->inference, call, &state->request, nullptr);
    if (!status.ok()) {
      Release(call);
      call->Fail(status);
    }
    return;
  }
  if (IsStreaming(state->method)) {
    OnStreamed(call, state);
    return;
  }
  if (!HandedName(state->method).empty()) {
    HandOverCall(call, state);
    return;
  }
  http2::ReplyBody reply;
  const wire::Bytes message(
      reinterpret_cast<const std::uint8_t*>(state->message.data()),
      state->message.size());
  const Status status = small_methods().Answer(state->method, message, &reply.text);
  Release(call);
  if (status.ok()) {
    call->Reply(std::move(reply));
  } else {
    call->Fail(status);
  }
}

// Hands a whole message to its version's queue and watches its deadlines. `*holder`
// names its request while the queue has it.
Status IoThread::Enqueue(Inference* inference, http2::Call* call,
                         batch::Request** holder, StreamMessage* message) {
  counters_.requests.Add();
  const bool in_stream = message != nullptr;
  CallState* state = StateOf(call);
  Trace* trace = in_stream ? &message->trace : &state->trace;
  trace->complete = now_;
  batch::Request* request = nullptr;
  Status status =
      inference->Submit(place(*state), call->deadline(), &scratch_, &request);
  if (!status.ok()) {
    CountRefusal(call, *trace, *inference, status);
    return status;
  }
  request->call = call;
  request->message = message;
  *holder = request;
  if (in_stream) {
    message->is_decoupled = request->queue->options().decoupled;
    message->wants_empty_final = scratch_.request.wants_empty_final;
  }
  trace->queued = trace->sampled ? MonotonicNow() : now_;
  request->deadline = request->heap_time;
  request->heap_time =
      request->queue->shortest_run().LatestStart(request->deadline, now_);
  if (request->queue->options().policy.is_set) {
    const std::uint64_t timeout_us = scratch_.request.timeout_us;
    request->claim_by = request->queue->options().policy.ClaimBy(timeout_us, now_);
    request->heap_time = std::min(request->heap_time, request->claim_by);
  }
  if (request->heap_time <= now_) {
    Expire(request);
  } else if (request->heap_time != kNever) {
    deadlines_.Push(request);
  }
  return {};
}

void IoThread::CountRefusal(http2::Call* call, const Trace& trace,
                            const Inference& inference, const Status& status) {
  const Code code = status.code();
  EndRefused(call, trace, inference, code);
  batch::VersionQueue* queue = inference.refused_by();
  if (queue != nullptr) {
    queue->counters().Fail(ReasonOf(code));
  } else if (code == Code::kPermissionDenied) {
    CallState* state = StateOf(call);
    access_.CountModelRefused(&state->access);
    NoteRefusal(*call, *state, status);
  } else if (code == Code::kNotFound) {
    counters_.unknown_model.Add();
  } else {
    counters_.malformed.Add();
  }
}

void IoThread::Refuse(http2::Call* call, CallState* state, const Status& status) {
  if (state->method == kModelInfer) {
    CountRefusal(call, state->trace, state->inference, status);
  }
  Release(call);
  call->Fail(status);
}

// A request's time is out, or too short for any answer. One that runs already may be
// lucky.
void IoThread::Expire(batch::Request* request) {
  deadlines_.Remove(request);
  batch::VersionQueue* queue = request->queue;
  if (request->claim_by <= now_ && now_ < request->deadline) {
    OutOfPatience(request);
    return;
  }
  const bool is_early = now_ < request->deadline;
  if (is_early && queue->IsRunning(*request)) {
    request->heap_time = request->deadline;
    deadlines_.Push(request);
    return;
  }
  queue->counters().Fail(batch::Reason::kDeadline);
  const std::string why =
      is_early ? ": the request's time is too short: the model needs at least " +
                     std::to_string(queue->shortest_run().bound() / 1000) + " us"
               : ": the request's time ran out before its answer";
  EndRequest(request, Status::DeadlineExceeded(queue->options().label + why));
}

// Ends a request that its queue still has, and says so.
void IoThread::EndRequest(batch::Request* request, const Status& status) {
  http2::Call* call = request->call;
  auto* message = static_cast<StreamMessage*>(request->message);
  EndTrace(*request, nullptr, status.code());
  if (message != nullptr) {
    message->stream->OnFailure(message, status);
  }
  request->queue->Forget(request);
  if (message == nullptr) {
    Release(call);
    call->Fail(status);
  }
}

// Nobody claimed a request within the queue's time: it is refused, or goes behind all
// others.
void IoThread::OutOfPatience(batch::Request* request) {
  batch::VersionQueue* queue = request->queue;
  const bool was_claimed = queue->WasClaimed(*request);
  if (!was_claimed && !queue->options().policy.delays) {
    queue->counters().Fail(batch::Reason::kTimeout);
    EndRequest(request, Status::Unavailable("Request timeout expired"));
    return;
  }
  if (!was_claimed) {
    queue->Delay(request);
  }
  request->claim_by = kNever;
  request->heap_time = was_claimed
                           ? request->deadline
                           : queue->shortest_run().LatestStart(request->deadline, now_);
  if (request->heap_time != kNever) {
    deadlines_.Push(request);
  }
}

bool IoThread::OnPart(batch::Request* request, const batch::Answer& answer) {
  auto* message = static_cast<StreamMessage*>(request->message);
  return message->stream->OnPart(message, answer);
}

void IoThread::OnAnswer(batch::Request* request, const batch::Answer& answer) {
  deadlines_.Remove(request);
  if (auto* message = static_cast<StreamMessage*>(request->message);
      message != nullptr) {
    EndTrace(*request, &answer, Code::kOk);
    message->stream->OnAnswer(message, answer);
    return;
  }
  http2::ReplyBody reply;
  const Status status = MakeReply(*request, answer, {}, &reply);
  http2::Call* call = request->call;
  EndTrace(*request, &answer, status.code());
  Release(call);
  if (status.ok()) {
    call->Reply(std::move(reply));
  } else {
    call->Fail(status);
  }
}

void IoThread::OnFailure(batch::Request* request, const Status& status) {
  http2::Call* call = request->call;
  deadlines_.Remove(request);
  EndTrace(*request, nullptr, status.code());
  if (auto* message = static_cast<StreamMessage*>(request->message);
      message != nullptr) {
    message->stream->OnFailure(message, status);
    return;
  }
  Release(call);
  call->Fail(status);
}

void IoThread::OnOutputPressure() {
  // The replies of slow readers are all that holds output memory for long.
  for (const auto& [connection, entry] : connections_) {
    if (!entry->doomed && connection->referenced_bytes() > 0 &&
        !connection->CopyOutReplies()) {
      entry->doomed = true;
      doomed_.push_back(entry.get());
    }
  }
}

void IoThread::OnWorkerBroken(batch::WorkerLink* link, const char* why) {
  notices_.Post({Notice::Kind::kWorkerBroken, link->id, why});
  link->Kill();  // Its death comes back as an event, and its batches run elsewhere.
}

void IoThread::OnGuilty(std::uint64_t worker, const std::string& text) {
  notices_.Post({Notice::Kind::kGuilty, worker, text});
}

}  // namespace leeboard::front
