#include "shm/worker_port.h"

#include <gtest/gtest.h>

#include <cstring>

#include "pair.h"
#include "shm/passing.h"

namespace leeboard::shm {
namespace {

TEST(WorkerPort, HasNothingToTakeFromAFreshPage) {
  Pair pair;
  ASSERT_TRUE(pair.valid);
  EXPECT_EQ(pair.Take().rows, 0u);
}

TEST(WorkerPort, TakesBatchesInTheOrderOfTheirOffers) {
  Pair pair;
  const std::uint32_t first = pair.Offer(256, 3);
  const std::uint32_t second = pair.Offer(512, 4);
  const Claim one = pair.Take();
  EXPECT_EQ(one.seq, first);
  EXPECT_EQ(one.rows, 3u);
  EXPECT_EQ(one.header_offset, 256u);
  EXPECT_EQ(pair.Take().seq, second);
  EXPECT_EQ(pair.Take().rows, 0u);
}

TEST(WorkerPort, PassesWhatWasTakenBack) {
  Pair pair;
  const std::uint32_t first = pair.Offer(256, 3);
  const std::uint32_t second = pair.Offer(512, 4);
  ASSERT_EQ(pair.front.Withdraw(first), Handover::kDone);
  EXPECT_EQ(pair.Take().seq, second);
}

TEST(WorkerPort, IsStoppedByItsWatchOnlyWhenThereIsNoBatch) {
  Pair pair;
  const UniqueFd watch(eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK));
  pair.Offer(256, 1);
  Claim claim;
  EXPECT_EQ(pair.worker.Take(0, watch.get(), &claim), WorkerPort::Taken::kBatch);
  EXPECT_EQ(pair.worker.Take(0, watch.get(), &claim), WorkerPort::Taken::kStopped);
  EXPECT_EQ(pair.worker.Take(0, -1, &claim), WorkerPort::Taken::kNothing);
}

TEST(WorkerPort, SaysThatItSleepsOnlyWhileItDoes) {
  Pair pair;
  pair.Take();
  EXPECT_EQ(pair.page->worker_sleeps.load(), 0u);
  pair.Offer(256, 1);
  pair.front.Ring();
  EXPECT_FALSE(Rang(pair.bell.get())) << "an awake worker needs no bell";
}

TEST(WorkerPort, RingsTheFrontEndOnlyWhenItSleeps) {
  Pair pair;
  pair.Offer(256, 1);
  pair.Offer(512, 1);
  pair.Complete(pair.Take());
  EXPECT_FALSE(Rang(pair.front_bell.get()));
  pair.front.SetSleeping(true);
  pair.Complete(pair.Take());
  EXPECT_TRUE(Rang(pair.front_bell.get()));
}

TEST(WorkerPort, IsWokenByTheBellOfAnOffer) {
  Pair pair;
  pair.page->worker_sleeps.store(1);  // As if it blocked.
  pair.Offer(256, 1);
  EXPECT_FALSE(Rang(pair.bell.get())) << "the bell waits for the end of the pass";
  pair.front.Ring();
  EXPECT_TRUE(Rang(pair.bell.get()));
  pair.front.Ring();
  EXPECT_FALSE(Rang(pair.bell.get())) << "nothing was published since";
}

TEST(WorkerPort, AGrownRegionReachesTheFrontEnd) {
  Pair pair;
  std::uint8_t* memory = nullptr;
  pair.Offer(256, 1);
  const Claim claim = pair.Take();
  ASSERT_TRUE(pair.worker.GrowOutputs(5000, &memory).ok());
  memory[4999] = 3;
  UniqueFd fd;
  std::uint32_t tag = UINT32_MAX;
  ASSERT_TRUE(ReceiveFd(pair.passing.get(), &fd, &tag).ok());
  EXPECT_EQ(tag, claim.seq);
  Region seen;
  ASSERT_TRUE(Region::AttachWhole(std::move(fd), 5000, &seen).ok());
  EXPECT_EQ(seen.data()[4999], 3);
}

TEST(WorkerPort, DoesNotLookAtABatchThatItHasNotClaimed) {
  Pair pair;
  std::memset(pair.inputs(), 0xFF,
              Pair::kInputs);  // Whatever a header may have become.
  pair.front.SetCloseRows(8);
  for (int i = 0; i < 100; ++i) {
    pair.Offer(256, 1);
    const Claim claim = pair.Take();
    ASSERT_EQ(claim.rows, 1u);
    pair.Complete(claim);
    std::uint32_t seq = 0;
    ASSERT_EQ(pair.Next(&seq), Poll::kCompleted);
  }
}

TEST(WorkerPort, IsNotOpenedOverRegionsThatAreTooSmall) {
  Pair pair;
  Region small;
  ASSERT_TRUE(Region::Create("small", 4096, Region::Peer::kWrites, &small).ok());
  const WorkerFds fds = {Duplicate(small.fd()).Release(),
                         Duplicate(small.fd()).Release(),
                         Duplicate(small.fd()).Release(),
                         -1,
                         -1,
                         -1};
  WorkerPort port;
  EXPECT_EQ(WorkerPort::Open(fds, {4096, 4096}, &port).code(), Code::kInternal);
}

}  // namespace
}  // namespace leeboard::shm
