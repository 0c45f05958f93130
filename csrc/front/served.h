// A version together with the queue that serves it.
//
// The control plane makes one for each version it loads and keeps it alive through the
// route tables that name it. The queue belongs to the I/O thread once it is served.
//
// Thread safety: counters and id on any thread; the rest on the I/O thread.

#ifndef LEEBOARD_FRONT_SERVED_H_
#define LEEBOARD_FRONT_SERVED_H_

#include <cstdint>
#include <memory>
#include <utility>

#include "batch/version_queue.h"
#include "batch/watch.h"
#include "route/table.h"

namespace leeboard::front {

struct Served {
  // Makes a queue that fits `signature`; `options.outputs` and max_batch_size are
  // filled in.
  static Status Create(route::Signature signature, batch::QueueOptions options,
                       std::shared_ptr<Served>* out) {
    auto served = std::make_shared<Served>();
    options.max_batch_size = signature.max_batch_size;
    options.outputs = signature.outputs;
    options.watch = served->watch;
    served->signature = std::move(signature);
    Status status = batch::VersionQueue::Create(std::move(options), &served->queue);
    if (status.ok()) {
      *out = std::move(served);
    }
    return status;
  }

  route::Signature signature;
  std::unique_ptr<batch::VersionQueue> queue;
  const std::shared_ptr<batch::WatchSlot> watch = std::make_shared<batch::WatchSlot>();
  std::uint64_t id = 0;   // Chosen when it is added to a server.
  bool retiring = false;  // The I/O thread's: its end is to be told.
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_SERVED_H_
