#include "batch/worker_link.h"

#include <gtest/gtest.h>
#include <poll.h>

#include "fake_worker.h"
#include "shm/passing.h"

namespace leeboard::batch {
namespace {

class WorkerLinkTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(WorkerLink::Create(1 << 20, &link).ok()); }
  std::unique_ptr<WorkerLink> link;
};

TEST_F(WorkerLinkTest, GrantsUntilItsOutputsAreFull) {
  Outputs* first = Outputs::Grant(link.get(), 600'000);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(Outputs::Grant(link.get(), 600'000), nullptr);
  EXPECT_EQ(link->grants, 1u);
  first->DropReference();
  EXPECT_EQ(link->grants, 0u);
  EXPECT_EQ(link->arena().used(), 0u);
}

TEST_F(WorkerLinkTest, OutputsGiveBackWhatTheBatchDidNotUse) {
  Outputs* outputs = Outputs::Grant(link.get(), 600'000);
  outputs->Trim(outputs->offset() + 1000);
  EXPECT_EQ(link->arena().used(), shm::Arena::RoundUp(1000));
  outputs->Trim(outputs->offset());  // Not worth it.
  outputs->DropReference();
  EXPECT_EQ(link->arena().used(), 0u);
}

TEST_F(WorkerLinkTest, OutputsGoWithTheirLastReference) {
  Outputs* outputs = Outputs::Grant(link.get(), 1000);
  outputs->AddReference();
  outputs->DropReference();
  EXPECT_EQ(link->grants, 1u);
  outputs->DropReference();
  EXPECT_EQ(link->grants, 0u);
}

TEST_F(WorkerLinkTest, AProcessThatDiesHangsUpWhereThereIsNoPidfd) {
  EXPECT_EQ(link->life_fd(), -1) << "an inline worker has no process";
  link->SetProcess(12345, -1);
  ASSERT_GE(link->life_fd(), 0);
  UniqueFd theirs(dup(link->worker_passing_fd()));
  link->CloseWorkerEnds();
  pollfd life{link->life_fd(), POLLIN | POLLRDHUP, 0};
  EXPECT_EQ(poll(&life, 1, 0), 0);
  theirs.Reset();
  EXPECT_EQ(poll(&life, 1, 0), 1);
  link->SetProcess(0, -1);
}

TEST_F(WorkerLinkTest, OnlyARegionOfTheRightBatchAndSizeIsTaken) {
  shm::Region small;
  shm::Region large;
  ASSERT_TRUE(
      shm::Region::Create("small", 4096, shm::Region::Peer::kWrites, &small).ok());
  ASSERT_TRUE(
      shm::Region::Create("large", 8192, shm::Region::Peer::kWrites, &large).ok());
  const int theirs = link->worker_passing_fd();
  for (std::uint32_t seq = 1; seq <= 3; ++seq) {
    const bool is_large = seq == 3;
    ASSERT_TRUE(shm::SendFd(theirs, is_large ? large.fd() : small.fd(), seq).ok());
  }
  shm::Region region;
  EXPECT_TRUE(link->ReceiveRegion(2, 4096, &region).ok());
  EXPECT_EQ(region.size(), 4096u);
  EXPECT_EQ(link->ReceiveRegion(3, 4096, &region).code(), Code::kResourceExhausted);
  EXPECT_EQ(link->ReceiveRegion(4, 4096, &region).code(), Code::kInternal);
}

TEST_F(WorkerLinkTest, FloodsOfRegionsAreNotReadForEver) {
  const int theirs = link->worker_passing_fd();
  int sent = 0;
  while (sent < 100 && shm::SendFd(theirs, theirs, 7).ok()) {
    ++sent;
  }
  shm::Region region;
  EXPECT_FALSE(link->ReceiveRegion(8, 4096, &region).ok());
}

}  // namespace
}  // namespace leeboard::batch
