#include "shm/front_port.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace leeboard::shm {

FrontPort::Offered* FrontPort::Find(std::uint32_t seq) {
  const auto found =
      std::find_if(offered_.begin(), offered_.end(),
                   [seq](const Offered& offered) { return offered.word.seq == seq; });
  return found == offered_.end() ? nullptr : &*found;
}

Handover FrontPort::Offer(std::uint64_t header_offset, std::uint32_t rows,
                          std::uint32_t* seq) {
  published_ = true;
  // A withdrawn word that the worker has not reached is opened again in its place.
  while (!withdrawn_.empty()) {
    const Word old = withdrawn_.front();
    withdrawn_.erase(withdrawn_.begin());
    const Word next{old.seq, WordState::kOpen, rows, header_offset};
    std::uint64_t expected = old.Encode();
    // Pairs with the worker's acquire when it claims: rows are written before the word.
    if (At(old.seq).compare_exchange_strong(expected, next.Encode(),
                                            std::memory_order_seq_cst)) {
      offered_.push_back({next});
      *seq = next.seq;
      return Handover::kDone;
    }
    if (expected != old.With(WordState::kSkipped).Encode()) {
      return Handover::kBroken;
    }
  }
  const Word word{next_seq_, WordState::kOpen, rows, header_offset};
  next_seq_ = (next_seq_ + 1) & Word::kSeqMask;
  At(word.seq).store(word.Encode(), std::memory_order_seq_cst);
  offered_.push_back({word});
  *seq = word.seq;
  return Handover::kDone;
}

Handover FrontPort::Exchange(Offered* offered, const Word& next) {
  if (offered == nullptr || offered->claimed) {
    return offered == nullptr ? Handover::kBroken : Handover::kClaimed;
  }
  std::uint64_t expected = offered->word.Encode();
  if (At(next.seq).compare_exchange_strong(expected, next.Encode(),
                                           std::memory_order_seq_cst)) {
    offered->word = next;
    return Handover::kDone;
  }
  if (expected == offered->word.With(WordState::kClaimed).Encode()) {
    offered->claimed = true;
    return Handover::kClaimed;
  }
  return Handover::kBroken;
}

Handover FrontPort::Extend(std::uint32_t seq, std::uint32_t rows) {
  Offered* offered = Find(seq);
  Word next = offered == nullptr ? Word{} : offered->word;
  next.rows = rows;
  published_ = true;
  return Exchange(offered, next);
}

Handover FrontPort::Withdraw(std::uint32_t seq) {
  Offered* offered = Find(seq);
  const Word next =
      offered == nullptr ? Word{} : offered->word.With(WordState::kWithdrawn);
  const Handover result = Exchange(offered, next);
  if (result == Handover::kDone) {
    withdrawn_.push_back(next);
    offered_.erase(offered_.begin() + (offered - offered_.data()));
  }
  return result;
}

bool FrontPort::IsClaimed(std::uint32_t seq) {
  const Offered* offered = Find(seq);
  return offered != nullptr && At(seq).load(std::memory_order_relaxed) ==
                                   offered->word.With(WordState::kClaimed).Encode();
}

std::uint64_t FrontPort::moves() {
  std::uint64_t claimed = 0;
  for (Offered& offered : offered_) {
    offered.claimed = offered.claimed || IsClaimed(offered.word.seq);
    claimed += offered.claimed ? 1 : 0;
  }
  // A batch that is finished was claimed before.
  return std::uint64_t{consumed_} * 2 + claimed;
}

Poll FrontPort::Next(Completion* completion) {
  // Acquire pairs with the worker's release after it wrote the record.
  const std::uint32_t completed = page_->completed.load(std::memory_order_acquire);
  const std::uint32_t waiting = completed - consumed_;
  if (waiting == 0) {
    return Poll::kNothing;
  }
  if (waiting > kCompletions) {
    return Poll::kBroken;
  }
  const Completion& record = page_->completions[consumed_ % kCompletions];
  // Only as many outputs are copied as the private copy of the count says.
  constexpr std::size_t kHeadSize = offsetof(Completion, outputs);
  std::memcpy(static_cast<void*>(completion), &record, kHeadSize);
  if (completion->output_count > kMaxTensors) {
    return Poll::kBroken;
  }
  std::memcpy(completion->outputs.data(), record.outputs.data(),
              completion->output_count * sizeof(OutputRecord));
  completion->message.back() = '\0';
  ++consumed_;
  Offered* offered = Find(completion->seq);
  if (offered == nullptr) {
    return Poll::kBroken;
  }
  if (completion->more == 0) {
    return Ended(offered);
  }
  // It may not write a response before the last one was taken.
  const bool is_early = std::exchange(has_response_, true);
  response_seq_ = completion->seq;
  return is_early || !IsClaimed(completion->seq) ? Poll::kBroken : Poll::kResponse;
}

Poll FrontPort::Ended(Offered* offered) {
  const std::uint32_t seq = offered->word.seq;
  const bool was_claimed = IsClaimed(seq);
  const bool was_cancelled = offered->cancelled;
  offered_.erase(offered_.begin() + (offered - offered_.data()));
  if (was_cancelled) {
    WriteCancelled();
  }
  if (has_response_) {
    // A batch may end before its last response was taken, and no other may go on.
    has_response_ = false;
    return was_claimed && response_seq_ == seq ? Poll::kCompleted : Poll::kBroken;
  }
  return was_claimed ? Poll::kCompleted : Poll::kBroken;
}

void FrontPort::TakeResponse() {
  if (!has_response_) {
    return;
  }
  has_response_ = false;
  published_ = true;
  // Release for the reads of the response; sequentially consistent as in Ring().
  page_->taken.store(consumed_, std::memory_order_seq_cst);
}

void FrontPort::Cancel(std::uint32_t seq) {
  Offered* offered = Find(seq);
  if (offered != nullptr && !offered->cancelled) {
    offered->cancelled = true;
    published_ = true;
    WriteCancelled();
  }
}

// Of two batches that were claimed the worker has ended the older one.
void FrontPort::WriteCancelled() {
  const auto last =
      std::find_if(offered_.rbegin(), offered_.rend(),
                   [](const Offered& offered) { return offered.cancelled; });
  page_->cancelled.store(last == offered_.rend() ? 0 : CancelWord(last->word.seq),
                         std::memory_order_seq_cst);
}

void FrontPort::Ring() {
  if (!published_) {
    return;
  }
  published_ = false;
  // Sequentially consistent with the stores above and the worker's own store-then-load:
  // either we see that it sleeps, or it sees what was published.
  if (page_->worker_sleeps.load(std::memory_order_seq_cst) != 0) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(bell_, &one, sizeof one);
  }
}

}  // namespace leeboard::shm
