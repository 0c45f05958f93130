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

Status OverBudget(std::uint64_t size, const char* whose, std::uint64_t budget) {
  return Status::ResourceExhausted("the message of " + std::to_string(size) +
                                   " bytes does not fit the " + whose + " budget of " +
                                   std::to_string(budget) +
                                   " bytes for unanswered requests and unsent answers");
}

}  // namespace

Status Stream::MiddleOfMessage() {
  return Status::Internal("the client ended the stream in the middle of a message");
}

void Stream::Open(Session* session, std::int32_t id) {
  session_ = session;
  id_ = id;
  began_at_ = session->now();
}

void Stream::Clear() {
  // Strings keep their capacity.
  std::string path = std::move(path_);
  CallHeaders headers = std::move(headers_);
  path.clear();
  headers.authorization.clear();
  headers.traceparent.clear();
  headers.tracestate.clear();
  headers.wants_error_status = false;
  *this = Stream();
  path_ = std::move(path);
  headers_ = std::move(headers);
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
  } else {
    OnOtherHeader(name, value);
  }
}

// Headers of calls that ask for more than an answer.
void Stream::OnOtherHeader(std::string_view name, std::string_view value) {
  if (name == "authorization") {
    // Two of them are no one's: what is joined matches nothing that is known.
    headers_.authorization.append(headers_.authorization.empty() ? "" : ",")
        .append(value);
  } else if (name == "traceparent") {
    headers_.traceparent.assign(value);
  } else if (name == "tracestate") {
    headers_.tracestate.append(headers_.tracestate.empty() ? "" : ",").append(value);
  } else if (name == "triton_grpc_error") {
    headers_.wants_error_status = value == "true";
  } else if (name == "grpc-encoding") {
    encoding_ = ParseEncoding(value);
    if (encoding_ == Encoding::kGzip || encoding_ == Encoding::kDeflate) {
      session_->ExpectCompressed();
    }
  } else if (name == "grpc-accept-encoding" &&
             session_->limits().reply_compression > 0) {
    accepts_ = ChooseEncoding(value);
  }
}

const Peer& Stream::peer() const {
  return session_->peer();
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
  if (encoding_ == Encoding::kUnknown) {
    Fail(Status::Unimplemented("grpc-encoding is none of " +
                               std::string(kAcceptedEncodings)));
    return false;
  }
  return true;
}

// Returns what is left when the stream is paused.
std::span<const std::uint8_t> Stream::Parse(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty() && !answered_) {
    if (prefix_have_ < prefix_.size()) {
      // A unary call's message counts from its headers.
      began_at_ = prefix_have_ == 0 && flow_ != nullptr ? session_->now() : began_at_;
      const std::size_t n = std::min(bytes.size(), prefix_.size() - prefix_have_);
      std::memcpy(prefix_.data() + prefix_have_, bytes.data(), n);
      prefix_have_ += n;
      bytes = bytes.subspan(n);
      if (prefix_have_ == prefix_.size()) {
        OnPrefix();
      }
    } else {
      const std::size_t n = std::min<std::size_t>(bytes.size(), size_ - received_);
      if (n == 0) {
        Refuse(Status::Unimplemented(
            "a unary call takes one message; more data followed it"));
        return {};
      }
      received_ += static_cast<std::uint32_t>(n);
      if (inflated_ == nullptr) {
        session_->handler()->OnBytes(this, bytes.first(n));
      } else {
        OnCompressed(bytes.first(n));
      }
      bytes = bytes.subspan(n);
    }
    if (flow_ != nullptr && is_whole()) {
      did_work_ = true;
      prefix_have_ = 0;
      received_ = 0;
      if (flow_->is_paused) {
        return bytes;
      }
    }
  }
  return {};
}

bool Stream::AdmitHeld(std::size_t size) {
  const auto wanted = static_cast<std::uint32_t>(size);
  if (session_->Admit(wanted) != Session::Admission::kAdmitted) {
    Refuse(OverBudget(wanted, "connection's or the server's",
                      session_->limits().connection_budget_bytes));
    return false;
  }
  admitted_ += wanted;
  return true;
}

