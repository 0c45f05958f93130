// What a version's queue is made from.
//
// Thread safety: a value.

#ifndef LEEBOARD_BATCH_QUEUE_OPTIONS_H_
#define LEEBOARD_BATCH_QUEUE_OPTIONS_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "wire/tensor_rows.h"

namespace leeboard::batch {

// What becomes of requests that no worker claims in time.
struct QueuePolicy {
  bool is_set = false;      // False: a request's `timeout` parameter is its deadline.
  Nanos timeout = 0;        // 0: they may wait for ever.
  bool delays = false;      // They go behind all others instead of being refused.
  bool overridden = false;  // A request's `timeout` parameter may shorten it.

  // When a request that came at `now` must have been claimed, or kNever.
  [[nodiscard]] Nanos ClaimBy(std::uint64_t request_us, Nanos now) const {
    constexpr std::uint64_t kLongest = 1'000'000'000'000;  // Eleven days.
    Nanos limit = timeout > 0 ? timeout : kNever;
    if (overridden && request_us > 0) {
      limit =
          std::min(limit, static_cast<Nanos>(std::min(request_us, kLongest) * 1000));
    }
    return limit == kNever ? kNever : now + limit;
  }
};

struct WatchSlot;

struct QueueOptions {
  std::string model;
  std::string version;
  std::string label;                 // "model 'm' version 3", for messages.
  std::uint32_t max_batch_size = 0;  // 0: the model does not batch.
  // Rows at which a batch is closed; a larger request runs alone. 0: max_batch_size.
  std::uint32_t close_rows = 0;
  Nanos max_queue_delay = 0;
  std::uint32_t max_queue_size = 4096;  // Requests that wait.
  std::uint64_t input_bytes = 512U << 20;
  std::uint32_t max_shapes = 64;
  Nanos batch_timeout = 0;  // 0: from what batches took so far (watchdog.h).
  // False: no request is ever run twice, because a run has side effects.
  bool retry = true;
  // A request has any number of responses (AnswerSink::OnPart) and shares its batch
  // with no other.
  bool decoupled = false;
  QueuePolicy policy;
  std::vector<wire::TensorSpec> outputs;
  // Names of classes, by output; empty where there are none.
  std::vector<std::vector<std::string>> labels;
  std::shared_ptr<WatchSlot> watch;  // Sees what is answered; may be null.
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_QUEUE_OPTIONS_H_
