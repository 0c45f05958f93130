// A gRPC client on a real socket, for tests of a whole server.

#ifndef LEEBOARD_TESTS_NATIVE_FRONT_LOOPBACK_H_
#define LEEBOARD_TESTS_NATIVE_FRONT_LOOPBACK_H_

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <functional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "http2/client.h"

namespace leeboard::front {

inline constexpr const char* kService = "/inference.GRPCInferenceService/";

class Loopback {
 public:
  explicit Loopback(std::uint16_t port, const http2::ClientOptions& options = {})
      : client(options), socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected = connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address),
                        sizeof address) == 0;
  }

  // Starts a call of a method; returns its stream.
  std::int32_t Start(std::string_view method, std::string_view message,
                     const http2::Fields& extra = {}) {
    http2::Fields fields = extra;
    fields.emplace_back(":path", kService + std::string(method));
    const std::int32_t id = client.Call(message, fields);
    Send();
    return id;
  }
  std::int32_t Infer(std::string_view message, const http2::Fields& extra = {}) {
    return Start("ModelInfer", message, extra);
  }
  // Starts a call and waits for its answer.
  const http2::Response& Ask(std::string_view method, std::string_view message = "") {
    return Wait(Start(method, message));
  }
  const http2::Response& Wait(std::int32_t id) {
    EXPECT_TRUE(Until([&] { return client.response(id).closed; })) << "no answer";
    return client.response(id);
  }
  // The server has read everything that was sent before.
  void Settle() { EXPECT_EQ(Ask("ServerLive").grpc_status(), "0"); }
  void Reset(std::int32_t id) {
    client.Reset(id);
    Send();
  }
  // Moves bytes until it holds. False when the server hung up or is silent for long.
  bool Until(const std::function<bool()>& holds) {
    constexpr int kPatienceMs = 60'000;
    while (!holds()) {
      Send();
      pollfd wait{socket_.get(), POLLIN, 0};
      std::array<char, 65536> buffer{};
      if (poll(&wait, 1, kPatienceMs) != 1) {
        return false;
      }
      const ssize_t size = recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (size <= 0) {
        return holds();
      }
      client.Consume({buffer.data(), static_cast<std::size_t>(size)});
    }
    Send();
    return true;
  }
  void HangUp() { socket_.Reset(); }
  // Sends what the client has to say.
  void Send() {
    const std::string output = client.TakeOutput();
    for (std::string_view rest = output; !rest.empty();) {
      const ssize_t size = send(socket_.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (size <= 0) {
        return;
      }
      rest.remove_prefix(static_cast<std::size_t>(size));
    }
  }

  http2::Client client;
  bool connected = false;

 private:
  UniqueFd socket_;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_TESTS_NATIVE_FRONT_LOOPBACK_H_
