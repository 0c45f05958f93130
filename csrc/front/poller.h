// epoll with waits in nanoseconds.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_FRONT_POLLER_H_
#define LEEBOARD_FRONT_POLLER_H_

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace leeboard::front {

// What an event belongs to.
struct Source {
  enum class Kind : std::uint8_t { kListener, kMailbox, kConnection, kBell, kProcess };
  Kind kind = Kind::kMailbox;
  void* owner = nullptr;
  std::uint32_t events = 0;  // Registered now; written by Poller alone.
};

class Poller {
 public:
  Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  [[nodiscard]] bool valid() const { return epoll_.valid(); }
  // Registers, changes or (events == 0) leaves registered but silent. False: no
  // descriptors.
  bool Set(int fd, Source* source, std::uint32_t events);
  void Remove(int fd, Source* source);
  // Waits at most `timeout` (kNever: until something happens).
  std::span<const epoll_event> Wait(Nanos timeout);

 private:
  static constexpr int kEvents = 128;

  UniqueFd epoll_;
  bool has_nanoseconds_ = true;  // epoll_pwait2, Linux 5.11.
  std::array<epoll_event, kEvents> events_{};
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_POLLER_H_
