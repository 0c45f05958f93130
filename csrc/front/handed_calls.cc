// Calls that the control plane answers: out to it, and back.

#include <utility>

#include "front/io_thread.h"

namespace leeboard::front {

void IoThread::HandOverCall(http2::Call* call, CallState* state) {
  Status status = Status::Unavailable("the server is stopping and takes no new calls");
  if (!draining_) {
    status = handed_.Add(call,
                         {0, std::string(HandedName(state->method)),
                          std::move(state->message), std::string(state->access.name())},
                         &state->handed);
  }
  if (!status.ok()) {
    Refuse(call, state, status);
    return;
  }
  notices_.Ring();
}

void IoThread::EndHanded(std::uint64_t id, const Status& status, std::string reply) {
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

void IoThread::ExpireHanded() {
  if (handed_.empty()) {
    return;
  }
  for (std::uint64_t id = handed_.Expired(now_); id != 0; id = handed_.Expired(now_)) {
    EndHanded(id, Status::DeadlineExceeded("the call's time ran out before its answer"),
              "");
  }
}

void IoThread::FailHanded() {
  for (std::uint64_t id = handed_.Any(); id != 0; id = handed_.Any()) {
    EndHanded(id, Status::Unavailable("the server is stopping"), "");
  }
}

}  // namespace leeboard::front
