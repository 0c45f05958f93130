// Both ends at once, each in its thread: every row that was published is completed
// once, and none that was taken back. Run under ThreadSanitizer as well.

#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <random>
#include <thread>

#include "pair.h"

namespace leeboard::shm {
namespace {

constexpr std::uint64_t kBatches = 100'000;

// Where batch `number` keeps the values of its rows: plain memory, so that
// ThreadSanitizer sees whether the word orders it.
struct Slot {
  static constexpr std::uint64_t kSlots = 16;
  static constexpr std::uint32_t kRows = 60;
  std::array<std::uint32_t, 64> rows;  // 256 bytes, as the word counts them.
};
static_assert(sizeof(Slot) == Arena::kAlignment);

class Front {
 public:
  explicit Front(Pair* pair) : pair_(pair) {}

  void Run() {
    while ((completed_ < kBatches || !open_.empty()) && !broken_) {
      // Enough are started in any case, so that withdrawals cannot run on for ever.
      if (pair_->front.CanOffer() && completed_ + open_.size() < kBatches) {
        Offer();
      }
      Change();
      pair_->front.Ring();
      Collect();
    }
  }

  std::uint64_t rows_completed = 0;
  std::uint64_t rows_claimed_late = 0;
  std::uint64_t withdrawn = 0;

  [[nodiscard]] bool broken() const { return broken_; }
  [[nodiscard]] std::uint64_t completed() const { return completed_; }

 private:
  struct Open {
    std::uint64_t slot = 0;
    std::uint32_t rows = 0;  // Published.
    std::uint32_t first = 0;
    bool claimed = false;
  };

  Slot* SlotAt(std::uint64_t slot) {
    return reinterpret_cast<Slot*>(pair_->inputs()) + slot;
  }
  void Write(const Open& batch, std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t row = from; row < to; ++row) {
      SlotAt(batch.slot)->rows[row] = batch.first + row;
    }
  }
  void Offer() {
    Open batch;
    do {
      batch.slot = next_slot_++ % Slot::kSlots;
    } while (InUse(batch.slot));
    batch.rows = 1 + random_() % 4;
    batch.first = static_cast<std::uint32_t>(random_());
    Write(batch, 0, batch.rows);
    std::uint32_t seq = 0;
    broken_ = broken_ || pair_->front.Offer(batch.slot * Arena::kAlignment, batch.rows,
                                            &seq) != Handover::kDone;
    open_[seq] = batch;
  }
  [[nodiscard]] bool InUse(std::uint64_t slot) const {
    for (const auto& [seq, batch] : open_) {
      if (batch.slot == slot) {
        return true;
      }
    }
    return false;
  }
  void Change() {
    for (auto at = open_.begin(); at != open_.end();) {
      Open& batch = at->second;
      Handover result = Handover::kClaimed;
      const bool withdraws = random_() % 8 == 0;
      if (withdraws) {
        result = pair_->front.Withdraw(at->first);
      } else if (batch.rows < Slot::kRows && !batch.claimed) {
        Write(batch, batch.rows, batch.rows + 1);
        result = pair_->front.Extend(at->first, batch.rows + 1);
        batch.rows += result == Handover::kDone ? 1 : 0;
        rows_claimed_late += result == Handover::kClaimed ? 1 : 0;
      }
      broken_ = broken_ || result == Handover::kBroken;
      batch.claimed = batch.claimed || result == Handover::kClaimed;
      const bool gone = withdraws && result == Handover::kDone;
      withdrawn += gone ? 1 : 0;
      at = gone ? open_.erase(at) : std::next(at);
    }
  }
  void Collect() {
    // As the loop does: sleeping is said before the last look.
    pair_->front.SetSleeping(true);
    if (!pair_->front.HasCompletions() && !pair_->front.CanOffer()) {
      pollfd wait{pair_->front_bell.get(), POLLIN, 0};
      poll(&wait, 1, -1);  // A bell that is lost hangs the test.
      Rang(pair_->front_bell.get());
    }
    pair_->front.SetSleeping(false);
    std::uint32_t seq = 0;
    Poll result = Poll::kNothing;
    while ((result = pair_->Next(&seq)) == Poll::kCompleted) {
      const Open batch = open_[seq];
      open_.erase(seq);
      ++completed_;
      // The worker says how many rows it saw and what they add up to.
      const auto rows = static_cast<std::uint32_t>(pair_->completion.outputs[0].offset);
      std::uint64_t sum = 0;
      for (std::uint32_t row = 0; row < rows; ++row) {
        sum += batch.first + row;
      }
      broken_ =
          broken_ || rows != batch.rows || pair_->completion.outputs[0].size != sum;
      rows_completed += rows;
    }
    broken_ = broken_ || result == Poll::kBroken;
  }

  Pair* pair_;
  std::mt19937 random_{7};
  std::map<std::uint32_t, Open> open_;
  std::uint64_t completed_ = 0;
  std::uint64_t next_slot_ = 0;
  bool broken_ = false;
};

// Claims and completes until `watch` is readable; returns the rows it ran.
std::uint64_t Work(WorkerPort* port, int watch) {
  std::uint64_t rows = 0;
  for (;;) {
    Claim claim;
    const WorkerPort::Taken taken = port->Take(-1, watch, &claim);
    if (taken == WorkerPort::Taken::kStopped) {
      return rows;
    }
    if (taken != WorkerPort::Taken::kBatch) {
      continue;
    }
    const auto* slot =
        reinterpret_cast<const Slot*>(port->inputs() + claim.header_offset);
    std::uint64_t sum = 0;
    for (std::uint32_t row = 0; row < claim.rows; ++row) {
      sum += slot->rows[row];
    }
    Completion* record = port->record();
    record->seq = claim.seq;
    record->code = record->more = 0;
    record->output_count = 1;
    record->outputs[0].offset = claim.rows;
    record->outputs[0].size = sum;
    port->Publish();
    port->Ring();
    rows += claim.rows;
  }
}

TEST(Handover, EveryRowIsRunOnceWhileBothEndsHurry) {
  Pair pair;
  ASSERT_TRUE(pair.valid);
  const UniqueFd watch(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  std::uint64_t rows_run = 0;
  std::thread worker([&] { rows_run = Work(&pair.worker, watch.get()); });
  Front front(&pair);
  front.Run();
  const std::uint64_t one = 1;
  ASSERT_EQ(write(watch.get(), &one, sizeof one), 8);
  worker.join();
  EXPECT_FALSE(front.broken());
  EXPECT_EQ(front.completed(), kBatches);
  EXPECT_EQ(front.rows_completed, rows_run);
  EXPECT_GT(front.withdrawn, 0u);
}

}  // namespace
}  // namespace leeboard::shm
