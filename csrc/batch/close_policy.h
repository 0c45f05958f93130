// When does a batch that nobody has been offered yet go out?
//
// Batching is natural: without a delay a batch is ready as soon as it has a row and a
// worker has room, and it keeps growing until the worker claims it. A delay holds it
// back until it is full or its oldest row has waited long enough.
//
// Thread safety: a pure function; time comes in as an argument.

#ifndef LEEBOARD_BATCH_CLOSE_POLICY_H_
#define LEEBOARD_BATCH_CLOSE_POLICY_H_

#include <cstdint>

#include "base/clock.h"

namespace leeboard::batch {

struct BatchView {
  std::uint32_t rows = 0;
  std::uint32_t max_rows = 1;
  bool sealed = false;  // Takes no more rows: full by bytes, or to be run again.
  Nanos oldest_arrival = 0;
};

struct Decision {
  bool ready = false;
  Nanos look_again_at = kNever;  // When time alone makes it ready.
};

inline Decision DecideClose(const BatchView& batch, Nanos max_delay, Nanos now) {
  if (batch.rows == 0) {
    return {};
  }
  const bool full = batch.sealed || batch.rows >= batch.max_rows;
  const Nanos due = batch.oldest_arrival + max_delay;
  if (full || max_delay == 0 || now >= due) {
    return {true, kNever};
  }
  return {false, due};
}

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_CLOSE_POLICY_H_
