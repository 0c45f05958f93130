#include "base/poller.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace leeboard {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr Nanos kMillisecond = 1'000'000;

int WaitNanos(int epoll, epoll_event* events, int count, Nanos timeout) {
#ifdef SYS_epoll_pwait2
  timespec limit{timeout / kSecond, timeout % kSecond};
  return static_cast<int>(
      syscall(SYS_epoll_pwait2, epoll, events, count, &limit, nullptr, 0));
#else
  errno = ENOSYS;
  return -1;
#endif
}

}  // namespace

bool Poller::Set(int fd, PollSource* source, std::uint32_t events) {
  if (source->events == events) {
    return true;
  }
  epoll_event event{};
  event.events = events;
  event.data.ptr = source;
  const int change = source->events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  if (epoll_ctl(epoll_.get(), change, fd, &event) != 0) {
    return false;
  }
  source->events = events;
  return true;
}

void Poller::Remove(int fd, PollSource* source) {
  if (source->events != 0) {
    epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    source->events = 0;
  }
}

std::span<const epoll_event> Poller::Wait(Nanos timeout) {
  int ready = 0;
  if (timeout == 0 || timeout == kNever) {
    ready = epoll_wait(epoll_.get(), events_.data(), kEvents, timeout == 0 ? 0 : -1);
  } else {
    if (has_nanoseconds_) {
      ready = WaitNanos(epoll_.get(), events_.data(), kEvents, timeout);
      // Old sandboxes refuse a call that they do not know with EPERM.
      has_nanoseconds_ = ready >= 0 || errno == EINTR;
    }
    if (!has_nanoseconds_) {
      const Nanos ms =
          std::min<Nanos>((timeout + kMillisecond - 1) / kMillisecond, 60'000);
      ready = epoll_wait(epoll_.get(), events_.data(), kEvents, static_cast<int>(ms));
    }
  }
  return {events_.data(), static_cast<std::size_t>(std::max(ready, 0))};
}

}  // namespace leeboard
