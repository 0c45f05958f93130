// A connection under test at one end of a socket pair, with a scripted handler and a
// clock that moves only when told.

#ifndef LEEBOARD_TESTS_NATIVE_HTTP2_SERVER_H_
#define LEEBOARD_TESTS_NATIVE_HTTP2_SERVER_H_

#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client.h"
#include "http2/connection.h"
#include "scripted_handler.h"

namespace leeboard::http2 {

class Server {
 public:
  explicit Server(const Limits& limits = {}, const TlsContext* tls = nullptr);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Delivers bytes, in as many reads as the socket needs. Nothing is sent back.
  void Feed(std::string_view bytes);
  // Delivers bytes in one read, as far as the socket and the connection take them.
  void FeedOnce(std::string_view bytes);
  // Flushes as the loop of an owner does: what is dirty and what can be written again.
  void Flush();
  // What the client would read now.
  std::string Read();
  // Feed, flush, read and consume until nothing moves.
  void Pump(Client& client);
  // The client closes its end.
  void HangUp();

  [[nodiscard]] bool alive() const { return connection != nullptr; }
  [[nodiscard]] const Counters& counters() const { return shared.counters; }

  ScriptedHandler handler;
  Shared shared;
  Nanos now = 1'000'000'000;
  std::unique_ptr<Connection> connection;  // Null once it said that it is over.

 private:
  UniqueFd peer_;
};

inline Server::Server(const Limits& limits, const TlsContext* tls) {
  shared.limits = limits;
  shared.handler = &handler;
  std::array<int, 2> ends{};
  socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data());
  peer_.Reset(ends[1]);
  connection = Connection::Create(UniqueFd(ends[0]), Peer(), &shared, tls);
}

inline void Server::Feed(std::string_view bytes) {
  while (!bytes.empty() && alive()) {
    const ssize_t n = send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    bytes.remove_prefix(n > 0 ? static_cast<std::size_t>(n) : 0);
    do {
      if (!connection->OnReadable(now)) {
        connection.reset();
      }
    } while (alive() && connection->has_more());
  }
}

inline void Server::FeedOnce(std::string_view bytes) {
  [[maybe_unused]] const ssize_t n =
      send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (!connection->OnReadable(now)) {
    connection.reset();
  }
}

inline void Server::Flush() {
  const std::vector<Connection*> dirty = std::exchange(shared.dirty, {});
  if (alive() && (!dirty.empty() || connection->wants_write())) {
    if (!connection->Flush(now)) {
      connection.reset();
    }
  }
}

inline std::string Server::Read() {
  std::string bytes;
  std::array<char, 65536> buffer{};
  for (ssize_t n = 0; (n = recv(peer_.get(), buffer.data(), buffer.size(), 0)) > 0;) {
    bytes.append(buffer.data(), static_cast<std::size_t>(n));
  }
  return bytes;
}

inline void Server::Pump(Client& client) {
  for (bool moved = true; moved;) {
    const std::string requests = client.TakeOutput();
    Feed(requests);
    Flush();
    const std::string answers = Read();
    client.Consume(answers);
    moved = !requests.empty() || !answers.empty();
  }
}

inline void Server::HangUp() {
  peer_.Reset();
  if (alive() && !connection->OnReadable(now)) {
    connection.reset();
  }
}

}  // namespace leeboard::http2

#endif  // LEEBOARD_TESTS_NATIVE_HTTP2_SERVER_H_
