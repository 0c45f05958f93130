#include "http2/stream.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "http2/grpc_headers.h"
#include "http2/session.h"

namespace leeboard::http2 {
namespace {

// What RFC 9113, section 6.5.2, adds to name and value for each header.
constexpr std::size_t kHeaderOverhead = 32;

Status OverBudget(std::uint32_t size, const char* whose, std::uint64_t budget) {
  return Status::ResourceExhausted("the message of " + std::to_string(size) +
                                   " bytes does not fit the " + whose + " budget of " +
                                   std::to_string(budget) +
                                   " bytes for unanswered requests and unsent answers");
}

}  // namespace

void Stream::Open(Session* session, std::int32_t id) {
  session_ = session;
  id_ = id;
  began_at_ = session->now();
}

void Stream::Clear() {
  std::string path = std::move(path_);
  path.clear();
  *this = Stream();
  path_ = std::move(path);
}

void Stream::OnHeader(std::string_view name, std::string_view value) {
  header_list_bytes_ += name.size() + value.size() + kHeaderOverhead;
  if (header_list_bytes_ > session_->limits().max_header_list_bytes || is_call_) {
    return;
  }
  if (name == ":path") {
    path_.assign(value);
  } else if (name == ":method") {
    is_post_ = value == "POST";
  } else if (name == "content-type") {
    is_grpc_ = IsGrpcContentType(value);
  } else if (name == "grpc-timeout") {
    const std::optional<Nanos> timeout = ParseTimeout(value);
    bad_timeout_ = !timeout.has_value();
    deadline_ = DeadlineAfter(session_->now(), timeout.value_or(0));
  }
}

bool Stream::has_header_bomb() const {
  constexpr std::uint64_t kTimes = 8;
  return header_list_bytes_ > kTimes * session_->limits().max_header_list_bytes;
}

void Stream::OnHeaders(bool is_end) {
  remote_closed_ = is_end;
  if (is_call_) {  // Trailers; nghttp2 has checked that they end the stream.
    return;
  }
  if (!Start()) {
    return;
  }
  with_handler_ = true;
  session_->handler()->OnStart(this);
}

// Whether the headers are worth the handler's attention; answers them otherwise.
bool Stream::Start() {
  const std::uint32_t limit = session_->limits().max_header_list_bytes;
  const bool is_too_large = header_list_bytes_ > limit;
  if (!is_too_large && (!is_post_ || !is_grpc_)) {
    answered_ = true;
    session_->SendHttpStatus(this, is_post_ ? 415 : 405);
    return false;
  }
  is_call_ = true;
  session_->CountStarted();
  if (is_too_large) {
    Fail(Status::ResourceExhausted("the request's headers take " +
                                   std::to_string(header_list_bytes_) +
                                   " bytes; the limit is " + std::to_string(limit)));
    session_->CountUselessStream();
    return false;
  }
  if (bad_timeout_) {
    Fail(Status::Internal(
        "grpc-timeout is not one to eight digits and a unit of HMSmun"));
    return false;
  }
  return true;
}

void Stream::OnData(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty() && !answered_) {
    if (prefix_have_ < prefix_.size()) {
      const std::size_t n = std::min(bytes.size(), prefix_.size() - prefix_have_);
      std::memcpy(prefix_.data() + prefix_have_, bytes.data(), n);
      prefix_have_ += n;
      bytes = bytes.subspan(n);
      if (prefix_have_ == prefix_.size()) {
        OnPrefix();
      }
      continue;
    }
    const std::size_t n = std::min<std::size_t>(bytes.size(), size_ - received_);
    if (n == 0) {
      Refuse(Status::Unimplemented(
          "a unary call takes one message; more data followed it"));
      return;
    }
    received_ += static_cast<std::uint32_t>(n);
    session_->handler()->OnBytes(this, bytes.first(n));
    bytes = bytes.subspan(n);
  }
}

