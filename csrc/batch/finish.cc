// Completions to answers. Everything in a completion is the worker's word and is
// checked against what was granted, what was offered and what the model declares.

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "batch/run_times.h"
#include "batch/version_queue.h"
#include "batch/watch.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {
namespace {

// dims' product times the element size, or max() when it overflows or a dim is
// negative.
std::uint64_t TensorSize(const shm::OutputRecord& record, std::uint64_t element) {
  std::uint64_t size = element;
  for (std::uint32_t i = 0; i < record.rank; ++i) {
    if (record.dims[i] < 0 ||
        __builtin_mul_overflow(size, static_cast<std::uint64_t>(record.dims[i]),
                               &size)) {
      return std::numeric_limits<std::uint64_t>::max();
    }
  }
  return size;
}

bool DimsMatch(const wire::TensorSpec& spec, const shm::OutputRecord& record,
               bool batched) {
  const auto wanted = spec.shape.view();
  const std::uint32_t skip = batched ? 1 : 0;
  if (record.rank != wanted.size() + skip) {
    return false;
  }
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] >= 0 && wanted[i] != record.dims[i + skip]) {
      return false;
    }
  }
  return true;
}

std::uint64_t ClampNs(Nanos from, Nanos to) {
  return to > from ? static_cast<std::uint64_t>(to - from) : 0;
}

std::uint64_t WallMs() {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(duration_cast<milliseconds>(since).count());
}

// Null, or why no worker of such a model publishes this.
const char* CheckKind(bool is_decoupled, const shm::Completion& completion) {
  if (completion.more != 0) {
    return is_decoupled && completion.code == 0
               ? nullptr
               : "it published a response that its model does not give";
  }
  const bool has_outputs =
      completion.output_count != 0 || completion.has_own_region != 0;
  return is_decoupled && has_outputs ? "it ended its responses with outputs" : nullptr;
}

}  // namespace

// Null, or what is wrong with the outputs.
const char* VersionQueue::CheckOutputs(const Batch& batch, const Outputs& out) const {
  const shm::Completion& completion = *completion_;
  if (completion.output_count != options_.outputs.size()) {
    return "another number of outputs than the model has";
  }
  for (std::size_t i = 0; i < options_.outputs.size(); ++i) {
    const wire::TensorSpec& spec = options_.outputs[i];
    const shm::OutputRecord& record = completion.outputs[i];
    if (record.rank > shm::kMaxRank || !DimsMatch(spec, record, batches())) {
      return "an output whose shape is not the model's";
    }
    if (batches() && !options_.decoupled &&
        record.dims[0] != static_cast<std::int64_t>(batch.rows)) {
      return "an output whose first dimension is not the batch's rows";
    }
    const std::uint64_t end = out.end();
    if (record.offset < out.begin() || record.offset > end ||
        record.size > end - record.offset) {
      return "an output outside the memory that it was granted";
    }
    if (spec.dtype == wire::DType::kBytes) {
      const wire::Bytes raw(out.base() + record.offset, record.size);
      if (!wire::CheckRawBytes(spec.name, raw, TensorSize(record, 1)).ok()) {
        return "a BYTES output that is not well formed";
      }
    } else if (TensorSize(record, wire::ElementSize(spec.dtype)) != record.size) {
      return "an output whose size does not fit its shape";
    }
  }
  return nullptr;
}

const char* VersionQueue::AdoptRegion(Batch* batch) {
  shm::Region region;
  if (completion_->has_own_region != 0 &&
      !batch->worker->ReceiveRegion(batch->seq, kLargestOwnRegion, &region).ok()) {
    return kNoRegion;
  }
  if (region.mapped()) {
    batch->outputs->Adopt(std::move(region));
  }
  return nullptr;
}

