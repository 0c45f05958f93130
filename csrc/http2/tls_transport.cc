// A connection's bytes through TLS. OpenSSL reads and writes the socket itself, by a
// BIO that never raises SIGPIPE.

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <utility>

#include "http2/session.h"
#include "http2/transport.h"

namespace leeboard::http2 {
namespace {

constexpr std::size_t kRecordBytes = 16u << 10;  // What one record carries at most.

int FdOf(BIO* bio) {
  return static_cast<const UniqueFd*>(BIO_get_data(bio))->get();
}

bool WouldBlock() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

int WriteSocket(BIO* bio, const char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = send(FdOf(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL);
  if (n < 0 && WouldBlock()) {
    BIO_set_retry_write(bio);
  }
  return static_cast<int>(n);
}

int ReadSocket(BIO* bio, char* data, int size) {
  BIO_clear_retry_flags(bio);
  const ssize_t n = recv(FdOf(bio), data, static_cast<std::size_t>(size), 0);
  if (n < 0 && WouldBlock()) {
    BIO_set_retry_read(bio);
  } else if (n == 0) {
    BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  }
  return static_cast<int>(n);
}

long Control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_EOF) {
    return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
  }
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// Made once and kept: connections of any thread use it.
BIO_METHOD* SocketMethod() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made =
        BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "leeboard socket");
    if (made != nullptr) {
      BIO_meth_set_write(made, WriteSocket);
      BIO_meth_set_read(made, ReadSocket);
      BIO_meth_set_ctrl(made, Control);
    }
    return made;
  }();
  return method;
}

struct FreeSession {
  void operator()(SSL* session) const { SSL_free(session); }
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(UniqueFd socket, SSL* session, Peer* peer, Shared* shared)
      : socket_(std::move(socket)), session_(session), peer_(peer), shared_(shared) {
    BIO_set_data(SSL_get_rbio(session), &socket_);
  }
  ~TlsTransport() override {
    if (is_ready_ && !is_broken_) {
      ERR_clear_error();
      SSL_shutdown(session_.get());  // close_notify, if the socket takes it at once.
    }
    ERR_clear_error();
  }
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  [[nodiscard]] int fd() const override { return socket_.get(); }
  [[nodiscard]] bool wants_write() const override { return wants_write_; }
  Received Receive(std::span<std::uint8_t> to) override;
  SendQueue::Outcome Send(SendQueue* queue, std::uint64_t* sent) override;

 private:
  Received Shake();
  bool CanRetry(int result);

  UniqueFd socket_;
  std::unique_ptr<SSL, FreeSession> session_;
  Peer* peer_;
  Shared* shared_;
  bool is_ready_ = false;  // The handshake is over.
  bool is_broken_ = false;
  bool wants_write_ = false;
};

// Whether a call of OpenSSL's only waits for the socket.
bool TlsTransport::CanRetry(int result) {
  const int error = SSL_get_error(session_.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
    wants_write_ = error == SSL_ERROR_WANT_WRITE;
    return true;
  }
  // After a fatal error nothing may be sent, not even a goodbye.
  is_broken_ = error != SSL_ERROR_ZERO_RETURN;
  return false;
}

Transport::Received TlsTransport::Shake() {
  if (shared_->handshakes_left == 0) {
    return {0, false, true};
  }
  --shared_->handshakes_left;
  const int result = SSL_do_handshake(session_.get());
  if (result == 1) {
    is_ready_ = true;
    wants_write_ = false;
    DescribePeer(session_.get(), peer_);
    Bump(shared_->counters.tls_handshakes);
    return {0, false, true};
  }
  if (CanRetry(result)) {
    return {};
  }
  Bump(shared_->counters.tls_handshakes_failed);
  return {0, true, false};
}

Transport::Received TlsTransport::Receive(std::span<std::uint8_t> to) {
  ERR_clear_error();  // Of this thread's other connections.
  if (!is_ready_) {
    return Shake();
  }
  Received received;
  // OpenSSL may hold decrypted bytes that no event tells of: read until it wants more.
  while (received.size < to.size()) {
    std::size_t n = 0;
    const int result = SSL_read_ex(session_.get(), to.data() + received.size,
                                   to.size() - received.size, &n);
    if (result != 1) {
      received.is_over = !CanRetry(result);
      return received;
    }
    wants_write_ = false;
    received.size += n;
  }
  received.has_more = true;
  return received;
}

SendQueue::Outcome TlsTransport::Send(SendQueue* queue, std::uint64_t* sent) {
  if (!is_ready_) {
    return SendQueue::Outcome::kWaiting;  // Receive sends what the handshake needs.
  }
  ERR_clear_error();
  std::array<std::uint8_t, kRecordBytes> record;  // NOLINT: written before it is read.
  while (queue->unsent_bytes() > 0) {
    const std::span<const std::uint8_t> bytes = queue->Gather(record);
    std::size_t n = 0;
    // What OpenSSL has once refused it must be given again; the queue's front still is
    // the same, and may only have become longer.
    const int result = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &n);
    if (result != 1) {
      const bool blocked =
          SSL_get_error(session_.get(), result) == SSL_ERROR_WANT_WRITE;
      is_broken_ = !blocked;
      return blocked ? SendQueue::Outcome::kBlocked : SendQueue::Outcome::kBroken;
    }
    *sent += n;
    queue->Consume(n);
  }
  return SendQueue::Outcome::kSentAll;
}

}  // namespace

std::unique_ptr<Transport> NewTlsTransport(UniqueFd socket, const TlsContext& tls,
                                           Peer* peer, Shared* shared) {
  SSL* session = tls.NewSession();
  BIO* bio = SocketMethod() == nullptr ? nullptr : BIO_new(SocketMethod());
  if (session == nullptr || bio == nullptr) {
    SSL_free(session);
    BIO_free(bio);
    return nullptr;
  }
  BIO_set_init(bio, 1);
  SSL_set_bio(session, bio, bio);
  SSL_set_accept_state(session);
  return std::make_unique<TlsTransport>(std::move(socket), session, peer, shared);
}

}  // namespace leeboard::http2
