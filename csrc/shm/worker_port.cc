#include "shm/worker_port.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "shm/passing.h"

namespace leeboard::shm {

Status WorkerPort::Open(const WorkerFds& fds, const RegionSizes& sizes,
                        WorkerPort* out) {
  WorkerPort port;
  port.bell_.Reset(fds.bell);
  port.front_bell_.Reset(fds.front_bell);
  port.passing_.Reset(fds.passing);
  UniqueFd inputs(fds.inputs);
  UniqueFd outputs(fds.outputs);
  Status status = Region::Attach(UniqueFd(fds.control), sizeof(ControlPage),
                                 /*writable=*/true, &port.control_);
  if (status.ok()) {
    status = Region::Attach(std::move(inputs), sizes.inputs, /*writable=*/false,
                            &port.inputs_);
  }
  if (status.ok()) {
    status = Region::Attach(std::move(outputs), sizes.outputs, /*writable=*/true,
                            &port.outputs_);
  }
  if (status.ok()) {
    *out = std::move(port);
  }
  return status;
}

bool WorkerPort::TryClaim(Claim* claim) {
  for (;;) {
    std::atomic<std::uint64_t>& slot = page()->offers[cursor_ % kOffers];
    std::uint64_t bits = slot.load(std::memory_order_seq_cst);
    const Word word = Word::Decode(bits);
    // A fresh page is all zeros, which reads as seq 0, open, no rows: nothing offered
    // yet.
    if (word.seq != cursor_ || word.rows == 0) {
      return false;
    }
    const bool withdrawn = word.state == WordState::kWithdrawn;
    if (!withdrawn && word.state != WordState::kOpen) {
      return false;
    }
    const Word next = word.With(withdrawn ? WordState::kSkipped : WordState::kClaimed);
    // Acquire pairs with the front's release: the rows are visible once it succeeds.
    if (!slot.compare_exchange_strong(bits, next.Encode(), std::memory_order_seq_cst)) {
      continue;  // The front end added rows or took it back: look again.
    }
    cursor_ = (cursor_ + 1) & Word::kSeqMask;
    if (!withdrawn) {
      claimed_seq_ = word.seq;
      claimed_rows_ = word.rows;
      has_responded_ = false;
      *claim = {word.seq, word.rows, word.header_offset, MonotonicNow()};
      return true;
    }
  }
}

WorkerPort::Offer WorkerPort::Oldest() const {
  const auto open_at = [this](std::uint32_t seq, Word* word) {
    *word = Word::Decode(page()->offers[seq % kOffers].load(std::memory_order_seq_cst));
    return word->seq == seq && word->state == WordState::kOpen && word->rows > 0;
  };
  Word word;
  if (!open_at(cursor_, &word)) {
    return {};
  }
  Word behind;
  const bool full = open_at((cursor_ + 1) & Word::kSeqMask, &behind);
  // Only a claimed batch may be looked at: the front end may take this one back and use
  // its memory for something else at any moment.
  const std::uint32_t close_rows = page()->close_rows.load(std::memory_order_relaxed);
  return {word.rows, full ? word.rows : close_rows};
}

// Sleeps, with the bell armed, for as long as the policy wants the claim held back.
void WorkerPort::Hold() {
  std::uint32_t before = 0;  // Rows when the hold began.
  for (;;) {
    const Offer offer = Oldest();
    const Nanos left = hold_.HoldUntil(offer.rows, offer.close_rows) - MonotonicNow();
    if (left < HoldPolicy::kShortest) {
      if (before > 0 && offer.rows >= before) {
        hold_.Held(before, offer.rows, offer.close_rows);
      }
      return;
    }
    before = before == 0 ? offer.rows : before;
    page()->worker_sleeps.store(1, std::memory_order_seq_cst);
    if (Oldest().rows == offer.rows) {
      pollfd wait{bell_.get(), POLLIN, 0};
      const timespec time{0, static_cast<long>(left)};
      if (ppoll(&wait, 1, &time, nullptr) > 0) {
        std::uint64_t rings = 0;
        [[maybe_unused]] const ssize_t size = read(bell_.get(), &rings, sizeof rings);
      }
    }
    page()->worker_sleeps.store(0, std::memory_order_relaxed);
  }
}

WorkerPort::Taken WorkerPort::Take(int timeout_ms, int watch, Claim* claim) {
  Hold();
  if (TryClaim(claim)) {
    return Taken::kBatch;
  }
  page()->worker_sleeps.store(1, std::memory_order_seq_cst);
  if (TryClaim(claim)) {
    page()->worker_sleeps.store(0, std::memory_order_relaxed);
    return Taken::kBatch;
  }
  const bool is_stopped = Sleep(timeout_ms, watch);
  Hold();
  if (TryClaim(claim)) {
    return Taken::kBatch;
  }
  return is_stopped ? Taken::kStopped : Taken::kNothing;
}

bool WorkerPort::Sleep(int timeout_ms, int watch) {
  std::array<pollfd, 2> waits{{{bell_.get(), POLLIN, 0}, {watch, POLLIN, 0}}};
  poll(waits.data(), waits.size(), timeout_ms);
  page()->worker_sleeps.store(0, std::memory_order_relaxed);
  if ((waits[0].revents & POLLIN) != 0) {
    std::uint64_t rings = 0;
    [[maybe_unused]] const ssize_t size = read(bell_.get(), &rings, sizeof rings);
  }
  return waits[1].revents != 0;
}

WorkerPort::Room WorkerPort::AwaitRoom(int timeout_ms, int watch) {
  const auto look = [this] {
    if (IsCancelled()) {
      return Room::kCancelled;
    }
    // Pairs with the front end's store behind its reads of the last response.
    const bool is_free =
        !has_responded_ || page()->taken.load(std::memory_order_seq_cst) == responded_;
    return is_free ? Room::kFree : Room::kNotYet;
  };
  Room room = look();
  if (room != Room::kNotYet) {
    return room;
  }
  page()->worker_sleeps.store(1, std::memory_order_seq_cst);
  room = look();
  if (room != Room::kNotYet) {
    page()->worker_sleeps.store(0, std::memory_order_relaxed);
    return room;
  }
  const bool is_stopped = Sleep(timeout_ms, watch);
  room = look();
  return room == Room::kNotYet && is_stopped ? Room::kStopped : room;
}

const BatchHeader& WorkerPort::header(const Claim& claim) const {
  return *reinterpret_cast<const BatchHeader*>(inputs_.data() + claim.header_offset);
}

const LayoutRecord& WorkerPort::layout(const BatchHeader& header) const {
  return *reinterpret_cast<const LayoutRecord*>(inputs_.data() + header.layout_offset);
}

Completion* WorkerPort::record() {
  const std::uint32_t next = page()->completed.load(std::memory_order_relaxed);
  return &page()->completions[next % kCompletions];
}

void WorkerPort::Publish() {
  const std::uint32_t next = page()->completed.load(std::memory_order_relaxed);
  const Completion& done = page()->completions[next % kCompletions];
  if (done.more != 0) {
    has_responded_ = true;
    responded_ = next + 1;
  } else if (done.code == 0 && claimed_rows_ > 0) {
    hold_.Ended(claimed_rows_, done.run_ended_at - done.run_began_at, Oldest().rows,
                MonotonicNow());
  }
  // Release for the record; sequentially consistent against front_sleeps, as in Ring().
  page()->completed.store(next + 1, std::memory_order_seq_cst);
}

void WorkerPort::Ring() {
  if (page()->front_sleeps.load(std::memory_order_seq_cst) != 0) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t size = write(front_bell_.get(), &one, sizeof one);
  }
}

Status WorkerPort::GrowOutputs(std::uint64_t size, std::uint8_t** memory) {
  Region grown;
  Status status = Region::Create("leeboard-grown", size, Region::Peer::kWrites, &grown);
  if (status.ok()) {
    status = SendFd(passing_.get(), grown.fd(), claimed_seq_);
  }
  if (status.ok()) {
    *memory = grown.data();
    grown_ = std::move(grown);
  }
  return status;
}

}  // namespace leeboard::shm
