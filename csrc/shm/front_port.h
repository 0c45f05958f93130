// The front end's side of the hand-over to one worker.
//
// The port keeps a private record of every word it published. A word in shared memory
// that contradicts the record means that the worker is broken: the caller ends it and
// runs its batches elsewhere.
//
// Thread safety: none; the I/O thread owns it. The worker is on the other side of the
// page.

#ifndef LEEBOARD_SHM_FRONT_PORT_H_
#define LEEBOARD_SHM_FRONT_PORT_H_

#include <cstdint>
#include <vector>

#include "shm/control.h"

namespace leeboard::shm {

enum class Handover : std::uint8_t {
  kDone,     // The word was changed as asked.
  kClaimed,  // Too late: the worker has claimed it, with the rows published before.
  kBroken,   // The page holds what no worker of ours writes.
};

enum class Poll : std::uint8_t {
  kNothing,
  kCompleted,
  kResponse,  // One of many: the batch goes on, and the worker waits for TakeResponse.
  kBroken,
};

class FrontPort {
 public:
  // `bell` is the eventfd that the worker sleeps on. Neither argument is owned.
  FrontPort(ControlPage* page, int bell) : page_(page), bell_(bell) {}

  // Tells the worker how many rows make a batch full.
  void SetCloseRows(std::uint32_t rows) {
    page_->close_rows.store(rows, std::memory_order_relaxed);
  }

  // Batches that the worker has claimed or may claim.
  [[nodiscard]] std::uint32_t outstanding() const {
    return static_cast<std::uint32_t>(offered_.size());
  }
  [[nodiscard]] bool CanOffer() const {
    return offered_.size() < kDepth &&
           offered_.size() + withdrawn_.size() < kOffers - 1;
  }

  // Publishes a batch; `seq` names it from now on. kClaimed does not happen.
  // REQUIRES: CanOffer(); 0 < rows <= kMaxRows.
  Handover Offer(std::uint64_t header_offset, std::uint32_t rows, std::uint32_t* seq);
  // Publishes more rows of an open batch.
  Handover Extend(std::uint32_t seq, std::uint32_t rows);
  // Takes an open batch back; its seq is dead after kDone.
  Handover Withdraw(std::uint32_t seq);

  // Whether the worker has claimed it by now; what it is told may change at once.
  [[nodiscard]] bool IsClaimed(std::uint32_t seq);

  // Copies the next completion, if any, and forgets its offer unless it is a response
  // of a batch that goes on. The copy's seq is one that was outstanding; everything
  // else in it is the worker's word.
  Poll Next(Completion* completion);

  // The response that was seen last is done with: the worker may write the next one
  // into its memory. Nothing where there is none.
  void TakeResponse();
  [[nodiscard]] bool has_response() const { return has_response_; }
  // Nobody wants responses of a batch that the worker has claimed: it is to end it.
  void Cancel(std::uint32_t seq);

  // Grows whenever the worker claims or finishes a batch.
  [[nodiscard]] std::uint64_t moves();

  // What the worker noted about its own end; 0 without a crash. Its word, like all
  // else.
  [[nodiscard]] std::uint32_t crash_signal() const {
    return page_->crash_signal.load(std::memory_order_relaxed);
  }

  // Wakes the worker if it sleeps and something was published since the last call.
  void Ring();
  // Around the front end's own sleep: after kSleeping the caller checks
  // HasCompletions() once more before it blocks.
  void SetSleeping(bool sleeping) {
    page_->front_sleeps.store(sleeping ? 1 : 0, std::memory_order_seq_cst);
  }
  [[nodiscard]] bool HasCompletions() const {
    return page_->completed.load(std::memory_order_seq_cst) != consumed_;
  }

 private:
  struct Offered {
    Word word;  // As published last.
    bool claimed = false;
    bool cancelled = false;
  };

  std::atomic<std::uint64_t>& At(std::uint32_t seq) {
    return page_->offers[seq % kOffers];
  }
  Offered* Find(std::uint32_t seq);
  Handover Exchange(Offered* offered, const Word& next);
  Poll Ended(Offered* offered);
  void WriteCancelled();

  ControlPage* page_;
  int bell_;
  bool published_ = false;
  bool has_response_ = false;  // That was not taken yet.
  std::uint32_t response_seq_ = 0;
  std::uint32_t next_seq_ = 0;
  std::uint32_t consumed_ = 0;
  std::vector<Offered> offered_;
  std::vector<Word> withdrawn_;  // The worker has not passed these yet.
};

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_FRONT_PORT_H_