void Stream::OnPrefix() {
  size_ = static_cast<std::uint32_t>(prefix_[1]) << 24 |
          static_cast<std::uint32_t>(prefix_[2]) << 16 |
          static_cast<std::uint32_t>(prefix_[3]) << 8 | prefix_[4];
  if (prefix_[0] == 1) {
    Refuse(Status::Unimplemented(
        "the message is compressed; this server accepts identity only"));
    return;
  }
  if (prefix_[0] != 0) {
    Refuse(Status::Internal("the message's compressed flag is neither 0 nor 1"));
    return;
  }
  const Limits& limits = session_->limits();
  if (size_ > limits.max_message_bytes) {
    Refuse(Status::ResourceExhausted("the message of " + std::to_string(size_) +
                                     " bytes is over the limit of " +
                                     std::to_string(limits.max_message_bytes)));
    return;
  }
  switch (session_->Admit(size_)) {
    case Session::Admission::kConnectionFull:
      Refuse(OverBudget(size_, "connection's", limits.connection_budget_bytes));
      return;
    case Session::Admission::kServerFull:
      Refuse(OverBudget(size_, "server's", limits.server_budget_bytes));
      return;
    case Session::Admission::kAdmitted:
      break;
  }
  admitted_ = size_;
  session_->handler()->OnMessage(this, size_);
}

void Stream::OnEnd() {
  remote_closed_ = true;
  if (answered_) {
    return;
  }
  if (prefix_have_ == 0) {
    Refuse(Status::Unimplemented("a unary call takes one message; none was sent"));
  } else if (prefix_have_ < prefix_.size() || received_ < size_) {
    Refuse(Status::Internal("the client ended the stream in the middle of a message"));
  } else {
    did_work_ = true;
    session_->handler()->OnEnd(this);
  }
}

void Stream::Sweep(Nanos now) {
  constexpr Nanos kSecond = 1'000'000'000;
  const Limits& limits = session_->limits();
  const Nanos over = now - began_at_ - limits.message_grace;
  const bool is_whole = prefix_have_ == prefix_.size() && received_ == size_;
  if (answered_ || !is_call_ || is_whole || over <= 0) {
    return;
  }
  const std::uint64_t least =
      static_cast<std::uint64_t>(over / kSecond) * limits.least_bytes_per_s;
  if (received_ <= least) {
    Refuse(Status::DeadlineExceeded(
        "the message comes too slowly: " + std::to_string(received_) + " of " +
        std::to_string(size_) + " bytes after " +
        std::to_string((now - began_at_) / kSecond) + " s"));
  }
}

bool Stream::OnClose() {
  const bool was_waiting = with_handler_ && !answered_;
  answered_ = true;
  with_handler_ = false;
  ReleaseAdmitted();
  if (was_waiting) {
    session_->handler()->OnGone(this);
  }
  return was_waiting;
}

void Stream::Reply(ReplyBody&& body) {
  if (answered_) {
    return;
  }
  const std::uint64_t size = Answer::MessageSize(body);
  if (size > UINT32_MAX) {
    Fail(Status::Internal("the answer of " + std::to_string(size) +
                          " bytes is more than a gRPC message can hold"));
    return;
  }
  answered_ = true;
  with_handler_ = false;
  ReleaseAdmitted();
  session_->SendReply(this, std::move(body), size);
}

void Stream::Fail(const Status& status) {
  if (answered_) {
    return;
  }
  answered_ = true;
  with_handler_ = false;
  ReleaseAdmitted();
  session_->SendFailure(this, status);
}

// Ends a call that the handler knows of for a reason that it does not.
void Stream::Refuse(const Status& status) {
  if (std::exchange(with_handler_, false)) {
    session_->handler()->OnGone(this);
  }
  Fail(status);
}

void Stream::ReleaseAdmitted() {
  session_->Release(std::exchange(admitted_, 0));
}

}  // namespace leeboard::http2
