// A gRPC server that does what a script says, and writes down what it saw.
//
// Thread safety: everything public may be called on any thread; the script runs on the
// server's own.

#ifndef LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_SERVER_H_
#define LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_SERVER_H_

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "load/scripted_peer.h"

namespace leeboard::load {

using Script = std::function<Act(const Asked&)>;

struct ServerLog {
  std::vector<Asked> asked;
  std::vector<Nanos> answered;  // When what the script wants was done.
  std::vector<SeenFrame> frames;
  std::vector<std::uint32_t> resets;  // Codes of what the client gave up.
  std::uint64_t connections = 0;
  std::size_t open_now = 0;
  std::size_t most_open = 0;  // Requests without an answer, at most.
};

class ScriptedServer {
 public:
  explicit ScriptedServer(Script script, ServerOptions options = {});
  ~ScriptedServer();
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Closes every connection, and the listener until Revive.
  void Die();
  void Revive();
  void HangUp();
  void Goaway();
  [[nodiscard]] ServerLog log() const;
  // Waits until the log is so; false after ten seconds.
  bool Saw(const std::function<bool(const ServerLog&)>& is_so) const;

 private:
  struct Planned {
    std::uint64_t number;
    std::uint64_t connection;
    std::int32_t stream;
    Act act;
  };

  void Post(std::function<void()> command);
  void Listen();
  void Run();
  void RunCommands();
  void Accept();
  void Serve(const std::vector<pollfd>& ready);
  void DoDue();
  void OnAsked(Peer* peer, Asked asked);
  template <typename Change>
  void Note(Change change);

  Script script_;
  ServerOptions options_;
  Peer::Listener listener_;
  UniqueFd socket_;
  UniqueFd bell_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::uint16_t port_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Peer>> peers_;
  std::multimap<Nanos, Planned> plan_;
  bool is_done_ = false;
  mutable std::mutex mu_;
  mutable std::condition_variable changed_;
  ServerLog log_;                                // Guarded by mu_.
  std::vector<std::function<void()>> commands_;  // Guarded by mu_.
  std::thread thread_;
};

template <typename Change>
void ScriptedServer::Note(Change change) {
  const std::lock_guard lock(mu_);
  change(log_);
  changed_.notify_all();
}

inline ScriptedServer::ScriptedServer(Script script, ServerOptions options)
    : script_(std::move(script)), options_(std::move(options)) {
  listener_.on_asked = [this](Peer* peer, Asked asked) {
    OnAsked(peer, std::move(asked));
  };
  listener_.on_frame = [this](Peer*, SeenFrame frame) {
    Note([&](ServerLog& log) { log.frames.push_back(frame); });
  };
  listener_.on_reset = [this](std::int32_t, std::uint32_t code) {
    Note([&](ServerLog& log) { log.resets.push_back(code); });
  };
  Listen();
  thread_ = std::thread([this] { Run(); });
}

inline ScriptedServer::~ScriptedServer() {
  Post([this] { is_done_ = true; });
  thread_.join();
}

inline void ScriptedServer::Listen() {
  socket_.Reset(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port_);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), size);
  listen(socket_.get(), 128);
  getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
}

inline void ScriptedServer::Post(std::function<void()> command) {
  {
    const std::lock_guard lock(mu_);
    commands_.push_back(std::move(command));
  }
  eventfd_write(bell_.get(), 1);
}

inline void ScriptedServer::Die() {
  Post([this] {
    peers_.clear();
    socket_.Reset();
  });
}

inline void ScriptedServer::Revive() {
  Post([this] { Listen(); });
}

inline void ScriptedServer::HangUp() {
  Post([this] { peers_.clear(); });
}

inline void ScriptedServer::Goaway() {
  Post([this] {
    for (const auto& [number, peer] : peers_) {
      peer->Goaway();
    }
  });
}

inline ServerLog ScriptedServer::log() const {
  const std::lock_guard lock(mu_);
  return log_;
}

inline bool ScriptedServer::Saw(
    const std::function<bool(const ServerLog&)>& is_so) const {
  std::unique_lock lock(mu_);
  return changed_.wait_for(lock, std::chrono::seconds(10), [&] { return is_so(log_); });
}

}  // namespace leeboard::load

#include "load/scripted_server_inl.h"

#endif  // LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_SERVER_H_
