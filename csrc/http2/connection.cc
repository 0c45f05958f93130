#include "http2/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "http2/pool.h"
#include "http2/session.h"

namespace leeboard::http2 {
namespace {

class SocketConnection final : public Connection {
 public:
  SocketConnection(UniqueFd socket, Shared* shared)
      : socket_(std::move(socket)), shared_(shared), session_(this, shared) {
    // Answers leave in one send for each pass; waiting for more would only delay them.
    const int on = 1;
    setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    Bump(shared_->counters.connections_opened);
    session_.MarkDirty();  // SETTINGS.
  }
  ~SocketConnection() override { Bump(shared_->counters.connections_closed); }
  SocketConnection(const SocketConnection&) = delete;
  SocketConnection& operator=(const SocketConnection&) = delete;

  [[nodiscard]] int fd() const override { return socket_.get(); }
  [[nodiscard]] bool OnReadable(Nanos now) override;
  [[nodiscard]] bool Flush(Nanos now) override;
  [[nodiscard]] bool wants_write() const override { return wants_write_; }
  [[nodiscard]] bool dirty() const override { return session_.dirty(); }
  [[nodiscard]] bool has_more() const override { return has_more_; }
  void BeginDrain() override { session_.BeginDrain(); }
  [[nodiscard]] bool Sweep(Nanos now) override { return session_.Sweep(now); }
  [[nodiscard]] std::uint32_t open_calls() const override {
    return session_.open_calls();
  }
  [[nodiscard]] bool CopyOutReplies() override { return session_.CopyOutReplies(); }
  [[nodiscard]] std::uint64_t referenced_bytes() const override {
    return session_.referenced_bytes();
  }

 private:
  UniqueFd socket_;
  Shared* shared_;
  Session session_;
  bool wants_write_ = false;
  bool has_more_ = false;
};

bool SocketConnection::OnReadable(Nanos now) {
  session_.set_now(now);
  std::uint8_t* buffer = shared_->pool->receive_buffer.get();
  const ssize_t n = recv(socket_.get(), buffer, Pool::kReceiveBytes, 0);
  // A short read has drained the socket; what comes later makes it readable again.
  has_more_ = n == static_cast<ssize_t>(Pool::kReceiveBytes);
  if (n <= 0) {
    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
  }
  Bump(shared_->counters.bytes_received, static_cast<std::uint64_t>(n));
  if (session_.OnInput({buffer, static_cast<std::size_t>(n)})) {
    return true;
  }
  (void)Flush(now);  // The reason why, if the socket takes it.
  return false;
}

bool SocketConnection::Flush(Nanos now) {
  session_.set_now(now);
  SendQueue& queue = session_.queue();
  SendQueue::Outcome outcome = SendQueue::Outcome::kSentAll;
  do {
    if (!session_.FillOutput()) {
      return false;
    }
    std::uint64_t sent = 0;
    const bool had_output = queue.unsent_bytes() > 0;
    outcome = queue.SendTo(socket_.get(), &sent);
    Bump(shared_->counters.bytes_sent, sent);
    if (!had_output) {
      break;
    }
  } while (outcome == SendQueue::Outcome::kSentAll);
  wants_write_ = outcome == SendQueue::Outcome::kBlocked;
  session_.ClearDirty();
  return outcome != SendQueue::Outcome::kBroken && !session_.is_over();
}

}  // namespace

std::unique_ptr<Connection> Connection::Create(UniqueFd socket, Shared* shared) {
  if (shared->pool == nullptr) {
    shared->pool = std::make_shared<Pool>();
  }
  return std::make_unique<SocketConnection>(std::move(socket), shared);
}

}  // namespace leeboard::http2
