// Requests, batches, and the memory that a batch's answers lie in.
//
// Ownership: a Request belongs to its VersionQueue from Enqueue until the queue has
// told the sink about its end. A Batch belongs to the queue; a worker only ever holds
// its number. Outputs belong to themselves and go when the last reply has left.
//
// Thread safety: none; the I/O thread owns all of it.

#ifndef LEEBOARD_BATCH_BATCH_H_
#define LEEBOARD_BATCH_BATCH_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/indexed_heap.h"
#include "batch/shape.h"
#include "batch/worker_link.h"
#include "http2/call.h"

namespace leeboard::batch {

class VersionQueue;

// One inference request, from its complete headers to its answer.
struct Request {
  http2::Call* call = nullptr;
  void* message = nullptr;  // The message of a stream that it is; the front's.
  VersionQueue* queue = nullptr;
  Batch* batch = nullptr;
  std::string id;
  std::vector<std::uint16_t> outputs;  // Requested, by index; empty means all.
  // How many classes of each of them, where any is asked for by class; else empty.
  std::vector<std::uint32_t> classes;
  std::uint32_t rows = 0;
  std::uint32_t member = 0;  // Its place in batch->members.
  Nanos arrived_at = 0;
  Nanos deadline = kNever;
  Nanos claim_by = kNever;   // When the queue's patience ends; kNever once claimed.
  Nanos heap_time = kNever;  // When to look at it: its deadline, or sooner.
  std::uint32_t heap_index = kNotInHeap;
};

// A segment of its own for one request, filled while its tensors arrive.
struct Landing {
  Shape* shape = nullptr;
  std::uint64_t offset = shm::Arena::kNone;
  std::uint64_t size = 0;
  std::uint64_t bytes_capacity = 0;
  std::uint32_t rows = 0;
};

// A request's place in a batch. `request` is null once it has died.
struct Member {
  Request* request = nullptr;
  std::uint32_t row_begin = 0;
  std::uint32_t rows = 0;
  std::uint32_t segment = 0;
};

// A segment as the front end knows it (the shared copy is for the worker).
struct OwnedSegment {
  shm::Segment shared;  // row_end counts rows of the batch.
  std::uint32_t row_begin = 0;
  std::uint64_t size = 0;
  bool slab = false;  // Shared by small requests; goes back to the shape.
  std::vector<std::uint64_t> bytes_used;  // By BYTES input, while it is filled.
};

struct Batch {
  enum class State : std::uint8_t {
    kQueued,   // Nobody has been offered it.
    kOffered,  // A worker may claim it at any moment; rows are still added.
    kClaimed,  // A worker runs it.
  };

  Shape* shape = nullptr;
  State state = State::kQueued;
  bool sealed = false;           // Takes no more rows.
  bool touched = false;          // In the list that the next Pump looks at.
  bool is_suspect = false;       // One request that runs alone, in quarantine.
  bool was_claimed = false;      // By a worker, be it one that died since.
  bool is_delayed = false;       // Its requests go behind all others.
  bool had_no_memory = false;    // The model ran out of memory on it once.
  bool is_cancelled = false;     // Its worker was told that nobody waits for more.
  std::uint8_t deaths = 0;       // Workers that died while running it.
  Death death = Death::kKilled;  // The last of them.
  std::uint32_t signal = 0;      // Of it, when it crashed.
  std::uint32_t rows = 0;        // Written.
  std::uint32_t published = 0;   // Of them, offered to the worker.
  std::uint32_t live_rows = 0;   // Of requests that still want an answer.
  Nanos oldest_arrival = 0;
  Nanos offered_at = 0;
  // Of its last run, as the worker tells it; 0 where it did not.
  Nanos claimed_at = 0;
  Nanos run_began_at = 0;
  Nanos run_ended_at = 0;
  std::uint64_t header_offset = shm::Arena::kNone;
  std::vector<OwnedSegment> segments;
  std::vector<Member> members;
  WorkerLink* worker = nullptr;
  std::uint64_t worker_id = 0;  // Of a suspect's worker, even when that is gone.
  std::uint32_t seq = 0;
  Outputs* outputs = nullptr;   // What the worker was granted.
  std::uint64_t responses = 0;  // Of a decoupled model, so far.
  Nanos ran = 0;                // What they took.
  Nanos began_at = 0;           // The first of them, by the worker's clock.
};

// Members whose client still waits.
inline std::uint64_t LiveRequests(const Batch& batch) {
  return static_cast<std::uint64_t>(
      std::count_if(batch.members.begin(), batch.members.end(),
                    [](const Member& member) { return member.request != nullptr; }));
}

// Whether a request's worker waits until its last response is no longer kept.
inline bool AwaitsReader(const Request& request) {
  const WorkerLink* link = request.batch->worker;
  return link != nullptr && request.batch->state == Batch::State::kClaimed &&
         (link->sink_keeps || link->kept != nullptr);
}

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_BATCH_H_
