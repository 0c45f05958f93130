#include "load/connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "http2/frames_out.h"

namespace leeboard::load {
namespace {

constexpr std::size_t kFrameHeaderBytes = 9;
// grpc-core's bandwidth probe: 100 ms apart at first, ten seconds when nothing changes.
constexpr Nanos kFirstProbeGap = 100'000'000;
constexpr Nanos kLastProbeGap = 10'000'000'000;
// Size of a gRPC prefix, by which grpc-core widens the window of a new stream.
constexpr std::int32_t kPrefixBytes = 5;

std::string ErrorText(int error) {
  std::array<char, 128> buffer{};
  return strerror_r(error, buffer.data(), buffer.size());
}

}  // namespace

RequestHead::RequestHead(std::string authority, std::string path, std::string timeout,
                         std::vector<std::pair<std::string, std::string>> extra)
    : authority_(std::move(authority)),
      path_(std::move(path)),
      timeout_(std::move(timeout)),
      extra_(std::move(extra)) {
  fields_ = {http2::LastingHeader(":method", "POST"),
             http2::LastingHeader(":scheme", "http"),
             http2::LastingHeader(":path", path_),
             http2::LastingHeader(":authority", authority_),
             http2::LastingHeader("content-type", "application/grpc"),
             http2::LastingHeader("te", "trailers"),
             http2::LastingHeader("grpc-accept-encoding", "identity"),
             http2::LastingHeader("user-agent", "leeboard-bench")};
  if (!timeout_.empty()) {
    fields_.push_back(http2::LastingHeader("grpc-timeout", timeout_));
  }
  for (const auto& [name, value] : extra_) {
    fields_.push_back(http2::LastingHeader(name, value));
  }
}

Connection::Connection(UniqueFd socket, ConnectionShared* shared)
    : socket_(std::move(socket)),
      shared_(shared),
      queue_(&shared->pool),
      session_(NewClientSession(this, shared->profile)) {
  const int on = 1;
  setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  source.connection = this;
  if (session_ == nullptr) {
    End("out of memory");
  } else {
    nghttp2_session_set_next_stream_id(session_.get(), shared->first_stream);
  }
  MarkDirty();  // SETTINGS.
}

Connection::~Connection() {
  if (is_dirty_) {
    std::erase(shared_->dirty, this);
  }
}

bool Connection::has_room() const {
  return is_open() &&
         in_flight_ < nghttp2_session_get_remote_settings(
                          session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

bool Connection::Start(Exchange* exchange, Nanos now) {
  exchange->Clear();
  exchange->connection = this;
  const http2::DataProvider body = RequestBody(exchange);
  const auto& fields = shared_->head->fields();
  const std::int32_t id = http2::SubmitRequest(session_.get(), fields.data(),
                                               fields.size(), &body, exchange);
  if (id < 0) {
    exchange->connection = nullptr;
    is_draining_ = true;  // Out of stream numbers, or the server said GOAWAY.
    return false;
  }
  exchange->stream = id;
  exchange->live_index = static_cast<std::uint32_t>(live_.size());
  live_.push_back(exchange);
  ++in_flight_;
  MarkDirty();
  if (shared_->profile == Profile::kOrdinary) {
    ProbeBandwidth(now);
  }
  return true;
}

void Connection::ProbeBandwidth(Nanos now) {
  if (!got_data_ || now < next_probe_) {
    return;
  }
  got_data_ = false;
  probe_gap_ = std::clamp(probe_gap_ * 2, kFirstProbeGap, kLastProbeGap);
  next_probe_ = now + probe_gap_;
  nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr);
}

void Connection::Cancel(Exchange* exchange) {
  nghttp2_session_set_stream_user_data(session_.get(), exchange->stream, nullptr);
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, exchange->stream,
                            NGHTTP2_CANCEL);
  MarkDirty();
  Forget(exchange);
}

void Connection::Forget(Exchange* exchange) {
  live_.back()->live_index = exchange->live_index;
  live_[exchange->live_index] = live_.back();
  live_.pop_back();
  --in_flight_;
  exchange->connection = nullptr;
}

void Connection::OnReadable() {
  if (!is_over_) {
    Receive();
  }
}

// False: there was nothing, or there never will be.
bool Connection::Receive() {
  std::uint8_t* buffer = shared_->pool.receive_buffer.get();
  const ssize_t n = recv(socket_.get(), buffer, http2::Pool::kReceiveBytes, 0);
  if (n == 0) {
    End("the server closed the connection");
    return false;
  }
  if (n < 0) {
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
      End(ErrorText(errno));
    }
    return false;
  }
  shared_->bytes_received += static_cast<std::uint64_t>(n);
  const http2::SignedSize used =
      http2::MemRecv(session_.get(), buffer, static_cast<std::size_t>(n));
  if (used < 0) {
    End("out of memory");
  } else if (nghttp2_session_want_write(session_.get()) != 0) {
    MarkDirty();
  } else {
    EndIfSilent();
  }
  return !is_over_;
}

void Connection::EndIfSilent() {
  if (nghttp2_session_want_read(session_.get()) == 0 &&
      nghttp2_session_want_write(session_.get()) == 0) {
    End(is_draining_    ? "the server said goodbye"
        : has_settings_ ? "the server broke HTTP/2"
                        : "the server does not speak HTTP/2");
  }
}

bool Connection::FillQueue() {
  return http2::MoveFrames(session_.get(), &queue_);
}

