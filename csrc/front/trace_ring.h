// Finished records on their way to the control plane: a ring of slots that are used
// again, texts and all, so that a busy server allocates nothing for them.
//
// Nobody is told of a record; the other side looks. A full ring takes nothing.
//
// Thread safety: Reserve and Publish on one thread, Take on another.

#ifndef LEEBOARD_FRONT_TRACE_RING_H_
#define LEEBOARD_FRONT_TRACE_RING_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <vector>

#include "front/trace_record.h"

namespace leeboard::front {

class TraceRing {
 public:
  static constexpr std::size_t kSlots = 4096;

  // The slot to fill next, with what it held a round ago; null when all are full.
  [[nodiscard]] TraceRecord* Reserve() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    // Acquire pairs with the release in Take: the slot has been read.
    const bool full = head - tail_.load(std::memory_order_acquire) == kSlots;
    return full ? nullptr : &slots_[head % kSlots];
  }
  // Shows the reserved slot to the other side.
  void Publish() {
    // Release pairs with the acquire in Take: the record is whole when it is seen.
    head_.store(head_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  // At most `most` of what was published, oldest first.
  std::vector<TraceRecord> Take(std::size_t most) {
    std::vector<TraceRecord> taken;
    std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t head = head_.load(std::memory_order_acquire);
    for (; tail != head && taken.size() < most; ++tail) {
      taken.push_back(slots_[tail % kSlots]);
    }
    tail_.store(tail, std::memory_order_release);
    return taken;
  }

 private:
  std::array<TraceRecord, kSlots> slots_;
  std::atomic<std::size_t> head_{0};
  std::atomic<std::size_t> tail_{0};
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_TRACE_RING_H_
