// When a batch was claimed and run, by the worker's clock.
//
// Thread safety: a value.

#ifndef LEEBOARD_BATCH_RUN_TIMES_H_
#define LEEBOARD_BATCH_RUN_TIMES_H_

#include <algorithm>

#include "base/clock.h"
#include "shm/control.h"

namespace leeboard::batch {

struct RunTimes {
  Nanos claimed = 0;
  Nanos began = 0;
  Nanos ended = 0;
  Nanos now = 0;  // At the latest of these.
};

// The worker's clocks are its word: they are kept between the offer and now.
inline RunTimes TimesOf(Nanos offered_at, const shm::Completion& completion,
                        Nanos now) {
  RunTimes times;
  times.now = std::max(now, offered_at);
  times.claimed = std::clamp(completion.claimed_at, offered_at, times.now);
  times.began = std::clamp(completion.run_began_at, times.claimed, times.now);
  times.ended = std::clamp(completion.run_ended_at, times.began, times.now);
  return times;
}

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_RUN_TIMES_H_