void VersionQueue::Collect(WorkerLink* link, Nanos now) {
  // A worker that publishes responses as fast as they are taken must not keep this
  // thread; a dead one has left fewer.
  constexpr std::uint32_t kAtOnce = 4 * shm::kCompletions;
  for (std::uint32_t seen = 0; seen < kAtOnce; ++seen) {
    const shm::Poll poll = link->port().Next(completion_.get());
    if (poll == shm::Poll::kNothing) {
      return;
    }
    const auto found = std::find_if(
        link->batches.begin(), link->batches.end(),
        [this](const Batch* batch) { return batch->seq == completion_->seq; });
    if (poll == shm::Poll::kBroken || found == link->batches.end()) {
      Break(link, "it completed a batch that it did not have");
      return;
    }
    Batch* batch = *found;
    const char* wrong = CheckKind(options_.decoupled, *completion_);
    if (wrong == nullptr) {
      Claimed(batch);
      wrong = poll == shm::Poll::kResponse ? Respond(batch, now) : AdoptRegion(batch);
    }
    if (wrong != nullptr) {
      Break(link, wrong);
      return;
    }
    if (poll == shm::Poll::kCompleted) {
      link->batches.erase(found);
      needs_pump_ = true;
      Finish(batch, *completion_, now);
    }
  }
}

void VersionQueue::Finish(Batch* batch, const shm::Completion& completion, Nanos now) {
  batch->worker->Forgo();
  // What a failed batch does not say may be left over from one before.
  const auto told = [batch](Nanos at) { return at < batch->offered_at ? 0 : at; };
  batch->claimed_at = told(completion.claimed_at);
  batch->run_began_at = told(completion.run_began_at);
  batch->run_ended_at = told(completion.run_ended_at);
  const auto code = static_cast<Code>(completion.code);
  Status status;
  if (code != Code::kOk) {
    const std::string text(completion.message.data());
    status = Status(completion.code <= 16 ? code : Code::kInternal,
                    options_.label + " failed: " + text);
  } else if (!options_.decoupled) {
    if (const char* wrong = CheckOutputs(*batch, *batch->outputs)) {
      status = Status::Internal(options_.label + " returned " + wrong);
    }
  }
  if (status.ok()) {
    Deliver(batch, completion, now);
  } else if (!options_.retry) {
    // Among several nobody knows whose fault it was, and finding out takes more runs.
    const bool blames =
        batch->members.size() > 1 && status.code() != Code::kResourceExhausted;
    FailBatch(batch, blames ? Status::Internal(status.message()) : status,
              Reason::kModelError);
  } else if (batch->members.size() > 1) {
    counters_.queued.Add(LiveRequests(*batch));
    SplitFailed(batch, &queued_);
  } else if (status.code() == Code::kResourceExhausted && !batch->had_no_memory &&
             batch->live_rows > 0 && batch->responses == 0) {
    RunOnceMore(batch);
  } else {
    FailBatch(batch, status, Reason::kModelError);
  }
}

void VersionQueue::Count(const Batch& batch, const shm::Completion& completion,
                         Nanos now) {
  auto [claimed, began, ended, latest] = TimesOf(batch.offered_at, completion, now);
  now = latest;
  watchdog_.Learn(ended - began);
  if (!options_.decoupled) {
    shortest_run_.Learn(ended - began);
  } else if (batch.responses > 0) {
    // As if all of it had been run in one go: a slow reader's time is none of the
    // model's.
    const Nanos ran = batch.ran + (ended - began);
    began = std::clamp(batch.began_at, claimed, now);
    ended = std::min(began + ran, now);
  }
  counters_.batches.Add();
  counters_.rows.Add(batch.rows);
  counters_.batch_rows.Add(batch.rows);
  counters_.compute.Add(ClampNs(began, ended));
  counters_.last_inference_ms.Set(WallMs());
  SizeCounters& size =
      counters_
          .by_size[std::min<std::size_t>(batch.rows, counters_.by_size.size() - 1)];
  size.batches.Add();
  size.input_ns.Add(ClampNs(claimed, began));
  size.infer_ns.Add(ClampNs(began, ended));
  size.output_ns.Add(ClampNs(ended, now));
  for (const Member& member : batch.members) {
    if (member.request == nullptr) {
      continue;
    }
    const Nanos arrived = member.request->arrived_at;
    counters_.requests_ok.Add();
    counters_.queue.Add(ClampNs(arrived, claimed));
    counters_.queue_ns.Add(ClampNs(arrived, claimed));
    counters_.input_ns.Add(ClampNs(claimed, began));
    counters_.infer_ns.Add(ClampNs(began, ended));
    counters_.output_ns.Add(ClampNs(ended, now));
    counters_.total.Add(ClampNs(arrived, now));
  }
}

