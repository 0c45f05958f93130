// Responses of decoupled models: a batch is one request that has any number of them.
//
// A response is shown to the sink as soon as it is there. The worker may write the next
// one when the sink wants it and no reply points into the memory of the last: the link
// keeps both reasons. A request that is forgotten, or failed by a response that is not
// the model's, leaves a cancelled batch behind: its worker is told, and its end, or the
// worker's, frees it.

#include <algorithm>
#include <utility>

#include "batch/run_times.h"
#include "batch/version_queue.h"

namespace leeboard::batch {

// Once nobody waits for a claimed batch any more.
void VersionQueue::StopResponses(Batch* batch) {
  if (!options_.decoupled || batch->live_rows > 0 || batch->is_cancelled) {
    return;
  }
  batch->is_cancelled = true;
  batch->worker->port().Cancel(batch->seq);
  batch->worker->Forgo();
  needs_pump_ = true;
}

void VersionQueue::TakeMore(Request* request) {
  WorkerLink* link = request->batch->worker;
  if (link != nullptr && request->batch->state == Batch::State::kClaimed) {
    link->sink_keeps = false;
    link->LetGo();
  }
}

// Null, or why the worker that published a response is broken.
const char* VersionQueue::Respond(Batch* batch, Nanos now) {
  WorkerLink* link = batch->worker;
  Outputs* outputs = batch->outputs;
  if (completion_->has_own_region != 0) {
    shm::Region region;
    if (!link->ReceiveRegion(batch->seq, kLargestOwnRegion, &region).ok()) {
      return kNoRegion;
    }
    outputs = Outputs::Own(link, std::move(region));
  } else {
    outputs->AddReference();
  }
  if (batch->live_rows > 0) {
    // The sink may call TakeMore, or drop what it kept before, at any moment.
    link->sink_keeps = true;
    link->kept = batch->outputs;
    if (Give(batch, outputs, now)) {
      link->sink_keeps = false;
    }
  }
  outputs->DropReference();
  if (!batch->is_cancelled) {
    link->kept = batch->outputs->is_shared() ? batch->outputs : nullptr;
    link->LetGo();
  }
  return nullptr;
}

// Shows a response to the sink; true when the next one may come.
bool VersionQueue::Give(Batch* batch, Outputs* outputs, Nanos now) {
  Member& member = batch->members.front();
  const char* wrong = CheckOutputs(*batch, *outputs);
  if (wrong != nullptr) {
    counters_.Fail(Reason::kModelError);
    sink_->OnFailure(member.request,
                     Status::Internal(options_.label + " returned " + wrong));
    FreeRequest(std::exchange(member.request, nullptr));
    batch->live_rows = 0;
    StopResponses(batch);
    return false;
  }
  const RunTimes times = TimesOf(batch->offered_at, *completion_, now);
  if (batch->responses++ == 0) {
    batch->began_at = times.began;
  }
  batch->ran += times.ended - times.began;
  watchdog_.Learn(times.ended - times.began);
  counters_.responses.Add();
  LearnSize(batch);
  Answer answer;
  answer.base = outputs->base();
  answer.completion = completion_.get();
  answer.rows = answer.batch_rows = batch->rows;
  answer.outputs = outputs;
  answer.is_part = true;
  return sink_->OnPart(member.request, answer);
}

}  // namespace leeboard::batch