void Connection::Flush() {
  using Sent = http2::SendQueue::Outcome;
  if (is_over_) {
    return;
  }
  Sent outcome = Sent::kSentAll;
  do {
    if (!FillQueue()) {
      return End("out of memory");
    }
    if (queue_.unsent_bytes() == 0) {
      break;
    }
    outcome = queue_.SendTo(socket_.get(), &shared_->bytes_sent);
  } while (outcome == Sent::kSentAll);
  wants_write_ = outcome == Sent::kBlocked;
  if (outcome == Sent::kBroken) {
    FailToSend(ErrorText(errno));
  } else {
    EndIfSilent();
  }
}

// What the server said before it left still counts.
void Connection::FailToSend(std::string why) {
  while (Receive()) {
  }
  is_over_ = true;
  why_ = std::move(why);
}

Connection* ConnectionShared::TakeDirty() {
  if (dirty.empty()) {
    return nullptr;
  }
  Connection* connection = dirty.back();
  dirty.pop_back();
  connection->is_dirty_ = false;
  return connection;
}

void Connection::MarkDirty() {
  if (!is_dirty_) {
    is_dirty_ = true;
    shared_->dirty.push_back(this);
  }
}

void Connection::End(std::string why) {
  if (!is_over_) {
    is_over_ = true;
    why_ = std::move(why);
  }
}

void Connection::Abandon() {
  while (!live_.empty()) {
    Exchange* exchange = live_.back();
    Forget(exchange);
    shared_->listener->OnEnded(
        exchange, {kStatusUnavailable, "the connection was lost: " + why_, false});
  }
}

void Connection::OnHeadersSent(std::int32_t stream) {
  if (shared_->profile == Profile::kOrdinary) {
    nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, stream,
                                 kPrefixBytes);
  }
}

void Connection::OnBodySent() {
  if (shared_->profile == Profile::kOrdinary) {
    nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, 0,
                                 std::max(uncredited_, kPrefixBytes));
    uncredited_ = 0;
  }
}

// The stream stays open until the request is out, for which a server that has answered
// may never make room: the call ends here, as it does for gRPC's own clients.
void Connection::OnAnswered(std::int32_t stream) {
  Exchange* exchange = Find(stream);
  if (exchange == nullptr ||
      exchange->request_at == kPrefixBytes + exchange->request.size()) {
    return;
  }
  Outcome outcome = exchange->Conclude(NGHTTP2_NO_ERROR);
  Cancel(exchange);
  shared_->listener->OnEnded(exchange, std::move(outcome));
}

void Connection::OnData(Exchange* exchange, std::span<const std::uint8_t> bytes) {
  if (exchange != nullptr) {
    exchange->OnBody(bytes);
  }
  if (shared_->profile != Profile::kOrdinary) {
    return;
  }
  // nghttp2 credits nothing by itself here: large answers need it before the next
  // request.
  constexpr std::int32_t kCreditAt = 1 << 20;
  got_data_ = true;
  uncredited_ += static_cast<std::int32_t>(bytes.size());
  if (exchange != nullptr && exchange->received >= kCreditAt) {
    nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, exchange->stream,
                                 static_cast<std::int32_t>(bytes.size()));
  }
  if (uncredited_ >= kCreditAt) {
    nghttp2_submit_window_update(session_.get(), NGHTTP2_FLAG_NONE, 0, uncredited_);
    uncredited_ = 0;
  }
}

void Connection::OnStreamClosed(std::int32_t stream, std::uint32_t error_code) {
  Exchange* exchange = Find(stream);
  if (exchange == nullptr) {
    return;
  }
  Outcome outcome = exchange->Conclude(error_code);
  Forget(exchange);
  shared_->listener->OnEnded(exchange, std::move(outcome));
}

Exchange* Connection::Find(std::int32_t stream) {
  return static_cast<Exchange*>(
      nghttp2_session_get_stream_user_data(session_.get(), stream));
}

void Connection::SendLargeData(Exchange* exchange, const std::uint8_t* frame_header,
                               std::size_t size) {
  queue_.Append(frame_header, kFrameHeaderBytes);
  if (exchange->request_at < kPrefixBytes) {
    const auto length = static_cast<std::uint32_t>(exchange->request.size());
    const std::array<std::uint8_t, kPrefixBytes> prefix = {
        0, static_cast<std::uint8_t>(length >> 24U),
        static_cast<std::uint8_t>(length >> 16U),
        static_cast<std::uint8_t>(length >> 8U), static_cast<std::uint8_t>(length)};
    const std::size_t n = std::min(size, kPrefixBytes - exchange->request_at);
    queue_.Append(prefix.data() + exchange->request_at, n);
    exchange->request_at += n;
    size -= n;
  }
  if (size > 0) {
    queue_.AppendLasting(exchange->request.data() + exchange->request_at - kPrefixBytes,
                         size);
    exchange->request_at += size;
  }
}

Status BeginConnect(const std::string& host, std::uint16_t port, UniqueFd* socket) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string service = std::to_string(port);
  if (getaddrinfo(host.c_str(), service.c_str(), &hints, &found) != 0) {
    return Status::InvalidArgument(host + " is no address");
  }
  UniqueFd made(
      ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int failed = !made.valid() ? errno
                     : connect(made.get(), found->ai_addr, found->ai_addrlen) == 0
                         ? 0
                         : errno;
  freeaddrinfo(found);
  if (failed != 0 && failed != EINPROGRESS) {
    return Status::Unavailable(ErrorText(failed));
  }
  *socket = std::move(made);
  return {};
}

}  // namespace leeboard::load