// Remembers what a shape's outputs take; returns where these end.
std::uint64_t VersionQueue::LearnSize(Batch* batch) {
  const shm::Completion& completion = *completion_;
  std::uint64_t used_end = 0;
  std::uint64_t used = 0;
  for (std::uint32_t i = 0; i < completion.output_count; ++i) {
    const shm::OutputRecord& record = completion.outputs[i];
    used_end = std::max(used_end, record.offset + record.size);
    used += record.size;
  }
  if (output_row_bytes_ == 0) {
    const std::uint64_t row = used / std::max<std::uint32_t>(batch->rows, 1) + 1;
    Shape* shape = batch->shape;
    shape->output_row_bytes = std::max(shape->output_row_bytes, row + row / 4);
  }
  return used_end;
}

void VersionQueue::Deliver(Batch* batch, const shm::Completion& completion, Nanos now) {
  Count(*batch, completion, now);
  const std::uint64_t used_end = options_.decoupled ? 0 : LearnSize(batch);
  batch->outputs->Trim(completion.has_own_region != 0 ? 0 : used_end);
  Answer answer;
  answer.base = batch->outputs->base();
  answer.completion = &completion;
  answer.batch_rows = batch->rows;
  answer.outputs = batch->outputs;
  if (options_.watch != nullptr && options_.watch->watch != nullptr) {
    options_.watch->watch->Add({batch, region_.data(), answer.base, &completion, now},
                               &options_.watch->thinner);
  }
  for (const Member& member : batch->members) {
    if (member.request != nullptr) {
      answer.row_begin = member.row_begin;
      answer.rows = member.rows;
      sink_->OnAnswer(member.request, answer);
      FreeRequest(member.request);
    }
  }
  FreeBatch(batch);
}

// A model's error may be one request's fault: each runs again alone, and only the
// guilty one hears of it.
void VersionQueue::SplitFailed(Batch* batch, std::deque<Batch*>* queue) {
  const std::vector<Member> members = std::move(batch->members);
  for (auto member = members.rbegin(); member != members.rend(); ++member) {
    if (member->request == nullptr) {
      continue;
    }
    batch->members.assign(1, *member);
    batch->live_rows = member->rows;
    Batch* alone = Rebuild(batch, 0, /*alone=*/true);
    if (alone != nullptr) {
      queue->push_front(alone);
    }
  }
  batch->members.clear();
  FreeBatch(batch);
}

// Memory that is short in one worker, or at one moment, may be there in another.
void VersionQueue::RunOnceMore(Batch* batch) {
  batch->had_no_memory = true;
  counters_.queued.Add(LiveRequests(*batch));
  counters_.reruns.Add(LiveRequests(*batch));
  batch->outputs->DropReference();
  batch->outputs = nullptr;
  batch->worker = nullptr;
  batch->published = 0;
  batch->state = Batch::State::kQueued;
  if (batch == quarantined_) {
    Unreserve();
  }
  batch->is_suspect ? suspects_.push_front(batch) : queued_.push_front(batch);
}

void VersionQueue::FailBatch(Batch* batch, const Status& status, Reason reason) {
  for (const Member& member : batch->members) {
    if (member.request == nullptr) {
      continue;
    }
    if (batch->state != Batch::State::kClaimed) {
      counters_.queued.Subtract();
    }
    counters_.Fail(reason);
    sink_->OnFailure(member.request, status);
    FreeRequest(member.request);
  }
  batch->members.clear();
  FreeBatch(batch);
}

}  // namespace leeboard::batch
