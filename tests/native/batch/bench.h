// A queue with its sink, workers and clock, all driven by the test.
#ifndef LEEBOARD_TESTS_NATIVE_BATCH_BENCH_H_
#define LEEBOARD_TESTS_NATIVE_BATCH_BENCH_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fake_worker.h"
#include "recording_sink.h"

namespace leeboard::batch {

struct BenchOptions {
  std::uint32_t max_batch_size = 4;
  std::uint32_t close_rows = 0;
  Nanos max_queue_delay = 0;
  std::uint32_t max_queue_size = 4096;
  std::uint64_t input_bytes = 64 << 20, output_bytes = 16 << 20;
  std::uint32_t max_shapes = 64;
  Nanos batch_timeout = 0;
  bool retry = true, decoupled = false;
  std::shared_ptr<WatchSlot> watch = nullptr;
  int workers = 1;
  // Inputs, and outputs alike. UINT8 of any width unless said otherwise.
  std::vector<wire::TensorSpec> tensors = {Spec(wire::DType::kUint8, {-1})};
};

class Bench {
 public:
  explicit Bench(const BenchOptions& options = {});
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  // Enqueues a request named `id`; without tensors, one row of UINT8 or of BYTES.
  Status Send(const std::string& id, std::uint32_t rows,
              const std::vector<Tensor>& tensors);
  Status Send(const std::string& id, const std::string& row) {
    return Send(id, 1, {{{static_cast<std::int64_t>(row.size())}, row}});
  }
  Status SendText(const std::string& id, std::string_view text) {
    return Send(id, 1, {{{1}, Element(text)}});
  }
  // The client of `id` goes.
  void Cancel(const std::string& id);
  Nanos Pump() { return queue->Pump(now); }
  void Collect() {
    for (WorkerLink* link : std::vector<WorkerLink*>(queue->workers())) {
      queue->Collect(link, now);
    }
  }
  FakeWorker* AddWorker();
  // The worker's process dies.
  void Kill(std::size_t index);
  // Lets the workers run until nothing moves.
  void RunAll();
  void ExpectIdle();
  [[nodiscard]] VersionCounters& counters() const { return queue->counters(); }
  [[nodiscard]] std::uint64_t failed(Reason reason) const {
    return counters().failed[static_cast<std::size_t>(reason)].get();
  }
  [[nodiscard]] FakeWorker& worker(std::size_t index = 0) { return *workers[index]; }

  Nanos now = 1'000'000'000;
  std::unique_ptr<VersionQueue> queue;
  RecordingSink sink;
  std::vector<std::unique_ptr<FakeWorker>> workers;

