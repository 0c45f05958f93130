// What a worker of a decoupled model does, by hand.

#ifndef LEEBOARD_TESTS_NATIVE_BATCH_RESPONDING_H_
#define LEEBOARD_TESTS_NATIVE_BATCH_RESPONDING_H_

#include <cstring>
#include <string>

#include "bench.h"

namespace leeboard::batch {

using Room = shm::WorkerPort::Room;

inline shm::Completion* RecordOf(FakeWorker& worker) {
  shm::Completion* record = worker.port.record();
  const shm::Claim& claim = worker.claim();
  record->seq = claim.seq;
  record->code = record->output_count = record->has_own_region = record->more = 0;
  record->claimed_at = record->run_began_at = record->run_ended_at = claim.claimed_at;
  record->run_ended_at += worker.takes;
  return record;
}

inline void Publish(FakeWorker& worker, shm::Completion* record) {
  if (worker.spoil) {
    worker.spoil(record);
  }
  worker.port.Publish();
  worker.port.Ring();
}

// Whether the next response to the claimed batch may be written.
inline Room RoomOf(FakeWorker& worker, int timeout_ms = 0) {
  return worker.port.AwaitRoom(timeout_ms, -1);
}

// One more response to the claimed batch: one row, or as many as `rows`; in a region of
// its own when it does not fit.
inline void Respond(FakeWorker& worker, const std::string& text,
                    std::int64_t rows = 1) {
  const shm::BatchHeader& header = worker.port.header(worker.claim());
  const bool batched = worker.port.layout(header).batched != 0;
  shm::Completion* record = RecordOf(worker);
  record->more = record->output_count = 1;
  shm::OutputRecord& output = record->outputs[0];
  output.offset = header.output_offset;
  std::uint8_t* base = worker.port.outputs();
  if (worker.always_grows || text.size() > header.output_capacity) {
    record->has_own_region = 1;
    output.offset = 0;
    ASSERT_TRUE(
        worker.port.GrowOutputs(std::max<std::uint64_t>(text.size(), 1), &base).ok());
  }
  std::copy(text.begin(), text.end(), base + output.offset);
  output.size = text.size();
  output.rank = batched ? 2 : 1;
  output.dims[0] = rows;
  output.dims[output.rank - 1] =
      static_cast<std::int64_t>(text.size()) / std::max<std::int64_t>(rows, 1);
  Publish(worker, record);
}

// Ends the claimed batch.
inline void EndResponses(FakeWorker& worker, Code code = Code::kOk) {
  shm::Completion* record = RecordOf(worker);
  record->code = static_cast<std::uint32_t>(code);
  std::strcpy(record->message.data(), code == Code::kOk ? "" : "told to fail");
  ++worker.batches;
  worker.taken = false;
  Publish(worker, record);
}

// One worker of a decoupled model that has claimed the request "a".
class Asked : public Bench {
 public:
  explicit Asked(BenchOptions options = {}) : Bench(Decoupled(options)) {
    EXPECT_TRUE(Send("a", "aaa").ok());
    Pump();
    EXPECT_TRUE(worker().Take());
  }

  static BenchOptions Decoupled(BenchOptions options) {
    options.decoupled = true;
    return options;
  }
  // The worker responds, and the queue hears it.
  void Give(const std::string& text, std::int64_t rows = 1) {
    Respond(worker(), text, rows);
    Collect();
    Pump();
  }
  void GiveEnd(Code code = Code::kOk) {
    EndResponses(worker(), code);
    Collect();
    Pump();
  }
  [[nodiscard]] std::vector<std::string> Parts(const std::string& id = "a") {
    return sink.parts[id];
  }
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_TESTS_NATIVE_BATCH_RESPONDING_H_
