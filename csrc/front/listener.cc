#include "front/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

namespace leeboard::front {
namespace {

constexpr int kBacklog = 1024;
constexpr mode_t kSocketMode = 0660;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

std::uint16_t BoundPort(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return 0;
  }
  if (bound.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port);
  }
  return ntohs(reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

// "127.0.0.1:41234" or "[::1]:41234".
std::string NameOf(const sockaddr_storage& address, socklen_t size) {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&address), size, host, sizeof host,
                  port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "unknown";
  }
  const bool is_ipv6 = address.ss_family == AF_INET6;
  return (is_ipv6 ? "[" + std::string(host) + "]" : std::string(host)) + ":" + port;
}

std::string Why() {
  char text[128];
  return strerror_r(errno, text, sizeof text);
}

// The mode is set on the socket first, so that the file never is open to more.
bool BindUnix(int fd, const sockaddr_un& address) {
  return fchmod(fd, kSocketMode) == 0 &&
         bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

// Removes the file of a server that has died without doing so.
Status RemoveStale(const sockaddr_un& address, const std::string& where) {
  struct stat found{};
  if (lstat(address.sun_path, &found) != 0) {
    return {};  // Gone meanwhile.
  }
  if (!S_ISSOCK(found.st_mode)) {
    return Status::Unavailable(where + "there is a file that is no socket");
  }
  const UniqueFd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.valid()) {
    return Status::Unavailable(where + Why());
  }
  if (connect(probe.get(), reinterpret_cast<const sockaddr*>(&address),
              sizeof address) == 0 ||
      errno == EAGAIN) {
    return Status::Unavailable(where + "another server answers there");
  }
  if (errno != ECONNREFUSED || unlink(address.sun_path) != 0) {
    return Status::Unavailable(where + Why());
  }
  return {};
}

}  // namespace

Status Listen(const std::string& host, std::uint16_t port, UniqueFd* listener,
              std::uint16_t* bound_port) {
  const std::string where = host + ":" + std::to_string(port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) {
    return Status::InvalidArgument("cannot listen on " + where + ": " +
                                   gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  UniqueFd fd(socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  if (!fd.valid() ||
      setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      bind(fd.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      listen(fd.get(), kBacklog) != 0) {
    return Status::Unavailable("cannot listen on " + where + ": " + Why());
  }
  *bound_port = BoundPort(fd.get());
  *listener = std::move(fd);
  return {};
}

Status Listener::Open(const ListenerOptions& options, std::unique_ptr<Listener>* out) {
  std::unique_ptr<Listener> made(new Listener());
  made->tls_ = options.tls;
  const Status status = options.path.empty() ? Listen(options.host, options.port,
                                                      &made->fd_, &made->port_)
                                             : made->BindPath(options.path);
  if (status.ok()) {
    *out = std::move(made);
  }
  return status;
}

Status Listener::BindPath(const std::string& path) {
  const std::string where = "cannot listen on unix:" + path + ": ";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return Status::InvalidArgument(where + "the path is longer than " +
                                   std::to_string(sizeof address.sun_path - 1) +
                                   " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) {
    return Status::Unavailable(where + Why());
  }
  if (!BindUnix(fd.get(), address)) {
    if (errno != EADDRINUSE) {
      return Status::Unavailable(where + Why());
    }
    Status status = RemoveStale(address, where);
    if (!status.ok()) {
      return status;
    }
    if (!BindUnix(fd.get(), address)) {
      return Status::Unavailable(where + Why());
    }
  }
  path_ = path;  // Ours to remove from here on.
  struct stat made{};
  inode_ = stat(path.c_str(), &made) == 0 ? made.st_ino : 0;
  if (chmod(path.c_str(), kSocketMode) != 0 || listen(fd.get(), kBacklog) != 0) {
    return Status::Unavailable(where + Why());
  }
  fd_ = std::move(fd);
  return {};
}

void Listener::Close() {
  fd_.Reset();
  struct stat found{};
  if (!path_.empty() && stat(path_.c_str(), &found) == 0 && found.st_ino == inode_) {
    unlink(path_.c_str());
  }
  path_.clear();
}

UniqueFd Listener::Accept(http2::Peer* peer, bool* exhausted) const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  UniqueFd fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size,
                      SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (fd.valid()) {
    peer->address = path_.empty() ? NameOf(address, size) : "unix:" + path_;
  }
  *exhausted = !fd.valid() && (errno == EMFILE || errno == ENFILE || errno == ENOMEM ||
                               errno == ENOBUFS);
  return fd;
}

}  // namespace leeboard::front
