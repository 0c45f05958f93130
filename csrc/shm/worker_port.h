// The worker's side of the hand-over: claims the oldest batch, publishes its
// completion.
//
// Thread safety: none; one thread of the worker owns it.

#ifndef LEEBOARD_SHM_WORKER_PORT_H_
#define LEEBOARD_SHM_WORKER_PORT_H_

#include <cstdint>

#include "base/clock.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "shm/control.h"
#include "shm/crash_note.h"
#include "shm/hold_policy.h"
#include "shm/region.h"

namespace leeboard::shm {

// What the front end passes to a worker. The port owns all of it.
struct WorkerFds {
  int control = -1;     // Region, writable.
  int inputs = -1;      // Region, read-only.
  int outputs = -1;     // Region, writable.
  int bell = -1;        // eventfd that wakes the worker.
  int front_bell = -1;  // eventfd that wakes the front end.
  int passing = -1;     // Socket over which a region of its own is announced.
};

struct RegionSizes {
  std::uint64_t inputs = 0;
  std::uint64_t outputs = 0;
};

// Part of a claimed batch, as the front end laid it out.
struct Claim {
  std::uint32_t seq = 0;
  std::uint32_t rows = 0;
  std::uint64_t header_offset = 0;
  Nanos claimed_at = 0;
};

class WorkerPort {
 public:
  enum class Taken : std::uint8_t {
    kBatch,
    kNothing,  // The wait ended without a batch.
    kStopped,  // `watch` is readable or hung up: see why before the next Take.
  };

  // Whether the response that was published last may be overwritten.
  enum class Room : std::uint8_t {
    kFree,
    kNotYet,     // The wait ended first.
    kStopped,    // `watch` is readable or hung up.
    kCancelled,  // Nobody wants another response: end the batch.
  };

  static Status Open(const WorkerFds& fds, const RegionSizes& sizes, WorkerPort* out);

  // From now on a crash of this process is noted in the page. One port a process.
  void NoteCrashes() { shm::NoteCrashes(&page()->crash_signal); }

  // Waits for a batch at most timeout_ms. `watch` is a descriptor of the caller's,
  // looked at while waiting only; -1 for none.
  Taken Take(int timeout_ms, int watch, Claim* claim);
  [[nodiscard]] const BatchHeader& header(const Claim& claim) const;
  [[nodiscard]] const LayoutRecord& layout(const BatchHeader& header) const;

  // The record of the next completion, to be filled before Publish. The front end reads
  // it only after Publish.
  [[nodiscard]] Completion* record();
  // Publishes record(). The front end may not know until Ring.
  void Publish();
  // Whether nobody wants more of the batch that was claimed last.
  [[nodiscard]] bool IsCancelled() const {
    return page()->cancelled.load(std::memory_order_seq_cst) ==
           CancelWord(claimed_seq_);
  }
  // Waits, at most timeout_ms, until a response of the claimed batch may be written:
  // until the front end has done with the one before it. `watch` is as in Take.
  Room AwaitRoom(int timeout_ms, int watch);
  // Wakes the front end if it sleeps.
  void Ring();

  // Makes a region for the outputs of the batch that was taken last, maps it and sends
  // it to the front end. The mapping stays valid until the next call. Its descriptor
  // belongs to the port.
  Status GrowOutputs(std::uint64_t size, std::uint8_t** memory);

  // Maps the inputs anew for later batches; what was at [offset, offset + size) stays
  // where it is, as private memory that nothing overwrites. headers and layouts of the
  // claimed batch are then elsewhere.
  Status DetachInputs(std::uint64_t offset, std::uint64_t size) {
    return inputs_.Detach(offset, size);
  }

  [[nodiscard]] std::uint8_t* inputs() const { return inputs_.data(); }
  [[nodiscard]] std::uint8_t* outputs() const { return outputs_.data(); }
  [[nodiscard]] std::uint64_t inputs_size() const { return inputs_.size(); }
  [[nodiscard]] std::uint64_t outputs_size() const { return outputs_.size(); }

 private:
  [[nodiscard]] ControlPage* page() const {
    return reinterpret_cast<ControlPage*>(control_.data());
  }
  bool TryClaim(Claim* claim);
  // The oldest open offer: its rows, and with how many it is full (close_rows == rows
  // when another one is open behind it); no rows when there is none.
  struct Offer {
    std::uint32_t rows = 0;
    std::uint32_t close_rows = 0;
  };
  [[nodiscard]] Offer Oldest() const;
  void Hold();
  // Sleeps until the bell rings; true when `watch` says something.
  bool Sleep(int timeout_ms, int watch);

  Region control_;
  Region inputs_;
  Region outputs_;
  Region grown_;
  UniqueFd bell_;
  UniqueFd front_bell_;
  UniqueFd passing_;
  std::uint32_t cursor_ = 0;
  std::uint32_t claimed_seq_ = 0;
  std::uint32_t claimed_rows_ = 0;
  bool has_responded_ = false;   // To the claimed batch, with more to come.
  std::uint32_t responded_ = 0;  // Completions up to that response.
  HoldPolicy hold_;
};

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_WORKER_PORT_H_
