// Monotonic time in nanoseconds. Code that decides takes the time as an argument; only
// the I/O loop and the workers' loop read the clock.

#ifndef LEEBOARD_BASE_CLOCK_H_
#define LEEBOARD_BASE_CLOCK_H_

#include <time.h>

#include <cstdint>

namespace leeboard {

// Nanoseconds on CLOCK_MONOTONIC. Also the unit of every deadline.
using Nanos = std::int64_t;

inline constexpr Nanos kNever = INT64_MAX;

inline Nanos MonotonicNow() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * Nanos{1'000'000'000} + now.tv_nsec;
}

}  // namespace leeboard

#endif  // LEEBOARD_BASE_CLOCK_H_
