// Batches to workers, and back.

#include <algorithm>
#include <utility>

#include "batch/close_policy.h"
#include "batch/version_queue.h"

namespace leeboard::batch {
namespace {

// Granted until the size is learned.
constexpr std::uint64_t kUnknownOutput = 64 << 10;
constexpr std::uint64_t kOutputPadding = 64;  // Of each output, for alignment.

}  // namespace

void VersionQueue::Break(WorkerLink* link, const char* why) {
  if (!link->broken) {
    link->broken = true;
    link->death = link->death == Death::kKilled ? Death::kBroke : link->death;
    sink_->OnWorkerBroken(link, why);
  }
}

// The worker has the batch: what it was not told of goes into the next one.
void VersionQueue::Claimed(Batch* batch) {
  if (batch->state == Batch::State::kClaimed) {
    return;
  }
  Shape* shape = batch->shape;
  if (shape->open == batch) {
    shape->open = nullptr;
  }
  batch->state = Batch::State::kClaimed;
  batch->sealed = true;
  if (batch->rows > batch->published) {
    Batch* late = Rebuild(batch, batch->published);
    if (late != nullptr) {
      const bool becomes_open = shape->open == nullptr;
      queued_.push_back(late);
      if (becomes_open) {
        shape->open = late;
      } else {
        late->sealed = true;
      }
    }
  }
  batch->was_claimed = true;  // Not sooner: rows that came late were not.
  counters_.queued.Subtract(LiveRequests(*batch));
  counters_.dead_rows_computed.Add(batch->rows - batch->live_rows);
  StopResponses(batch);
}

void VersionQueue::PublishRows(Batch* batch) {
  if (batch->rows == batch->published) {
    return;
  }
  switch (batch->worker->port().Extend(batch->seq, batch->rows)) {
    case shm::Handover::kDone:
      batch->published = batch->rows;
      return;
    case shm::Handover::kClaimed:
      Claimed(batch);
      return;
    case shm::Handover::kBroken:
      Break(batch->worker, "it changed the word of a batch that it did not claim");
      return;
  }
}

shm::Handover VersionQueue::TakeBack(Batch* batch) {
  WorkerLink* link = batch->worker;
  const shm::Handover result = link->port().Withdraw(batch->seq);
  if (result == shm::Handover::kClaimed) {
    Claimed(batch);
  } else if (result == shm::Handover::kBroken) {
    Break(link, "it changed the word of a batch that was taken back");
  } else {
    link->batches.erase(std::find(link->batches.begin(), link->batches.end(), batch));
    batch->outputs->DropReference();
    batch->outputs = nullptr;
    batch->worker = nullptr;
    batch->published = 0;
    batch->state = Batch::State::kQueued;
  }
  return result;
}

void VersionQueue::PruneOffered(Batch* batch) {
  if (TakeBack(batch) == shm::Handover::kDone) {
    queued_.push_front(batch);
    PruneQueued(0);
  }
}

// Replaces the queued batch at `at` by one without its dead rows; null when none live.
Batch* VersionQueue::PruneQueued(std::size_t at) {
  Batch* batch = queued_[at];
  if (batch->live_rows == batch->rows) {
    return batch;
  }
  const bool was_open = batch->shape->open == batch;
  const bool sealed = batch->sealed;
  Batch* fresh = Rebuild(batch, 0);
  if (fresh != nullptr) {
    fresh->sealed = sealed;
    queued_.insert(queued_.begin() + static_cast<std::ptrdiff_t>(at), fresh);
  }
  Shape* shape = batch->shape;
  FreeBatch(batch);
  if (was_open) {
    shape->open = fresh;
  }
  return fresh;
}

WorkerLink* VersionQueue::RoomiestWorker() {
  WorkerLink* best = nullptr;
  for (WorkerLink* link : workers_) {
    if (link->broken || link == reserved_ || !link->port().CanOffer()) {
      continue;
    }
    if (best == nullptr || link->port().outstanding() < best->port().outstanding()) {
      best = link;
    }
  }
  return best;
}

bool VersionQueue::GrantOutputs(Batch* batch, WorkerLink* link) {
  Shape* shape = batch->shape;
  const std::uint64_t padding = options_.outputs.size() * kOutputPadding;
  const std::uint64_t room = link->arena().size();
  const std::uint32_t rows =
      batch->sealed ? batch->rows : std::max(shape->close_rows, batch->rows);
  const std::uint64_t row = std::min(shape->output_row_bytes, room + 1);
  const auto wanted = [row, padding](std::uint32_t of) {
    return (row == 0 ? kUnknownOutput : row * of) + padding;
  };
  batch->outputs = Outputs::Grant(link, wanted(rows));
  if (batch->outputs == nullptr && row != 0 && batch->rows < rows) {
    // Room for these rows only: then no more may come.
    batch->outputs = Outputs::Grant(link, wanted(batch->rows));
    if (batch->outputs != nullptr) {
      batch->sealed = true;
      if (shape->open == batch) {
        shape->open = nullptr;
      }
    }
  }
  if (batch->outputs == nullptr && wanted(batch->rows) > room) {
    // More than there will ever be: the worker makes a region of its own.
    batch->outputs = Outputs::Grant(link, std::min(kUnknownOutput, room));
  }
  if (batch->outputs == nullptr) {
    sink_->OnOutputPressure();
  }
  return batch->outputs != nullptr;
}

void VersionQueue::WriteHeader(Batch* batch) {
  auto* header =
      reinterpret_cast<shm::BatchHeader*>(region_.data() + batch->header_offset);
  header->layout_offset = batch->shape->layout_offset;
  header->output_offset = batch->outputs->offset();
  header->output_capacity = batch->outputs->capacity();
  for (std::uint32_t i = 0; i < batch->segments.size(); ++i) {
    shm::WriteSegment(batch->segments[i].shared, i, header);
  }
}

bool VersionQueue::Offer(Batch* batch, WorkerLink* link, Nanos now) {
  if (!GrantOutputs(batch, link)) {
    return false;
  }
  WriteHeader(batch);
  if (link->port().Offer(batch->header_offset, batch->rows, &batch->seq) !=
      shm::Handover::kDone) {
    batch->outputs->DropReference();
    batch->outputs = nullptr;
    Break(link, "it changed a word that had been taken back");
    return false;
  }
  batch->state = Batch::State::kOffered;
  batch->worker = link;
  batch->published = batch->rows;
  batch->offered_at = now;
  link->batches.push_back(batch);
  return true;
}

// With nothing else queued and a worker that has nothing to do, the oldest delayed
// batch is queued like any other. True when there was one.
bool VersionQueue::CallDelayed() {
  if (delayed_.empty() || !queued_.empty() ||
      std::none_of(workers_.begin(), workers_.end(), [this](const WorkerLink* link) {
        return !link->broken && link != reserved_ && link->batches.empty();
      })) {
    return false;
  }
  Batch* batch = delayed_.front();
  delayed_.pop_front();
  batch->is_delayed = false;
  batch->sealed = true;
  queued_.push_back(batch);
  return true;
}

Nanos VersionQueue::OfferQueued(Nanos now) {
  Nanos look_again = OfferSuspect(now);
  std::size_t at = 0;
  while (at < queued_.size() || CallDelayed()) {
    WorkerLink* link = RoomiestWorker();
    if (link == nullptr) {
      return look_again;
    }
    Batch* batch = PruneQueued(at);
    if (batch == nullptr) {
      continue;
    }
    const Decision decision = DecideClose(
        {batch->rows, batch->shape->close_rows, batch->sealed, batch->oldest_arrival},
        options_.max_queue_delay, now);
    if (!decision.ready) {
      look_again = std::min(look_again, decision.look_again_at);
      ++at;
      continue;
    }
    if (!Offer(batch, link, now)) {
      return now + kRetry;
    }
    queued_.erase(queued_.begin() + static_cast<std::ptrdiff_t>(at));
  }
  return look_again;
}

// An idle worker takes over what another one has only been promised.
void VersionQueue::Steal(Nanos now) {
  if (workers_.size() < 2 || !queued_.empty()) {
    return;
  }
  for (WorkerLink* idle : workers_) {
    if (idle->broken || idle == reserved_ || !idle->batches.empty() ||
        !idle->port().CanOffer()) {
      continue;
    }
    for (WorkerLink* busy : workers_) {
      if (busy->batches.size() < 2 || busy->broken) {
        continue;
      }
      Batch* batch = busy->batches.back();
      if (batch->state == Batch::State::kOffered &&
          TakeBack(batch) == shm::Handover::kDone) {
        if (!Offer(batch, idle, now)) {
          queued_.push_front(batch);
          needs_pump_ = true;
        }
        break;
      }
    }
  }
}

Nanos VersionQueue::Pump(Nanos now) {
  needs_pump_ = false;
  now_ = now;
  const std::vector<Batch*> touched = std::exchange(touched_, {});
  for (Batch* batch : touched) {
    if (batch == nullptr) {
      continue;
    }
    batch->touched = false;
    if (batch->state != Batch::State::kOffered) {
      continue;
    }
    if (batch->live_rows < batch->rows) {
      PruneOffered(batch);
    } else {
      PublishRows(batch);
    }
  }
  const Nanos look_again = held_ ? kNever : OfferQueued(now);
  Steal(now);
  for (WorkerLink* link : workers_) {
    link->port().Ring();
  }
  return look_again;
}

}  // namespace leeboard::batch
