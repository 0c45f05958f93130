// How long a batch may take before its worker is taken for hung.
//
// A limit that was chosen, or else the longer of kFloor and kSlack times the slowest
// batch so far. Time in which the front end itself did not run says nothing about a
// worker, so at most kLongestStep of the time between two looks is counted.
//
// Thread safety: none.

#ifndef LEEBOARD_BATCH_WATCHDOG_H_
#define LEEBOARD_BATCH_WATCHDOG_H_

#include <algorithm>

#include "base/clock.h"

namespace leeboard::batch {

class Watchdog {
 public:
  static constexpr Nanos kShortestStep = 20'000'000;
  static constexpr Nanos kLongestStep = 200'000'000;
  static constexpr Nanos kFloor = 10'000'000'000;
  static constexpr Nanos kSlack = 20;

  explicit Watchdog(Nanos chosen) : chosen_(chosen) {}

  // A batch has taken this long.
  void Learn(Nanos took) { slowest_ = std::max(slowest_, took); }

  [[nodiscard]] Nanos limit() const {
    return chosen_ > 0 ? chosen_ : std::max(kFloor, slowest_ * kSlack);
  }

  // Whether it is time to look again.
  [[nodiscard]] bool IsDue(Nanos now) const {
    return now - last_look_ >= kShortestStep;
  }

  // Time since the last look that counts.
  Nanos Step(Nanos now) {
    const Nanos step = last_look_ == 0 ? 0 : std::min(now - last_look_, kLongestStep);
    last_look_ = now;
    return std::max<Nanos>(step, 0);
  }

 private:
  Nanos chosen_;
  Nanos slowest_ = 0;
  Nanos last_look_ = 0;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_WATCHDOG_H_
