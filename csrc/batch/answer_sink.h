// Who hears how a queue's requests and workers end.
//
// Thread safety: called on the I/O thread.

#ifndef LEEBOARD_BATCH_ANSWER_SINK_H_
#define LEEBOARD_BATCH_ANSWER_SINK_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "batch/batch.h"
#include "shm/control.h"

namespace leeboard::batch {

// A finished batch's tensors, checked; valid while OnAnswer runs unless referenced.
struct Answer {
  const std::uint8_t* base = nullptr;
  const shm::Completion* completion = nullptr;
  std::uint32_t row_begin = 0;
  std::uint32_t rows = 0;
  std::uint32_t batch_rows = 0;
  Outputs* outputs = nullptr;
  // One of many responses (OnPart): its outputs go out whole, whatever their first
  // dimensions are. The rows above say nothing about them.
  bool is_part = false;
};

// Hears about the end of every request, once. The request is freed right afterwards.
//
// A request of a decoupled version (QueueOptions::decoupled) has any number of OnPart,
// and then its end: OnAnswer with completion->output_count == 0 (no further data), or
// OnFailure, be it after parts. Forget may be called at any time in between, inside
// OnPart as well: nothing is heard of the request afterwards.
class AnswerSink {
 public:
  // One response. True: the next one may come. False: none comes before the sink calls
  // VersionQueue::TakeMore(request); its end, which brings no data, may. What the
  // answer points to is valid while OnPart runs, or as long as answer.outputs is
  // referenced: the worker does not write its next response there before.
  virtual bool OnPart(Request* /*request*/, const Answer& /*answer*/) { return true; }
  virtual void OnAnswer(Request* request, const Answer& answer) = 0;
  virtual void OnFailure(Request* request, const Status& status) = 0;
  // Output memory is full: copy out the replies of slow readers.
  virtual void OnOutputPressure() = 0;
  // The worker broke the rules or hangs: it is to be ended.
  virtual void OnWorkerBroken(WorkerLink* link, const char* why) = 0;
  // A worker died of one request, which is now known: its death is no sign that the
  // version is ill.
  virtual void OnGuilty(std::uint64_t worker, const std::string& text) = 0;

 protected:
  ~AnswerSink() = default;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_ANSWER_SINK_H_
