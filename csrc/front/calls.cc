// Calls in, answers out.

#include <algorithm>
#include <utility>

#include "front/reply.h"
#include "front/server.h"

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

void Server::OnStart(http2::Call* call) {
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
}

void Server::Release(http2::Call* call) {
  constexpr std::size_t kKept = 4096;
  std::unique_ptr<CallState> state(
      static_cast<CallState*>(std::exchange(call->context, nullptr)));
  if (state == nullptr) {
    return;
  }
  counters_.live_calls.Subtract();
  state->inference.Drop();
  state->request = nullptr;
  state->handed = 0;
  state->message.clear();
  if (free_states_.size() < kKept) {
    free_states_.push_back(std::move(state));
  }
}

void Server::OnMessage(http2::Call* call, std::uint32_t size) {
  auto* state = static_cast<CallState*>(call->context);
  state->size = size;
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

void Server::OnBytes(http2::Call* call, std::span<const std::uint8_t> bytes) {
  auto* state = static_cast<CallState*>(call->context);
  if (state->method != kModelInfer) {
    state->message.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (state->message.size() == state->size) {
      Complete(call, state);
    }
    return;
  }
  Inference::Step step = Inference::Step::kMore;
  const Status status = state->inference.Feed(bytes, place(), &scratch_, &step);
  if (!status.ok()) {
    Refuse(call, state, status);
  } else if (step == Inference::Step::kComplete) {
    Complete(call, state);
  }
}

void Server::OnEnd(http2::Call* /*call*/) {
  // The message was taken when its last byte came; half-closing adds nothing.
}

void Server::OnGone(http2::Call* call) {
  auto* state = static_cast<CallState*>(call->context);
  if (state != nullptr && state->request != nullptr) {
    batch::Request* request = state->request;
    batch::VersionQueue* queue = request->queue;
    deadlines_.Remove(request);
    queue->counters().Fail(batch::Reason::kCancelled);
    queue->Forget(request);
  }
  if (state != nullptr && state->handed != 0) {
    handed_.Remove(state->handed);
  }
  Release(call);
}

void Server::Complete(http2::Call* call, CallState* state) {
  if (state->method == kModelInfer) {
    SubmitInference(call, state);
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
  const Status status = AnswerControl(state->method, message, &reply.text);
  Release(call);
  if (status.ok()) {
    call->Reply(std::move(reply));
  } else {
    call->Fail(status);
  }
}

void Server::HandOverCall(http2::Call* call, CallState* state) {
  Status status = Status::Unavailable("the server is stopping and takes no new calls");
  if (!draining_) {
    status = handed_.Add(call, HandedName(state->method), std::move(state->message),
                         &state->handed);
  }
  if (!status.ok()) {
    Refuse(call, state, status);
    return;
  }
  notices_.Ring();
}

void Server::EndHanded(std::uint64_t id, const Status& status, std::string reply) {
  http2::Call* call = handed_.Remove(id);
  if (call == nullptr) {
    return;
  }
  Release(call);
  if (status.ok()) {
    http2::ReplyBody body;
    body.text = std::move(reply);
    call->Reply(std::move(body));
  } else {
    call->Fail(status);
  }
}

void Server::ExpireHanded() {
  if (handed_.empty()) {
    return;
  }
  for (std::uint64_t id = handed_.Expired(now_); id != 0; id = handed_.Expired(now_)) {
    EndHanded(id, Status::DeadlineExceeded("the call's time ran out before its answer"),
              "");
  }
}

void Server::FailHanded() {
  for (std::uint64_t id = handed_.Any(); id != 0; id = handed_.Any()) {
    EndHanded(id, Status::Unavailable("the server is stopping"), "");
  }
}

void Server::SubmitInference(http2::Call* call, CallState* state) {
  counters_.requests.Add();
  batch::Request* request = nullptr;
  Status status =
      state->inference.Submit(place(), call->deadline(), &scratch_, &request);
  if (!status.ok()) {
    Refuse(call, state, status);
    return;
  }
  request->call = call;
  state->request = request;
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
}

void Server::Refuse(http2::Call* call, CallState* state, const Status& status) {
  if (state->method == kModelInfer) {
    batch::VersionQueue* queue = state->inference.refused_by();
    if (queue != nullptr) {
      queue->counters().Fail(ReasonOf(status.code()));
    } else if (status.code() == Code::kNotFound) {
      counters_.unknown_model.Add();
    } else {
      counters_.malformed.Add();
    }
  }
  Release(call);
  call->Fail(status);
}

// A request's time is out, or too short for any answer. One that runs already may be
// lucky.
void Server::Expire(batch::Request* request) {
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
  http2::Call* call = request->call;
  queue->counters().Fail(batch::Reason::kDeadline);
  const std::string why =
      is_early ? ": the request's time is too short: the model needs at least " +
                     std::to_string(queue->shortest_run().bound() / 1000) + " us"
               : ": the request's time ran out before its answer";
  const Status status = Status::DeadlineExceeded(queue->options().label + why);
  queue->Forget(request);
  Release(call);
  call->Fail(status);
}

// Nobody claimed a request within the queue's time: it is refused, or goes behind all
// others.
void Server::OutOfPatience(batch::Request* request) {
  batch::VersionQueue* queue = request->queue;
  const bool was_claimed = queue->WasClaimed(*request);
  if (!was_claimed && !queue->options().policy.delays) {
    http2::Call* call = request->call;
    queue->counters().Fail(batch::Reason::kTimeout);
    queue->Forget(request);
    Release(call);
    call->Fail(Status::Unavailable("Request timeout expired"));
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

void Server::OnAnswer(batch::Request* request, const batch::Answer& answer) {
  http2::ReplyBody reply;
  const Status status = MakeReply(*request, answer, &reply);
  http2::Call* call = request->call;
  deadlines_.Remove(request);
  Release(call);
  if (status.ok()) {
    call->Reply(std::move(reply));
  } else {
    call->Fail(status);
  }
}

void Server::OnFailure(batch::Request* request, const Status& status) {
  http2::Call* call = request->call;
  deadlines_.Remove(request);
  Release(call);
  call->Fail(status);
}

void Server::OnOutputPressure() {
  // The replies of slow readers are all that holds output memory for long.
  for (const auto& [connection, entry] : connections_) {
    if (!entry->doomed && connection->referenced_bytes() > 0 &&
        !connection->CopyOutReplies()) {
      entry->doomed = true;
      doomed_.push_back(entry.get());
    }
  }
}

void Server::OnWorkerBroken(batch::WorkerLink* link, const char* why) {
  notices_.Post({Notice::Kind::kWorkerBroken, link->id, why});
  link->Kill();  // Its death comes back as an event, and its batches run elsewhere.
}

void Server::OnGuilty(std::uint64_t worker, const std::string& text) {
  notices_.Post({Notice::Kind::kGuilty, worker, text});
}

}  // namespace leeboard::front
