// What a version's queue is made from.
//
// Thread safety: a value.

#ifndef LEEBOARD_BATCH_QUEUE_OPTIONS_H_
#define LEEBOARD_BATCH_QUEUE_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "wire/tensor_rows.h"

namespace leeboard::batch {

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
  std::vector<wire::TensorSpec> outputs;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_QUEUE_OPTIONS_H_
