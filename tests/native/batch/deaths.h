// Ways for a worker to end, and for requests to arrive, that only some tests need.

#ifndef LEEBOARD_TESTS_NATIVE_BATCH_DEATHS_H_
#define LEEBOARD_TESTS_NATIVE_BATCH_DEATHS_H_

#include <signal.h>

#include <cstring>
#include <string>
#include <utility>

#include "bench.h"

namespace leeboard::batch {

// The worker's process crashes and leaves its note.
inline void Crash(Bench& bench, std::size_t index = 0, std::uint32_t number = SIGSEGV) {
  shm::Region control;
  UniqueFd fd(fcntl(bench.worker(index).link->control_fd(), F_DUPFD_CLOEXEC, 0));
  ASSERT_TRUE(shm::Region::Attach(std::move(fd), sizeof(shm::ControlPage),
                                  /*writable=*/true, &control)
                  .ok());
  reinterpret_cast<shm::ControlPage*>(control.data())->crash_signal.store(number);
  bench.Kill(index);
}

// The worker ends so, for whatever reason.
inline void End(Bench& bench, Death death, std::size_t index = 0) {
  if (death == Death::kCrashed) {
    Crash(bench, index);
    return;
  }
  bench.worker(index).link->death = death;
  bench.Kill(index);
}

// A request of one row of one input whose tensor arrives in pieces.
inline Status Land(Bench& bench, const std::string& id, wire::DType dtype,
                   std::int64_t dim, const std::string& raw) {
  wire::RowInput input;
  input.dtype = dtype;
  input.shape = {{dim}, 1};
  input.elements = static_cast<std::uint64_t>(dim);
  input.row_bytes = input.elements * wire::ElementSize(dtype);
  const std::vector<wire::RowInput> inputs = {input};
  const std::vector<std::uint64_t> sizes = {raw.size()};
  Landing landing;
  Status status = bench.queue->Reserve({inputs, {}, 1}, sizes, &landing);
  if (!status.ok()) {
    return status;
  }
  std::memcpy(bench.queue->LandingInput(landing, 0), raw.data(), raw.size());
  Request* request = bench.queue->NewRequest();
  request->id = id;
  request->arrived_at = bench.now;
  status = bench.queue->EnqueueLanded(request, landing);
  if (status.ok()) {
    bench.sink.waiting[id] = request;
  } else {
    bench.queue->FreeRequest(request);
  }
  return status;
}

}  // namespace leeboard::batch

#endif  // LEEBOARD_TESTS_NATIVE_BATCH_DEATHS_H_
