// The batches of one version: rows go in, batches go to workers, answers come out.
//
// A request is written straight into the open batch of its shape. The open batch may
// already be offered to a worker; new rows are published once a pass (Pump) and the
// worker takes what is there when it is free. Rows that come too late for a claimed
// batch move to a fresh one. Rows whose client has gone are taken out before a batch is
// claimed.
//
// Invariants:
//   1. A request is in exactly one batch, or in none after the sink heard of its end.
//   2. shape.open is the youngest batch of its shape and is not sealed.
//   3. Queued batches are in order of age: what ran once first, delayed ones last.
//   4. A request that may have ended a worker runs alone, and nothing runs beside it.
//
// Thread safety: only counters(); the I/O thread owns it.

#ifndef LEEBOARD_BATCH_VERSION_QUEUE_H_
#define LEEBOARD_BATCH_VERSION_QUEUE_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "batch/answer_sink.h"
#include "batch/batch.h"
#include "batch/counters.h"
#include "batch/guilty.h"
#include "batch/queue_options.h"
#include "batch/shortest_run.h"
#include "batch/watchdog.h"
#include "shm/region.h"

namespace leeboard::batch {

struct SlabRows;

class VersionQueue {
 public:
  static Status Create(QueueOptions options, std::unique_ptr<VersionQueue>* out);
  ~VersionQueue();
  VersionQueue(const VersionQueue&) = delete;
  VersionQueue& operator=(const VersionQueue&) = delete;

  void set_sink(AnswerSink* sink) { sink_ = sink; }
  [[nodiscard]] const QueueOptions& options() const { return options_; }
  [[nodiscard]] VersionCounters& counters() { return counters_; }
  [[nodiscard]] int inputs_fd() const { return region_.fd(); }
  [[nodiscard]] std::uint64_t input_bytes() const { return region_.size(); }
  [[nodiscard]] bool batches() const { return options_.max_batch_size > 0; }

  // Takes a request whose data is complete and checked. On error the caller keeps it.
  Status Enqueue(Request* request, const RequestRows& rows);
  // Reserves a segment for a request whose tensors, of these sizes, still arrive.
  Status Reserve(const RequestRows& rows, std::span<const std::uint64_t> raw_sizes,
                 Landing* landing);
  [[nodiscard]] std::uint8_t* LandingInput(const Landing& landing, std::uint32_t input);
  void Abandon(const Landing& landing);
  // Takes a request whose landing is full. Always succeeds unless the queue is full.
  Status EnqueueLanded(Request* request, const Landing& landing);

  // Nobody waits any more: the sink hears nothing more of the request, which is freed.
  void Forget(Request* request);
  // After AnswerSink::OnPart said false: its next response may come.
  void TakeMore(Request* request);
  // Puts a request that waits behind all others, if there is memory to move its rows.
  void Delay(Request* request);
  [[nodiscard]] ShortestRun& shortest_run() { return shortest_run_; }
  // Whether a worker has begun to run it, and whether one ever had.
  [[nodiscard]] bool IsRunning(const Request& request);
  [[nodiscard]] bool WasClaimed(const Request& request);
  // Ends every waiting request with `status` (the version cannot serve any more).
  void FailAll(const Status& status);

  void AddWorker(std::unique_ptr<WorkerLink> link);
  // The process is dead: its batches run again on a sibling, or when one comes.
  void WorkerGone(WorkerLink* link, Nanos now);
  // The worker rang: deliver what it completed.
  void Collect(WorkerLink* link, Nanos now);
  [[nodiscard]] const std::vector<WorkerLink*>& workers() const { return workers_; }

  // Ends workers that neither claim nor finish what they were offered. Call it at least
  // every Watchdog::kLongestStep while there is work.
  void Watch(Nanos now);

  // Once a pass: brings rows to workers. Returns when it wants to be called again.
  Nanos Pump(Nanos now);
  [[nodiscard]] bool needs_pump() const { return needs_pump_; }
  // While held it takes requests and offers none of them to a worker.
  void set_held(bool held) { held_ = held, needs_pump_ = true; }
  [[nodiscard]] bool idle() const { return counters_.open_batches.get() == 0; }
  // Whether nothing of any request is left, and no reply points to a worker's memory.
  [[nodiscard]] bool IsUnused() const;

  Request* NewRequest();  // Memory for requests, reused.
  void FreeRequest(Request* request);

 private:
  VersionQueue(QueueOptions options, shm::Region region);
  [[nodiscard]] std::uint32_t CloseRows() const;

