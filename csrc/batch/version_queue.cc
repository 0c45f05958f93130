#include "batch/version_queue.h"

#include <algorithm>
#include <utility>

namespace leeboard::batch {
namespace {

constexpr std::uint32_t kMaxSegments = 256;  // Of a batch.

std::uint64_t RowBytesOf(const std::vector<wire::TensorSpec>& outputs) {
  std::uint64_t total = 0;
  for (const wire::TensorSpec& output : outputs) {
    std::uint64_t size = wire::ElementSize(output.dtype);
    for (const std::int64_t dim : output.shape.view()) {
      size = dim < 0 ? 0 : size * static_cast<std::uint64_t>(dim);
    }
    if (size == 0) {
      return 0;  // Known only after the first batch.
    }
    total += size;
  }
  return total;
}

}  // namespace

VersionQueue::VersionQueue(QueueOptions options, shm::Region region)
    : options_(std::move(options)),
      counters_(std::max<std::uint32_t>(options_.max_batch_size, 1)),
      region_(std::move(region)),
      arena_(region_.size()),
      // A response may have any number of rows.
      output_row_bytes_(options_.decoupled ? 0 : RowBytesOf(options_.outputs)),
      segment_capacity_(
          std::clamp<std::uint32_t>(options_.max_batch_size, 1, kMaxSegments)),
      watchdog_(options_.batch_timeout),
      lingering_(std::make_shared<std::uint64_t>(0)),
      completion_(std::make_unique<shm::Completion>()) {}

VersionQueue::~VersionQueue() {
  std::vector<Batch*> batches(queued_.begin(), queued_.end());
  batches.insert(batches.end(), delayed_.begin(), delayed_.end());
  batches.insert(batches.end(), suspects_.begin(), suspects_.end());
  for (const WorkerLink* link : workers_) {
    batches.insert(batches.end(), link->batches.begin(), link->batches.end());
  }
  for (Batch* batch : batches) {
    for (const Member& member : batch->members) {
      const std::unique_ptr<Request> waiting(member.request);
    }
    FreeBatch(batch);
  }
  for (WorkerLink* link : workers_) {
    Retire(link);
  }
}

Status VersionQueue::Create(QueueOptions options, std::unique_ptr<VersionQueue>* out) {
  if (options.max_batch_size > shm::kMaxRows || options.input_bytes < (1U << 20) ||
      options.input_bytes > shm::kMaxInputRegion ||
      options.outputs.size() > shm::kMaxTensors) {
    return Status::InvalidArgument(options.label +
                                   ": batch size, memory or outputs are out of range");
  }
  shm::Region region;
  Status status = shm::Region::Create("leeboard-inputs", options.input_bytes,
                                      shm::Region::Peer::kReads, &region);
  if (status.ok()) {
    out->reset(new VersionQueue(std::move(options), std::move(region)));
  }
  return status;
}

std::uint32_t VersionQueue::CloseRows() const {
  if (options_.decoupled) {
    return 1;  // A batch is one request, however many rows it has.
  }
  const std::uint32_t most = std::max<std::uint32_t>(options_.max_batch_size, 1);
  return options_.close_rows == 0 ? most : std::min(options_.close_rows, most);
}

Request* VersionQueue::NewRequest() {
  if (free_requests_.empty()) {
    free_requests_.push_back(std::make_unique<Request>());
  }
  Request* request = free_requests_.back().release();
  free_requests_.pop_back();
  request->queue = this;
  return request;
}

void VersionQueue::FreeRequest(Request* request) {
  constexpr std::size_t kKept = 4096;
  std::unique_ptr<Request> owned(request);
  if (free_requests_.size() >= kKept) {
    return;
  }
  request->call = nullptr;
  request->message = nullptr;
  request->batch = nullptr;
  request->id.clear();
  request->outputs.clear();
  request->classes.clear();
  request->deadline = kNever;
  request->claim_by = kNever;
  request->heap_time = kNever;
  free_requests_.push_back(std::move(owned));
}

bool VersionQueue::IsRunning(const Request& request) {
  const Batch& batch = *request.batch;
  if (batch.state != Batch::State::kOffered) {
    return batch.state == Batch::State::kClaimed;
  }
  // Rows that were not published before the claim go into another batch.
  return batch.members[request.member].row_begin < batch.published &&
         batch.worker->port().IsClaimed(batch.seq);
}

bool VersionQueue::WasClaimed(const Request& request) {
  return request.batch->was_claimed || IsRunning(request);
}

void VersionQueue::Forget(Request* request) {
  Batch* batch = request->batch;
  Member& member = batch->members[request->member];
  member.request = nullptr;
  batch->live_rows -= member.rows;
  FreeRequest(request);
  if (batch->state == Batch::State::kClaimed) {
    counters_.dead_rows_computed.Add(member.rows);
    StopResponses(batch);
    return;
  }
  counters_.queued.Subtract();
  if (batch->state == Batch::State::kOffered) {
    Touch(batch);
    return;
  }
  // Without a worker that has room nobody looks at the batch for long: the dead must
  // not fill the memory that the living need.
  OwnedSegment& segment = batch->segments[member.segment];
  if (batch->live_rows == 0) {
    for (const Member& dead : batch->members) {
      counters_.dead_rows_pruned.Add(dead.rows);
    }
    FreeBatch(batch);
  } else if (!segment.slab) {
    FreeSegment(batch->shape, segment);
    segment.size = 0;
  }
}

void VersionQueue::FailAll(const Status& status) {
  std::vector<Batch*> waiting(queued_.begin(), queued_.end());
  waiting.insert(waiting.end(), delayed_.begin(), delayed_.end());
  waiting.insert(waiting.end(), suspects_.begin(), suspects_.end());
  queued_.clear();
  delayed_.clear();
  suspects_.clear();
  for (Batch* batch : waiting) {
    FailBatch(batch, status, Reason::kUnavailable);
  }
}

bool VersionQueue::IsUnused() const {
  return idle() && landings_ == 0 && *lingering_ == 0 &&
         counters_.output_grants.get() == 0;
}

void VersionQueue::AddWorker(std::unique_ptr<WorkerLink> link) {
  link->grants_gauge = &counters_.output_grants;
  link->port().SetCloseRows(CloseRows());
  workers_.push_back(link.release());
  counters_.workers.Set(workers_.size());
  needs_pump_ = true;
}

void VersionQueue::WorkerGone(WorkerLink* link, Nanos now) {
  link->SetProcess(0, -1);  // Its number may be another process's by now.
  if (link->death == Death::kKilled && link->port().crash_signal() != 0) {
    link->death = Death::kCrashed;
  }
  Collect(link, now);
  workers_.erase(std::find(workers_.begin(), workers_.end(), link));
  counters_.workers.Set(workers_.size());
  link->Forgo();
  const std::vector<Batch*> unfinished = std::move(link->batches);
  link->batches.clear();
  // Youngest first: each goes to the front of the queue, so the oldest ends up first.
  for (auto batch = unfinished.rbegin(); batch != unfinished.rend(); ++batch) {
    Requeue(*batch, now);
  }
  if (reserved_ == link) {
    Unreserve();
  }
  counters_.deaths[static_cast<std::size_t>(link->death)].Add();
  needs_pump_ = true;
  Retire(link);
}

// Lets go of a worker that has no batches any more.
void VersionQueue::Retire(WorkerLink* link) {
  counters_.output_grants.Subtract(link->grants);
  link->grants_gauge = nullptr;
  link->gone = true;
  if (link->grants == 0) {
    delete link;
    return;
  }
  // The last reply that points into its outputs deletes it.
  ++*lingering_;
  link->lingering = lingering_;
}

}  // namespace leeboard::batch
