// Many responses to one batch: who may write when, and how an end is asked for. The
// last test is run under ThreadSanitizer as well.

#include <gtest/gtest.h>
#include <poll.h>

#include <cstdlib>
#include <map>
#include <thread>

#include "pair.h"

namespace leeboard::shm {
namespace {

using Room = WorkerPort::Room;

class Responses : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(pair_.valid);
    seq_ = pair_.Offer(256, 1);
    claim_ = pair_.Take();
    ASSERT_EQ(claim_.rows, 1u);
  }
  Room Look() { return pair_.worker.AwaitRoom(0, -1); }
  Poll Next() {
    std::uint32_t seq = 0;
    const Poll poll = pair_.Next(&seq);
    EXPECT_TRUE(poll == Poll::kNothing || seq == claim_.seq);
    return poll;
  }
  void Respond() { pair_.Complete(claim_, /*more=*/true); }

  Pair pair_;
  std::uint32_t seq_ = 0;
  Claim claim_;
};

TEST_F(Responses, TheNextMayBeWrittenOnceTheLastWasTaken) {
  EXPECT_EQ(Look(), Room::kFree);
  Respond();
  EXPECT_EQ(Look(), Room::kNotYet);
  EXPECT_EQ(Next(), Poll::kResponse);
  EXPECT_EQ(Look(), Room::kNotYet);
  EXPECT_TRUE(pair_.front.has_response());
  pair_.front.TakeResponse();
  EXPECT_EQ(Look(), Room::kFree);
  EXPECT_EQ(pair_.front.outstanding(), 1u);
  Respond();
  EXPECT_EQ(Next(), Poll::kResponse);
  pair_.Complete(claim_);
  EXPECT_EQ(Next(), Poll::kCompleted) << "an end needs no room";
  EXPECT_FALSE(pair_.front.has_response());
  EXPECT_EQ(pair_.front.outstanding(), 0u);
}

TEST_F(Responses, TheFirstOfABatchNeedsNoRoom) {
  Respond();
  EXPECT_EQ(Next(), Poll::kResponse);
  pair_.Complete(claim_);
  pair_.Offer(512, 1);
  claim_ = pair_.Take();
  ASSERT_EQ(claim_.rows, 1u);
  EXPECT_EQ(Look(), Room::kFree);
}

TEST_F(Responses, TakingRingsASleepingWorker) {
  Respond();
  EXPECT_EQ(Next(), Poll::kResponse);
  pair_.front.Ring();
  pair_.page->worker_sleeps.store(1);
  pair_.front.Ring();
  EXPECT_FALSE(Rang(pair_.bell.get())) << "nothing was said";
  pair_.front.TakeResponse();
  pair_.front.Ring();
  EXPECT_TRUE(Rang(pair_.bell.get()));
  pair_.front.Cancel(seq_);
  pair_.front.Ring();
  EXPECT_TRUE(Rang(pair_.bell.get()));
}