  // shapes.cc
  Status FindShape(std::span<const RowInput> inputs, Shape** out);
  bool EvictShape();
  void ReleaseCaches();
  void FreeSlabs(Shape* shape);
  std::uint64_t AllocateInput(std::uint64_t size);
  void FreeInput(std::uint64_t offset, std::uint64_t size);

  // fill.cc: rows into batches.
  [[nodiscard]] std::uint64_t HeaderSize() const;
  Batch* NewBatch(Shape* shape);
  Batch* OpenBatch(Shape* shape, std::uint32_t rows);
  bool AddSlab(Batch* batch);
  Status FillSmall(Request* request, Shape* shape, const RequestRows& rows);
  void Join(Batch* batch, Request* request, std::uint32_t rows);
  Status CheckRoom();
  void Touch(Batch* batch);

  // rebuild.cc: rows from batch to batch, and out of them.
  bool MoveMember(Batch* from, const Member& member, Batch* to);
  bool AddExact(const SlabRows& rows, Batch* batch);
  Batch* Rebuild(Batch* batch, std::uint32_t first_row, bool alone = false);
  void FreeSegment(Shape* shape, const OwnedSegment& segment);
  void FreeBatch(Batch* batch);

  // offer.cc: batches to workers and back.
  void PublishRows(Batch* batch);
  void Claimed(Batch* batch);
  void PruneOffered(Batch* batch);
  Batch* PruneQueued(std::size_t at);
  bool Offer(Batch* batch, WorkerLink* link, Nanos now);
  bool GrantOutputs(Batch* batch, WorkerLink* link);
  WorkerLink* RoomiestWorker();
  Nanos OfferQueued(Nanos now);
  bool CallDelayed();
  void Steal(Nanos now);
  shm::Handover TakeBack(Batch* batch);
  void Break(WorkerLink* link, const char* why);
  void Retire(WorkerLink* link);
  void WriteHeader(Batch* batch);

  // quarantine.cc: batches that cost a worker.
  void Requeue(Batch* batch, Nanos now);
  void Quarantine(Batch* batch);
  void Condemn(Batch* batch, Nanos now);
  Nanos OfferSuspect(Nanos now);
  void Unreserve();
  Status RefuseGuilty(Request* request);

  // finish.cc, responses.cc: completions to answers.
  void Finish(Batch* batch, const shm::Completion& completion, Nanos now);
  [[nodiscard]] const char* CheckOutputs(const Batch& batch, const Outputs& out) const;
  const char* AdoptRegion(Batch* batch);
  std::uint64_t LearnSize(Batch* batch);
  void Deliver(Batch* batch, const shm::Completion& completion, Nanos now);
  void Count(const Batch& batch, const shm::Completion& completion, Nanos now);
  void SplitFailed(Batch* batch, std::deque<Batch*>* queue);
  void RunOnceMore(Batch* batch);
  void FailBatch(Batch* batch, const Status& status, Reason reason);
  const char* Respond(Batch* batch, Nanos now);
  bool Give(Batch* batch, Outputs* outputs, Nanos now);
  void StopResponses(Batch* batch);

  QueueOptions options_;
  VersionCounters counters_;
  AnswerSink* sink_ = nullptr;
  shm::Region region_;
  shm::Arena arena_;
  std::uint64_t output_row_bytes_ = 0;  // When the signature tells.
  std::unordered_map<std::string, std::unique_ptr<Shape>> shapes_;
  Shape* last_shape_ = nullptr;
  std::uint64_t tick_ = 0;
  std::uint32_t next_layout_id_ = 1;
  std::uint32_t segment_capacity_ = 1;
  std::vector<std::uint64_t> free_headers_;
  std::deque<Batch*> queued_;
  std::deque<Batch*> delayed_;      // Joins queued_ when that is empty.
  std::deque<Batch*> suspects_;     // Each has one request and waits for quarantine.
  Batch* quarantined_ = nullptr;    // Runs alone.
  WorkerLink* reserved_ = nullptr;  // Takes suspects only.
  Guilty guilty_;
  Guilty unsure_;  // Ended a worker after responses, once: that was not tried again.
  Watchdog watchdog_;
  ShortestRun shortest_run_;
  Nanos now_ = 0;                // Of the last pass.
  std::vector<Batch*> touched_;  // Offered batches with new rows or dead members.
  std::vector<WorkerLink*> workers_;
  std::uint64_t landings_ = 0;  // Reserved, and neither taken nor given up.
  std::shared_ptr<std::uint64_t> lingering_;  // Links that only replies hold.
  std::vector<std::unique_ptr<Request>> free_requests_;
  std::unique_ptr<shm::Completion> completion_;  // The one that is being looked at.
  bool needs_pump_ = false, held_ = false;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_VERSION_QUEUE_H_