void Stream::OnPrefix() {
  size_ = static_cast<std::uint32_t>(prefix_[1]) << 24 |
          static_cast<std::uint32_t>(prefix_[2]) << 16 |
          static_cast<std::uint32_t>(prefix_[3]) << 8 | prefix_[4];
  const bool is_compressed = prefix_[0] == 1;
  if (prefix_[0] > 1) {
    Refuse(Status::Internal("the message's compressed flag is neither 0 nor 1"));
    return;
  }
  if (is_compressed && (encoding_ == Encoding::kIdentity || size_ == 0)) {
    Refuse(Status::Internal(
        size_ == 0 ? "the compressed message is empty"
                   : "the message is compressed and no grpc-encoding says how"));
    return;
  }
  const Limits& limits = session_->limits();
  if (size_ > limits.max_message_bytes) {
    Refuse(Status::ResourceExhausted("the message of " + std::to_string(size_) +
                                     " bytes is over the limit of " +
                                     std::to_string(limits.max_message_bytes)));
    return;
  }
  occupied_ = 0;
  Status status = Occupy(size_);
  if (status.ok() && is_compressed) {
    status = Occupy(InflatedMessage::kStateBytes);
  }
  if (!status.ok()) {
    Refuse(status);
  } else if (is_compressed) {
    inflated_ = std::make_unique<InflatedMessage>(encoding_, limits.max_message_bytes);
  } else {
    session_->handler()->OnMessage(this, size_);
  }
}

// Takes more of the budgets for this call's message.
Status Stream::Occupy(std::uint32_t size) {
  const Limits& limits = session_->limits();
  const std::uint64_t whole = admitted_ + size;
  switch (session_->Admit(size)) {
    case Session::Admission::kConnectionFull:
      return OverBudget(whole, "connection's", limits.connection_budget_bytes);
    case Session::Admission::kServerFull:
      return OverBudget(whole, "server's", limits.server_budget_bytes);
    case Session::Admission::kAdmitted:
      admitted_ += size;
      occupied_ += size;
  }
  return {};
}

// The handler hears of a compressed message once it is whole: only then is its size
// known.
void Stream::OnCompressed(std::span<const std::uint8_t> bytes) {
  Status status;
  const std::uint32_t before = inflated_->size();
  const InflatedMessage::Outcome outcome =
      inflated_->Feed(bytes, [this, &status](std::uint32_t more) {
        status = Occupy(more);
        return status.ok();
      });
  session_->CountInflated(inflated_->size() - before);
  const bool is_last = received_ == size_;
  switch (outcome) {
    case InflatedMessage::Outcome::kWhole:
      if (is_last) {
        DeliverInflated();
      }
      return;
    case InflatedMessage::Outcome::kMore:
      if (is_last) {
        Refuse(Status::Internal("the compressed message ends too early"));
      }
      return;
    case InflatedMessage::Outcome::kBroken:
      Refuse(Status::Internal("the message is not what its grpc-encoding says"));
      return;
    case InflatedMessage::Outcome::kTooLong:
      Refuse(Status::ResourceExhausted(
          "the message of " + std::to_string(size_) +
          " compressed bytes holds more than the limit of " +
          std::to_string(session_->limits().max_message_bytes)));
      return;
    case InflatedMessage::Outcome::kRefused:
      Refuse(status);
  }
}

void Stream::DeliverInflated() {
  const std::unique_ptr<InflatedMessage> whole = std::move(inflated_);
  Release(occupied_ - whole->size());  // All but the message has gone.
  session_->handler()->OnMessage(this, whole->size());
  for (std::size_t i = 0; i < whole->pieces() && !answered_; ++i) {
    session_->handler()->OnBytes(this, whole->piece(i));
  }
}

bool Stream::is_whole() const {
  return prefix_have_ == prefix_.size() && received_ == size_;
}

void Stream::OnEnd() {
  remote_closed_ = true;
  if (answered_) {
    return;
  }
  if (flow_ != nullptr) {
    flow_->has_end = true;
    EndOfMessages();
  } else if (prefix_have_ == 0) {
    Refuse(Status::Unimplemented("a unary call takes one message; none was sent"));
  } else if (!is_whole()) {
    Refuse(MiddleOfMessage());
  } else {
    did_work_ = true;
    session_->handler()->OnEnd(this);
  }
}

void Stream::Sweep(Nanos now) {
  constexpr Nanos kSecond = 1'000'000'000;
  const Limits& limits = session_->limits();
  const Nanos over = now - began_at_ - limits.message_grace;
  // A paused client could not send if it would.
  const bool is_between = flow_ != nullptr && (prefix_have_ == 0 || flow_->is_paused);
  if (answered_ || !is_call_ || is_whole() || is_between || over <= 0) {
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

void Stream::Finish(const Status& status) {
  if (answered_) {
    return;
  }
  answered_ = true;
  with_handler_ = false;
  ReleaseAdmitted();
  if (flow_ != nullptr) {
    std::string().swap(flow_->held);
  }
  if (flow_ != nullptr && flow_->has_headers) {
    session_->SendEnd(this, status);
  } else {
    session_->SendStatus(this, status);
  }
}

// Ends a call that the handler knows of for a reason that it does not.
void Stream::Refuse(const Status& status) {
  if (std::exchange(with_handler_, false)) {
    session_->handler()->OnGone(this);
  }
  Fail(status);
}

void Stream::ReleaseAdmitted() {
  inflated_.reset();
  session_->Release(std::exchange(admitted_, 0));
}

}  // namespace leeboard::http2
