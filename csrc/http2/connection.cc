#include "http2/connection.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "http2/pool.h"
#include "http2/session.h"
#include "http2/transport.h"

namespace leeboard::http2 {
namespace {

// A connection that sends compressed messages is read in small bites, so that what one
// bite may inflate to (a thousand times as much) does not hold the others up.
constexpr std::size_t kBite = 1u << 10;
constexpr std::uint64_t kInflateAtOnce = 1u << 20;

class ClientConnection final : public Connection {
 public:
  ClientConnection(UniqueFd socket, Peer peer, Shared* shared, const TlsContext* tls)
      : peer_(std::move(peer)),
        shared_(shared),
        transport_(tls == nullptr
                       ? NewSocketTransport(std::move(socket))
                       : NewTlsTransport(std::move(socket), *tls, &peer_, shared)),
        lifetime_(shared->limits.lifetime,
                  kSpread * static_cast<std::uint64_t>(shared->connections_made++) >>
                      kSpreadShift),
        session_(this, shared) {
    Bump(shared_->counters.connections_opened);
    session_.MarkDirty();  // SETTINGS.
  }
  ~ClientConnection() override { Bump(shared_->counters.connections_closed); }
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  [[nodiscard]] bool valid() const { return transport_ != nullptr; }
  [[nodiscard]] int fd() const override { return transport_->fd(); }
  [[nodiscard]] const Peer& peer() const override { return peer_; }
  [[nodiscard]] bool OnReadable(Nanos now) override;
  [[nodiscard]] bool Flush(Nanos now) override;
  [[nodiscard]] bool wants_write() const override {
    return wants_write_ || transport_->wants_write();
  }
  [[nodiscard]] bool wants_read() const override { return !transport_->wants_write(); }
  [[nodiscard]] bool dirty() const override { return session_.dirty(); }
  [[nodiscard]] bool has_more() const override { return has_more_; }
  void BeginDrain() override { session_.BeginDrain(); }
  [[nodiscard]] bool Sweep(Nanos now) override;
  [[nodiscard]] std::uint32_t open_calls() const override {
    return session_.open_calls();
  }
  [[nodiscard]] bool CopyOutReplies() override { return session_.CopyOutReplies(); }
  [[nodiscard]] std::uint64_t referenced_bytes() const override {
    return session_.referenced_bytes();
  }

 private:
  // Fibonacci hashing: neighbours get ages that lie far apart.
  static constexpr std::uint64_t kSpread = 0x9e3779b97f4a7c15;
  static constexpr int kSpreadShift = 32;

  [[nodiscard]] bool TakeInput(std::span<const std::uint8_t> bytes);
  [[nodiscard]] bool TakeHeld();
  [[nodiscard]] bool SendPending(Nanos now);

  Peer peer_;
  Shared* shared_;
  std::unique_ptr<Transport> transport_;
  Lifetime lifetime_;
  Session session_;
  std::vector<std::uint8_t> held_;  // Received and not yet looked at.
  bool wants_write_ = false;
  bool has_more_ = false;
  bool waits_ = false;  // Output waits for the handshake.
  bool heard_ = false;  // Since the last sweep.
};

bool ClientConnection::OnReadable(Nanos now) {
  session_.set_now(now);
  session_.ResetInflated();
  if (!held_.empty()) {
    return TakeHeld();
  }
  std::uint8_t* buffer = shared_->pool->receive_buffer.get();
  const Transport::Received received =
      transport_->Receive({buffer, Pool::kReceiveBytes});
  has_more_ = received.has_more;
  if (waits_ || transport_->wants_write()) {
    session_.MarkDirty();
  }
  if (received.size > 0) {
    heard_ = true;
    Bump(shared_->counters.bytes_received, received.size);
    if (!TakeInput({buffer, received.size})) {
      (void)SendPending(now);  // The reason why, if the socket takes it.
      return false;
    }
  }
  return !received.is_over;
}

// Everything but what follows a lot of inflating, which is held for the next turn.
bool ClientConnection::TakeInput(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    std::size_t size = bytes.size();
    if (session_.expects_compressed()) {
      if (session_.inflated() > kInflateAtOnce) {
        held_.assign(bytes.begin(), bytes.end());
        has_more_ = true;
        return true;
      }
      size = std::min(size, kBite);
    }
    std::size_t used = 0;
    if (!session_.OnInput(bytes.first(size), &used) || used == 0) {
      return false;
    }
    bytes = bytes.subspan(used);
  }
  return true;
}

bool ClientConnection::TakeHeld() {
  const std::vector<std::uint8_t> bytes = std::exchange(held_, {});
  has_more_ = true;  // The socket was not asked.
  if (!TakeInput(bytes)) {
    (void)SendPending(session_.now());
    return false;
  }
  return true;
}

bool ClientConnection::Flush(Nanos now) {
  if (transport_->wants_write() && !OnReadable(now)) {
    return false;
  }
  return SendPending(now);
}

bool ClientConnection::SendPending(Nanos now) {
  session_.set_now(now);
  SendQueue& queue = session_.queue();
  SendQueue::Outcome outcome = SendQueue::Outcome::kSentAll;
  do {
    if (!session_.FillOutput()) {
      return false;
    }
    std::uint64_t sent = 0;
    const bool had_output = queue.unsent_bytes() > 0;
    outcome = transport_->Send(&queue, &sent);
    Bump(shared_->counters.bytes_sent, sent);
    // A socket that was full has room: the client reads.
    heard_ = heard_ || (wants_write_ && sent > 0);
    if (!had_output) {
      break;
    }
  } while (outcome == SendQueue::Outcome::kSentAll);
  wants_write_ = outcome == SendQueue::Outcome::kBlocked;
  waits_ = outcome == SendQueue::Outcome::kWaiting;
  session_.ClearDirty();
  return outcome != SendQueue::Outcome::kBroken && !session_.is_over();
}

bool ClientConnection::Sweep(Nanos now) {
  if (!session_.Sweep(now)) {
    return false;
  }
  const Lifetime::Seen seen{std::exchange(heard_, false), session_.open_calls(),
                            session_.newest_stream()};
  switch (lifetime_.Look(now, seen)) {
    case Lifetime::Step::kNone:
      return true;
    case Lifetime::Step::kPing:
      session_.Ping();
      return true;
    case Lifetime::Step::kDrain:
      session_.BeginDrain();
      return true;
    case Lifetime::Step::kCloseSilent:
      Bump(shared_->counters.connections_silent);
      return false;
    case Lifetime::Step::kClose:
      return false;
  }
  return false;
}

}  // namespace

std::unique_ptr<Connection> Connection::Create(UniqueFd socket, Peer peer,
                                               Shared* shared, const TlsContext* tls) {
  if (shared->pool == nullptr) {
    shared->pool = std::make_shared<Pool>();
  }
  // Answers leave in one send for each pass; waiting for more would only delay them. A
  // Unix socket has no such option and needs none.
  const int on = 1;
  setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  auto made = std::make_unique<ClientConnection>(std::move(socket), std::move(peer),
                                                 shared, tls);
  return made->valid() ? std::move(made) : nullptr;
}

}  // namespace leeboard::http2
