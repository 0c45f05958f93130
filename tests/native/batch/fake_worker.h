// A worker in this process, over the same memfds as a real one: claims by hand or in a
// thread, and echoes every input as the output of the same place. Knobs make it fail,
// lie or grow.

#ifndef LEEBOARD_TESTS_NATIVE_BATCH_FAKE_WORKER_H_
#define LEEBOARD_TESTS_NATIVE_BATCH_FAKE_WORKER_H_

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "batch/version_queue.h"
#include "shm/worker_port.h"
#include "tensors.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {

class FakeWorker {
 public:
  // Serves `queue` behind `link`, whose worker end it takes.
  FakeWorker(const VersionQueue& queue, WorkerLink* link);
  FakeWorker(const FakeWorker&) = delete;
  FakeWorker& operator=(const FakeWorker&) = delete;

  // Claims the oldest batch; false when there is none.
  bool Take(int timeout_ms = 0, int watch = -1);
  // The claimed batch. REQUIRES: Take.
  [[nodiscard]] SeenBatch Look() const;
  [[nodiscard]] const shm::Claim& claim() const { return claim_; }
  // Echoes the claimed batch and publishes it.
  void Finish();
  // Finishes the claimed batch, or claims one first; returns its rows, 0 when there is
  // none.
  std::uint32_t RunOne() {
    if (!taken && !Take()) {
      return 0;
    }
    Finish();
    return claim_.rows;
  }
  // Until `watch` is readable.
  void RunUntil(int watch);

  // The batch fails with this text when a row of input 0 is `fails_on`.
  std::string fails_on = "(none)";
  Code fails_with = Code::kUnknown;
  Nanos takes = 0;  // What it says that a run took.
  // Spoils the record before it is published.
  std::function<void(shm::Completion*)> spoil;
  bool always_grows = false;
  bool taken = false;  // It has claimed a batch that it has not finished.
  std::uint64_t batches = 0;
  shm::WorkerPort port;
  WorkerLink* link;

 private:
  void Place(const SeenBatch& seen, shm::Completion* record);

  shm::Claim claim_;
};

inline FakeWorker::FakeWorker(const VersionQueue& queue, WorkerLink* its_link)
    : link(its_link) {
  const auto copy = [](int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, 0); };
  const shm::WorkerFds fds = {
      copy(link->control_fd()),    copy(queue.inputs_fd()),
      copy(link->outputs_fd()),    copy(link->bell_fd()),
      copy(link->front_bell_fd()), copy(link->worker_passing_fd())};
  link->CloseWorkerEnds();
  const Status status =
      shm::WorkerPort::Open(fds, {queue.input_bytes(), link->output_bytes()}, &port);
  if (!status.ok()) {
    std::abort();
  }
}

inline bool FakeWorker::Take(int timeout_ms, int watch) {
  taken = port.Take(timeout_ms, watch, &claim_) == shm::WorkerPort::Taken::kBatch;
  return taken;
}

inline SeenBatch FakeWorker::Look() const {
  const shm::BatchHeader& header = port.header(claim_);
  const shm::LayoutRecord& layout = port.layout(header);
  SeenBatch seen;
  seen.rows = claim_.rows;
  seen.batched = layout.batched != 0;
  seen.inputs.resize(layout.input_count);
  for (std::uint32_t i = 0; i < layout.input_count; ++i) {
    const shm::InputRecord& input = layout.inputs[i];
    seen.dims.emplace_back(input.dims.begin(), input.dims.begin() + input.rank);
  }
  for (std::uint32_t begin = 0; begin < claim_.rows; ++seen.segments) {
    const shm::Segment& segment = header.segments()[seen.segments];
    const std::uint32_t end = std::min(shm::RowEnd(segment), claim_.rows);
    for (std::uint32_t i = 0; i < layout.input_count; ++i) {
      const shm::InputRecord& input = layout.inputs[i];
      const std::uint8_t* at =
          port.inputs() + segment.offset +
          shm::InputOffset(layout, i, segment.capacity, segment.bytes_capacity);
      std::uint64_t elements = 1;
      for (const std::int64_t dim : seen.dims[i]) {
        elements *= static_cast<std::uint64_t>(dim);
      }
      for (std::uint32_t row = begin; row < end; ++row) {
        const std::uint64_t size =
            input.is_bytes == 0
                ? input.row_bytes
                : wire::RawBytesPrefix({at, segment.bytes_capacity}, elements);
        seen.inputs[i].emplace_back(reinterpret_cast<const char*>(at), size);
        at += size;
      }
    }
    begin = end;
  }
  return seen;
}

inline void FakeWorker::Place(const SeenBatch& seen, shm::Completion* record) {
  const shm::BatchHeader& header = port.header(claim_);
  std::uint64_t total = 0;
  std::vector<std::string> raws;
  for (const std::vector<std::string>& rows : seen.inputs) {
    std::string& raw = raws.emplace_back();
    for (const std::string& row : rows) {
      raw += row;
    }
    total += (raw.size() + 63) / 64 * 64;
  }
  std::uint64_t offset = header.output_offset;
  std::uint8_t* base = port.outputs();
  if (always_grows || total > header.output_capacity) {
    record->has_own_region = 1;
    offset = 0;
    if (!port.GrowOutputs(std::max<std::uint64_t>(total, 1), &base).ok()) {
      std::abort();
    }
  }
  for (std::size_t i = 0; i < raws.size(); ++i) {
    shm::OutputRecord& output = record->outputs[i];
    std::copy(raws[i].begin(), raws[i].end(), base + offset);
    output.offset = offset;
    output.size = raws[i].size();
    output.rank =
        static_cast<std::uint32_t>(seen.dims[i].size()) + (seen.batched ? 1 : 0);
    output.dims[0] = seen.rows;
    std::copy(seen.dims[i].begin(), seen.dims[i].end(),
              output.dims.begin() + (seen.batched ? 1 : 0));
    offset += (raws[i].size() + 63) / 64 * 64;
  }
}

inline void FakeWorker::Finish() {
  const SeenBatch seen = Look();
  shm::Completion* record = port.record();
  record->seq = claim_.seq;
  record->output_count = static_cast<std::uint32_t>(seen.inputs.size());
  record->has_own_region = record->more = 0;
  record->claimed_at = record->run_began_at = record->run_ended_at = claim_.claimed_at;
  record->run_ended_at += takes;
  const std::vector<std::string>& first = seen.inputs[0];
  const bool fails = std::find(first.begin(), first.end(), fails_on) != first.end();
  record->code = fails ? static_cast<std::uint32_t>(fails_with) : 0;
  if (fails) {
    std::strcpy(record->message.data(), "told to fail");
  } else {
    Place(seen, record);
  }
  if (spoil) {
    spoil(record);
  }
  ++batches;
  taken = false;
  port.Publish();
  port.Ring();
}

inline void FakeWorker::RunUntil(int watch) {
  for (;;) {
    switch (port.Take(-1, watch, &claim_)) {
      case shm::WorkerPort::Taken::kBatch:
        Finish();
        break;
      case shm::WorkerPort::Taken::kStopped:
        return;
      case shm::WorkerPort::Taken::kNothing:
        break;
    }
  }
}

}  // namespace leeboard::batch

#endif  // LEEBOARD_TESTS_NATIVE_BATCH_FAKE_WORKER_H_
