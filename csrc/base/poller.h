// epoll with waits in nanoseconds.
//
// Thread safety: none; the thread that waits owns it.

#ifndef LEEBOARD_BASE_POLLER_H_
#define LEEBOARD_BASE_POLLER_H_

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <span>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace leeboard {

// What an event belongs to, as far as the poller must know; its owner may add to it.
struct PollSource {
  std::uint32_t events = 0;  // Registered now; written by Poller alone.
};

class Poller {
 public:
  Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  [[nodiscard]] bool valid() const { return epoll_.valid(); }
  // Registers or changes. False: it cannot be watched. REQUIRES: events != 0.
  bool Set(int fd, PollSource* source, std::uint32_t events);
  void Remove(int fd, PollSource* source);
  // Waits at most `timeout` (kNever: until something happens).
  std::span<const epoll_event> Wait(Nanos timeout);

 private:
  static constexpr int kEvents = 128;

  UniqueFd epoll_;
  bool has_nanoseconds_ = true;  // epoll_pwait2, Linux 5.11.
  std::array<epoll_event, kEvents> events_{};
};

}  // namespace leeboard

#endif  // LEEBOARD_BASE_POLLER_H_
