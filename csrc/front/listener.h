// Listening sockets: TCP and Unix.
//
// Thread safety: none.

#ifndef LEEBOARD_FRONT_LISTENER_H_
#define LEEBOARD_FRONT_LISTENER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"
#include "front/event_source.h"
#include "front/server_types.h"
#include "http2/call.h"

namespace leeboard::front {

// Binds host:port (port 0: a free one) and listens. SO_REUSEPORT stays off: with it a
// forgotten server would silently keep half of the connections; so an address in use is
// an error that names it.
Status Listen(const std::string& host, std::uint16_t port, UniqueFd* listener,
              std::uint16_t* bound_port);

// One listener. The file of a Unix socket goes when it closes.
class Listener {
 public:
  // A Unix socket's file that nobody answers on is a dead server's and is replaced; a
  // live one, or a file that is no socket, is an error that names it. The file is for
  // owner and group (0660).
  static Status Open(const ListenerOptions& options, std::unique_ptr<Listener>* out);
  ~Listener() { Close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  [[nodiscard]] bool is_open() const { return fd_.valid(); }
  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }  // 0: no TCP.
  [[nodiscard]] bool tls() const { return tls_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  // Accepts one connection, non-blocking and close-on-exec; invalid when none waits.
  // `exhausted` tells that descriptors or memory ran out.
  UniqueFd Accept(http2::Peer* peer, bool* exhausted) const;
  // Accepts nobody from now on.
  void Close();

  Source source;

 private:
  Listener() : source(Source::Kind::kListener, this) {}
  Status BindPath(const std::string& path);

  UniqueFd fd_;
  std::uint16_t port_ = 0;
  bool tls_ = false;
  std::string path_;         // Of a Unix socket.
  std::uint64_t inode_ = 0;  // Of its file: another's is not ours to remove.
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_LISTENER_H_
