#include "http2/transport.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace leeboard::http2 {
namespace {

class SocketTransport final : public Transport {
 public:
  explicit SocketTransport(UniqueFd socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const override { return socket_.get(); }

  Received Receive(std::span<std::uint8_t> to) override {
    const ssize_t n = recv(socket_.get(), to.data(), to.size(), 0);
    if (n > 0) {
      // A short read has drained the socket; what comes later makes it readable again.
      const auto size = static_cast<std::size_t>(n);
      return {size, false, size == to.size()};
    }
    const bool is_silent =
        n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
    return {0, !is_silent, false};
  }

  SendQueue::Outcome Send(SendQueue* queue, std::uint64_t* sent) override {
    return queue->SendTo(socket_.get(), sent);
  }

 private:
  UniqueFd socket_;
};

}  // namespace

std::unique_ptr<Transport> NewSocketTransport(UniqueFd socket) {
  return std::make_unique<SocketTransport>(std::move(socket));
}

}  // namespace leeboard::http2