 private:
  BenchOptions options_;
  std::uint64_t next_id_ = 0;
};

inline Bench::Bench(const BenchOptions& options)
    : sink(options.tensors), options_(options) {
  QueueOptions of_queue;
  of_queue.model = "m";
  of_queue.version = "1";
  of_queue.label = "model 'm' version 1";
  of_queue.max_batch_size = options.max_batch_size;
  of_queue.close_rows = options.close_rows;
  of_queue.max_queue_delay = options.max_queue_delay;
  of_queue.max_queue_size = options.max_queue_size;
  of_queue.input_bytes = options.input_bytes;
  of_queue.max_shapes = options.max_shapes;
  of_queue.batch_timeout = options.batch_timeout;
  of_queue.retry = options.retry;
  of_queue.decoupled = options.decoupled;
  of_queue.outputs = options.tensors;
  of_queue.watch = options.watch;
  EXPECT_TRUE(VersionQueue::Create(std::move(of_queue), &queue).ok());
  queue->set_sink(&sink);
  while (workers.size() < static_cast<std::size_t>(options.workers)) {
    AddWorker();
  }
}

inline Bench::~Bench() {
  sink.LetGo();
}

inline FakeWorker* Bench::AddWorker() {
  std::unique_ptr<WorkerLink> link;
  EXPECT_TRUE(WorkerLink::Create(options_.output_bytes, &link).ok());
  link->id = ++next_id_;
  workers.push_back(std::make_unique<FakeWorker>(*queue, link.get()));
  queue->AddWorker(std::move(link));
  return workers.back().get();
}

inline void Bench::Kill(std::size_t index) {
  queue->WorkerGone(workers[index]->link, now);
  workers.erase(workers.begin() + static_cast<std::ptrdiff_t>(index));
}

inline Status Bench::Send(const std::string& id, std::uint32_t rows,
                          const std::vector<Tensor>& tensors) {
  std::vector<wire::InputTensor> inputs(tensors.size());
  std::vector<wire::RowInput> row_inputs(tensors.size());
  std::vector<wire::InputData> data(tensors.size());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::string& raw = tensors[i].raw;
    inputs[i].raw = {reinterpret_cast<const std::uint8_t*>(raw.data()), raw.size()};
    inputs[i].has_raw = true;
    wire::RowInput& input = row_inputs[i];
    input.dtype = options_.tensors[i].dtype;
    input.shape.rank = static_cast<std::uint8_t>(tensors[i].dims.size());
    std::copy(tensors[i].dims.begin(), tensors[i].dims.end(), input.shape.dims.begin());
    input.elements = 1;
    for (const std::int64_t dim : tensors[i].dims) {
      input.elements *= static_cast<std::uint64_t>(dim);
    }
    input.row_bytes = input.elements * wire::ElementSize(input.dtype);
    data[i] = {&inputs[i], raw.size(), false};
  }
  Request* request = queue->NewRequest();
  request->id = id;
  request->arrived_at = now;
  Status status = queue->Enqueue(request, {row_inputs, data, rows});
  if (status.ok()) {
    sink.waiting[id] = request;
  } else {
    queue->FreeRequest(request);
  }
  return status;
}

inline void Bench::Cancel(const std::string& id) {
  queue->Forget(sink.waiting.at(id));
  sink.waiting.erase(id);
}

inline void Bench::RunAll() {
  constexpr int kPatience = 20;  // Rounds in which a batch may wait for output memory.
  for (int idle = 0; idle < kPatience;) {
    now += 10'000'000;
    const bool waits = Pump() != kNever;
    bool moved = false;
    for (const auto& worker : workers) {
      while (worker->RunOne() > 0) {
        moved = true;
      }
    }
    Collect();
    moved = moved || queue->needs_pump();
    idle = moved ? 0 : waits ? idle + 1 : kPatience;
  }
}

// Nothing is left but what is kept for the next request.
inline void Bench::ExpectIdle() {
  EXPECT_EQ(counters().queued.get(), 0u);
  EXPECT_EQ(counters().open_batches.get(), 0u);
  EXPECT_EQ(counters().output_grants.get(), 0u);
  EXPECT_TRUE(queue->idle());
  for (const WorkerLink* link : queue->workers()) {
    EXPECT_EQ(link->grants, 0u);
    EXPECT_TRUE(link->batches.empty());
    EXPECT_EQ(const_cast<WorkerLink*>(link)->arena().used(), 0u);
  }
  // A request that can never fit makes the queue give its caches back.
  wire::RowInput input;
  input.dtype = wire::DType::kUint8;
  input.shape = {{1 << 30}, 1};
  input.elements = input.row_bytes = 1 << 30;
  const std::vector<wire::RowInput> inputs(options_.tensors.size(), input);
  const std::vector<std::uint64_t> sizes(options_.tensors.size(), 1 << 30);
  Landing landing;
  EXPECT_FALSE(queue->Reserve({inputs, {}, 1}, sizes, &landing).ok());
  EXPECT_EQ(counters().input_bytes_used.get(),
            counters().shapes.get() * shm::Arena::RoundUp(sizeof(shm::LayoutRecord)));
}

}  // namespace leeboard::batch

#endif  // LEEBOARD_TESTS_NATIVE_BATCH_BENCH_H_