TEST_F(Responses, AWorkerThatWaitsHearsItsWatch) {
  const UniqueFd watch(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  EXPECT_EQ(pair_.worker.AwaitRoom(-1, watch.get()), Room::kFree);
  Respond();
  EXPECT_EQ(pair_.worker.AwaitRoom(-1, watch.get()), Room::kStopped);
  EXPECT_EQ(Next(), Poll::kResponse);
  pair_.front.TakeResponse();
  EXPECT_EQ(pair_.worker.AwaitRoom(-1, watch.get()), Room::kFree);
}

TEST_F(Responses, ACancelledBatchIsToEnd) {
  EXPECT_FALSE(pair_.worker.IsCancelled());
  pair_.front.Cancel(seq_);
  EXPECT_TRUE(pair_.worker.IsCancelled());
  EXPECT_EQ(Look(), Room::kCancelled);
  pair_.Complete(claim_);
  EXPECT_EQ(Next(), Poll::kCompleted);
  EXPECT_EQ(pair_.page->cancelled.load(), 0u) << "a later batch may have its number";
}

TEST_F(Responses, ThePageNamesTheYoungestCancelledBatch) {
  const std::uint32_t second = pair_.Offer(512, 1);
  pair_.Complete(claim_);
  const Claim next = pair_.Take();
  ASSERT_EQ(next.seq, second);
  pair_.front.Cancel(second);
  pair_.front.Cancel(seq_);  // Which has ended: nobody has looked.
  EXPECT_TRUE(pair_.worker.IsCancelled());
  EXPECT_EQ(Next(), Poll::kCompleted);
  EXPECT_TRUE(pair_.worker.IsCancelled());
  claim_ = next;
  pair_.Complete(next);
  EXPECT_EQ(Next(), Poll::kCompleted);
  EXPECT_FALSE(pair_.worker.IsCancelled());
}

TEST_F(Responses, WhatIsNotOutstandingCannotBeCancelled) {
  pair_.front.Cancel(seq_ + 1);
  EXPECT_EQ(pair_.page->cancelled.load(), 0u);
}

TEST_F(Responses, AResponseBeforeTheLastWasTakenIsBroken) {
  Respond();
  Respond();
  EXPECT_EQ(Next(), Poll::kResponse);
  EXPECT_EQ(Next(), Poll::kBroken);
}

TEST_F(Responses, AResponseToABatchThatIsNotClaimedIsBroken) {
  claim_.seq = pair_.Offer(512, 1);
  Respond();
  EXPECT_EQ(Next(), Poll::kBroken);
}

TEST_F(Responses, ABatchThatEndsInTheMiddleOfAnotherIsBroken) {
  const std::uint32_t second = pair_.Offer(512, 1);
  Respond();
  EXPECT_EQ(Next(), Poll::kResponse);
  claim_ = pair_.Take();
  ASSERT_EQ(claim_.seq, second);
  pair_.Complete(claim_);
  EXPECT_EQ(Next(), Poll::kBroken);
}

TEST_F(Responses, EachIsAMove) {
  const std::uint64_t claimed = pair_.front.moves();
  Respond();
  EXPECT_EQ(Next(), Poll::kResponse);
  const std::uint64_t responded = pair_.front.moves();
  EXPECT_GT(responded, claimed);
  pair_.Complete(claim_);
  EXPECT_EQ(Next(), Poll::kCompleted);
  EXPECT_GT(pair_.front.moves(), responded);
}

// Batches of random numbers of responses, all of them in one place of plain memory: who
// writes there too early is seen by the front end's sums, and by ThreadSanitizer.
constexpr std::uint32_t kBatches = 3'000;
constexpr std::uint32_t kWords = 16;

std::uint32_t ResponsesOf(std::uint32_t batch) {
  return batch * 7919 % 13;
}

// Ends when it has run all batches.
void Work(WorkerPort* port) {
  auto* memory = reinterpret_cast<std::uint32_t*>(port->outputs());
  for (std::uint32_t batch = 0; batch < kBatches;) {
    Claim claim;
    if (port->Take(-1, -1, &claim) != WorkerPort::Taken::kBatch) {
      continue;
    }
    Room room = Room::kFree;
    for (std::uint32_t i = 0; i < ResponsesOf(batch); ++i) {
      while ((room = port->AwaitRoom(-1, -1)) == Room::kNotYet) {
      }
      if (room == Room::kCancelled) {
        break;
      }
      // Batches that may follow each other at once have memory of their own.
      std::uint32_t* mine = memory + (batch % 2) * kWords;
      for (std::uint32_t word = 0; word < kWords; ++word) {
        mine[word] = batch + i;
      }
      Completion* record = port->record();
      record->seq = claim.seq;
      record->code = record->output_count = 0;
      record->more = 1;
      port->Publish();
      port->Ring();
    }
    Completion* record = port->record();
    record->seq = claim.seq;
    record->code = record->output_count = record->more = 0;
    record->has_own_region = room == Room::kCancelled ? 1 : 0;  // What it saw.
    port->Publish();
    port->Ring();
    ++batch;
  }
}

struct Running {
  std::uint32_t number = 0;
  std::uint32_t responses = 0;
  bool cancelled = false;
};

class Hurry {
 public:
  explicit Hurry(Pair* pair) : pair_(pair) {}

  void Run() {
    while (ended_ < kBatches && !HasFailed()) {
      if (offered_ < kBatches && pair_->front.CanOffer()) {
        running_[pair_->Offer(256, 1)] = {offered_++, 0, false};
      }
      pair_->front.Ring();
      Sleep();
      std::uint32_t seq = 0;
      Poll poll = Poll::kNothing;
      while ((poll = pair_->Next(&seq)) != Poll::kNothing && !HasFailed()) {
        ASSERT_NE(poll, Poll::kBroken);
        Hear(poll, seq);
        pair_->front.Ring();
      }
    }
  }

 private:
  static bool HasFailed() { return testing::Test::HasFailure(); }

  void Sleep() {
    pair_->front.SetSleeping(true);
    if (!pair_->front.HasCompletions() &&
        (!pair_->front.CanOffer() || offered_ == kBatches)) {
      pollfd wait{pair_->front_bell.get(), POLLIN, 0};
      poll(&wait, 1, -1);  // A bell that is lost hangs the test.
      Rang(pair_->front_bell.get());
    }
    pair_->front.SetSleeping(false);
  }

  void Hear(Poll poll, std::uint32_t seq) {
    Running& batch = running_.at(seq);
    if (poll == Poll::kResponse) {
      const auto* memory = reinterpret_cast<const std::uint32_t*>(pair_->outputs()) +
                           (batch.number % 2) * kWords;
      for (std::uint32_t word = 0; word < kWords; ++word) {
        ASSERT_EQ(memory[word], batch.number + batch.responses);
      }
      ++batch.responses;
      if (batch.number % 5 == 0 && batch.responses == 3) {
        batch.cancelled = true;
        pair_->front.Cancel(seq);
      } else if (!batch.cancelled) {
        pair_->front.TakeResponse();
      }
      return;
    }
    const std::uint32_t all = ResponsesOf(batch.number);
    const bool was_cut = pair_->completion.has_own_region != 0;
    ASSERT_TRUE(was_cut ? batch.cancelled : batch.responses == all);
    running_.erase(seq);
    ++ended_;
  }

  Pair* pair_;
  std::map<std::uint32_t, Running> running_;
  std::uint32_t offered_ = 0;
  std::uint32_t ended_ = 0;
};

TEST(ResponsesHammer, NoResponseIsOverwrittenWhileBothEndsHurry) {
  Pair pair;
  ASSERT_TRUE(pair.valid);
  std::thread worker([&] { Work(&pair.worker); });
  Hurry(&pair).Run();
  if (testing::Test::HasFailure()) {
    std::abort();  // The worker would wait for ever.
  }
  worker.join();
}

}  // namespace
}  // namespace leeboard::shm
