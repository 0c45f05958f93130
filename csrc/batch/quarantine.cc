// Batches that cost a worker: who runs again, who runs alone, and who is to blame.
//
// A batch whose worker was killed runs again as it is. After a crash, or a second death
// of any kind, each of its requests runs alone on one worker on which nothing else
// runs: of those, the one that ends that worker too is guilty, and nobody else suffers.

#include <signal.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "batch/version_queue.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {
namespace {

// Deaths of workers on one batch before its requests are told apart.
constexpr std::uint8_t kTrusted = 2;

std::string DeedOf(const Batch& batch, Nanos limit) {
  switch (batch.death) {
    case Death::kCrashed: {
      // The number is the worker's word.
      const char* name =
          batch.signal < NSIG ? sigabbrev_np(static_cast<int>(batch.signal)) : nullptr;
      return std::string("the worker that ran it crashed (") +
             (name == nullptr ? "a signal" : "SIG" + std::string(name)) + ")";
    }
    case Death::kHung:
      return "it did not end within " + std::to_string(limit / 1'000'000) + " ms";
    case Death::kMemory:
      return "the worker that ran it used more memory than it may";
    case Death::kBroke:
      return "the worker that ran it wrote where it must not";
    case Death::kKilled:
      break;
  }
  return "every worker that ran it was killed";
}

Code CodeOf(Death death) {
  return death == Death::kMemory ? Code::kResourceExhausted : Code::kInternal;
}

std::uint64_t SizeOf(const Batch& batch, const Member& member) {
  const shm::LayoutRecord& layout = batch.shape->layout;
  std::uint64_t size = 0;
  for (std::uint32_t i = 0; i < layout.input_count; ++i) {
    size += layout.inputs[i].row_bytes * member.rows;
  }
  return size;
}

Digest DigestOf(const std::uint8_t* region, const Batch& batch, const Member& member) {
  const shm::LayoutRecord& layout = batch.shape->layout;
  const OwnedSegment& segment = batch.segments[member.segment];
  const shm::Segment& shared = segment.shared;
  const std::uint32_t row = member.row_begin - segment.row_begin;
  Digester digester;
  const auto add = [&digester](const auto& value) {
    digester.Add({reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  };
  // Not layout_id: a shape that is forgotten meanwhile comes back with another one.
  const std::string& key = batch.shape->key;
  add(key.size());
  digester.Add({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
  add(member.rows);
  std::size_t bytes_input = 0;
  for (std::uint32_t i = 0; i < layout.input_count; ++i) {
    const std::uint8_t* base =
        region + shared.offset +
        shm::InputOffset(layout, i, shared.capacity, shared.bytes_capacity);
    if (layout.inputs[i].is_bytes == 0) {
      const std::uint64_t row_bytes = layout.inputs[i].row_bytes;
      digester.Add({base + row_bytes * row, row_bytes * member.rows});
      continue;
    }
    const std::uint64_t elements = batch.shape->elements[i];
    const std::uint64_t used = segment.bytes_used.empty()
                                   ? shared.bytes_capacity
                                   : segment.bytes_used[bytes_input++];
    const wire::Bytes all(base, used);
    const std::uint64_t begin = wire::RawBytesPrefix(all, elements * row);
    const std::uint64_t size =
        wire::RawBytesPrefix(all.subspan(begin), elements * member.rows);
    digester.Add(all.subspan(begin, size));
  }
  return digester.Finish();
}

// Whether a request that was responded to may be blameless for its worker's death: it
// cannot run again, so that shows when it is sent again.
bool IsFirstOffence(const Batch& batch, const std::uint8_t* region, Nanos now,
                    Guilty* unsure) {
  if (batch.death == Death::kKilled) {
    return true;
  }
  const Member& member = batch.members.front();
  const Digest digest = DigestOf(region, batch, member);
  if (unsure->Find(digest, now) != nullptr) {
    return false;
  }
  unsure->Add(digest, SizeOf(batch, member), {}, now);
  return true;
}

}  // namespace

void VersionQueue::Requeue(Batch* batch, Nanos now) {
  WorkerLink* link = batch->worker;
  const bool was_claimed = batch->state == Batch::State::kClaimed ||
                           link->port().Withdraw(batch->seq) != shm::Handover::kDone;
  if (was_claimed) {
    Claimed(batch);
    batch->death = link->death;
    batch->signal = link->port().crash_signal();
    if (batch->responses > 0 && !batch->is_suspect &&
        IsFirstOffence(*batch, region_.data(), now, &unsure_)) {
      FailBatch(
          batch,
          Status::Unavailable(options_.label +
                              ": the worker ended in the middle of the responses"),
          Reason::kWorkerLost);
      return;
    }
    if (!options_.retry) {
      FailBatch(
          batch,
          Status::Unavailable(options_.label +
                              ": the worker that ran it ended; the model has side "
                              "effects and its run may have happened, so it is "
                              "not run again"),
          Reason::kWorkerLost);
      return;
    }
    counters_.queued.Add(LiveRequests(*batch));
    ++batch->deaths;
    if (batch->responses > 0) {
      batch->is_suspect = true;  // It ran alone, as all of its kind do.
      batch->worker_id = link->id;
    }
  }
  batch->outputs->DropReference();
  batch->outputs = nullptr;
  batch->worker = nullptr;
  batch->state = Batch::State::kQueued;
  batch->published = 0;
  if (was_claimed && batch->is_suspect) {
    Condemn(batch, now);  // Even if its client has gone: it may ask again.
  } else if (batch->live_rows == 0) {
    FreeBatch(batch);
  } else if (!was_claimed) {
    batch->is_suspect ? suspects_.push_front(batch) : queued_.push_front(batch);
  } else {
    counters_.reruns.Add(LiveRequests(*batch));
    if (batch->deaths >= kTrusted || batch->death == Death::kCrashed) {
      Quarantine(batch);
    } else {
      queued_.push_front(batch);
    }
  }
}

void VersionQueue::Quarantine(Batch* batch) {
  counters_.quarantined.Add();
  if (batch->members.size() == 1) {
    batch->is_suspect = true;  // It is alone already: no memory for a copy is needed.
    suspects_.push_front(batch);
    return;
  }
  const std::size_t before = suspects_.size();
  SplitFailed(batch, &suspects_);
  for (std::size_t i = 0; i < suspects_.size() - before; ++i) {
    suspects_[i]->is_suspect = true;
  }
}

// The one request of a batch has ended a worker on which nothing else ran.
void VersionQueue::Condemn(Batch* batch, Nanos now) {
  const Member& member = batch->members.front();
  const std::string deed = DeedOf(*batch, watchdog_.limit());
  counters_.guilty.Add();
  const Code code = CodeOf(batch->death);
  guilty_.Add(DigestOf(region_.data(), *batch, member), SizeOf(*batch, member),
              {code, deed}, now);
  const std::uint64_t worker = batch->worker_id;
  const std::string text = options_.label + ": " + deed + "; it is not run again";
  FailBatch(batch, Status(code, text), Reason::kWorkerLost);
  sink_->OnGuilty(worker, text);
}

void VersionQueue::Unreserve() {
  quarantined_ = nullptr;
  reserved_ = nullptr;
  needs_pump_ = true;
}

// Offers the oldest suspect to a worker that has nothing else; the least busy one is
// kept free for it. Returns when to try again though nothing happens.
Nanos VersionQueue::OfferSuspect(Nanos now) {
  if (quarantined_ != nullptr) {
    return kNever;
  }
  if (suspects_.empty() || (reserved_ != nullptr && reserved_->broken)) {
    reserved_ = nullptr;
  }
  if (suspects_.empty()) {
    return kNever;
  }
  if (reserved_ == nullptr) {
    reserved_ = RoomiestWorker();
  }
  if (reserved_ == nullptr) {
    return kNever;
  }
  const std::vector<Batch*> held = reserved_->batches;
  for (auto batch = held.rbegin(); batch != held.rend(); ++batch) {
    if ((*batch)->state == Batch::State::kOffered &&
        TakeBack(*batch) == shm::Handover::kDone) {
      queued_.push_front(*batch);
    }
  }
  if (!reserved_->batches.empty() || !reserved_->port().CanOffer()) {
    return kNever;
  }
  Batch* suspect = suspects_.front();
  if (!Offer(suspect, reserved_, now)) {
    return now + kRetry;
  }
  suspects_.pop_front();
  quarantined_ = suspect;
  suspect->worker_id = reserved_->id;
  return kNever;
}

// A request that has just joined a batch leaves it again when it is known to be guilty.
Status VersionQueue::RefuseGuilty(Request* request) {
  if (guilty_.empty()) {
    return {};
  }
  Batch* batch = request->batch;
  Member& member = batch->members[request->member];
  if (!guilty_.MayKnow(SizeOf(*batch, member))) {
    return {};
  }
  const Deed* deed = guilty_.Find(DigestOf(region_.data(), *batch, member), now_);
  if (deed == nullptr) {
    return {};
  }
  Status status(
      deed->code,
      options_.label + ": the same request was refused a moment ago: " + deed->text);
  member.request = nullptr;
  batch->live_rows -= member.rows;
  request->batch = nullptr;
  if (batch->state == Batch::State::kOffered) {
    Touch(batch);
  } else if (batch->live_rows == 0) {
    FreeBatch(batch);
  } else if (OwnedSegment& segment = batch->segments[member.segment]; !segment.slab) {
    FreeSegment(batch->shape, segment);
    segment.size = 0;
  }
  return status;
}

void VersionQueue::Watch(Nanos now) {
  if (!watchdog_.IsDue(now)) {
    return;
  }
  const Nanos step = watchdog_.Step(now);
  for (WorkerLink* link : workers_) {
    const std::uint64_t moves = link->port().moves();
    // A worker whose response is kept may have nothing to do.
    const bool waits = link->sink_keeps || link->kept != nullptr;
    if (link->batches.empty() || moves != link->moves || waits) {
      link->moves = moves;
      link->unmoved = 0;
      continue;
    }
    link->unmoved += step;
    if (link->unmoved > watchdog_.limit() && !link->broken) {
      link->death = Death::kHung;
      Break(link, "it neither took nor finished a batch in time");
    }
  }
}

}  // namespace leeboard::batch
