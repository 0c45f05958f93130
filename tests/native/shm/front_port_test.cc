#include "shm/front_port.h"

#include <gtest/gtest.h>

#include "pair.h"

namespace leeboard::shm {
namespace {

class FrontPortTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(pair.valid); }

  [[nodiscard]] WordState StateOf(std::uint32_t seq) const {
    return Word::Decode(pair.page->offers[seq % kOffers].load()).state;
  }
  void ExpectCompleted(std::uint32_t expected) {
    std::uint32_t seq = UINT32_MAX;
    EXPECT_EQ(pair.Next(&seq), Poll::kCompleted);
    EXPECT_EQ(seq, expected);
  }

  Pair pair;
};

TEST_F(FrontPortTest, TwoBatchesMayBeOutstanding) {
  EXPECT_TRUE(pair.front.CanOffer());
  const std::uint32_t first = pair.Offer(256, 1);
  EXPECT_TRUE(pair.front.CanOffer());
  pair.Offer(512, 1);
  EXPECT_FALSE(pair.front.CanOffer());
  pair.Complete(pair.Take());
  ExpectCompleted(first);
  EXPECT_TRUE(pair.front.CanOffer());
  EXPECT_EQ(pair.front.outstanding(), 1u);
}

TEST_F(FrontPortTest, RowsPublishedBeforeTheClaimAreClaimed) {
  const std::uint32_t seq = pair.Offer(256, 1);
  ASSERT_EQ(pair.front.Extend(seq, 5), Handover::kDone);
  EXPECT_EQ(pair.Take().rows, 5u);
}

TEST_F(FrontPortTest, RowsPublishedAfterTheClaimAreTooLate) {
  const std::uint32_t seq = pair.Offer(256, 1);
  const Claim claim = pair.Take();
  EXPECT_EQ(pair.front.Extend(seq, 5), Handover::kClaimed);
  EXPECT_EQ(pair.front.Extend(seq, 6), Handover::kClaimed);
  EXPECT_EQ(claim.rows, 1u);
  pair.Complete(claim);
  ExpectCompleted(seq);
}

TEST_F(FrontPortTest, AClaimedBatchCannotBeTakenBack) {
  const std::uint32_t seq = pair.Offer(256, 1);
  EXPECT_FALSE(pair.front.IsClaimed(seq));
  const Claim claim = pair.Take();
  EXPECT_TRUE(pair.front.IsClaimed(seq));
  EXPECT_EQ(pair.front.Withdraw(seq), Handover::kClaimed);
  pair.Complete(claim);
  ExpectCompleted(seq);
}

TEST_F(FrontPortTest, ABatchTakenBackIsOpenedAgainInItsPlace) {
  const std::uint32_t seq = pair.Offer(256, 1);
  ASSERT_EQ(pair.front.Withdraw(seq), Handover::kDone);
  EXPECT_EQ(StateOf(seq), WordState::kWithdrawn);
  EXPECT_EQ(pair.front.outstanding(), 0u);
  EXPECT_EQ(pair.Offer(512, 7), seq);
  const Claim claim = pair.Take();
  EXPECT_EQ(claim.header_offset, 512u);
  EXPECT_EQ(claim.rows, 7u);
}

TEST_F(FrontPortTest, APlaceThatTheWorkerHasPassedIsNotUsedAgain) {
  const std::uint32_t seq = pair.Offer(256, 1);
  ASSERT_EQ(pair.front.Withdraw(seq), Handover::kDone);
  EXPECT_EQ(pair.Take().rows, 0u);
  EXPECT_EQ(StateOf(seq), WordState::kSkipped);
  EXPECT_EQ(pair.Offer(512, 7), seq + 1);
  EXPECT_EQ(pair.Take().header_offset, 512u);
}

TEST_F(FrontPortTest, TheOlderOfTwoIsTakenBackAndOfferedAgainBeforeTheYounger) {
  const std::uint32_t first = pair.Offer(256, 1);
  const std::uint32_t second = pair.Offer(512, 2);
  ASSERT_EQ(pair.front.Withdraw(first), Handover::kDone);
  EXPECT_EQ(pair.Offer(768, 3), first);
  EXPECT_EQ(pair.Take().header_offset, 768u);
  EXPECT_EQ(pair.Take().seq, second);
}

TEST_F(FrontPortTest, TwoTakenBackAreBothUsedAgain) {
  const std::uint32_t first = pair.Offer(256, 1);
  const std::uint32_t second = pair.Offer(512, 2);
  ASSERT_EQ(pair.front.Withdraw(second), Handover::kDone);
  ASSERT_EQ(pair.front.Withdraw(first), Handover::kDone);
  EXPECT_EQ(pair.Offer(768, 3), second);
  EXPECT_EQ(pair.Offer(1024, 4), first);
  EXPECT_EQ(pair.Take().seq, first);
  EXPECT_EQ(pair.Take().seq, second);
}

TEST_F(FrontPortTest, OffersAndWithdrawalsWithoutAWorkerNeverRunOutOfPlaces) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(pair.front.CanOffer());
    const std::uint32_t first = pair.Offer(256, 1);
    ASSERT_TRUE(pair.front.CanOffer());
    const std::uint32_t second = pair.Offer(512, 2);
    ASSERT_EQ(pair.front.Withdraw(i % 2 == 0 ? first : second), Handover::kDone);
    ASSERT_EQ(pair.front.Withdraw(i % 2 == 0 ? second : first), Handover::kDone);
  }
  pair.Offer(256, 9);
  EXPECT_EQ(pair.Take().rows, 9u);
}

TEST_F(FrontPortTest, NumbersWrapAndTheRingGoesOn) {
  for (std::uint32_t i = 0; i < Word::kSeqMask + 100; ++i) {
    ASSERT_EQ(pair.Offer(256, 1 + i % 50), i & Word::kSeqMask);
    const Claim claim = pair.Take();
    ASSERT_EQ(claim.rows, 1 + i % 50);
    pair.Complete(claim);
    std::uint32_t seq = 0;
    ASSERT_EQ(pair.Next(&seq), Poll::kCompleted);
    ASSERT_EQ(seq, claim.seq);
  }
}

TEST_F(FrontPortTest, CompletionsComeOneByOneInTheirOrder) {
  const std::uint32_t first = pair.Offer(256, 1);
  const std::uint32_t second = pair.Offer(512, 2);
  EXPECT_FALSE(pair.front.HasCompletions());
  pair.Complete(pair.Take());
  pair.Complete(pair.Take());
  EXPECT_TRUE(pair.front.HasCompletions());
  ExpectCompleted(first);
  EXPECT_TRUE(pair.front.HasCompletions());
  ExpectCompleted(second);
  EXPECT_FALSE(pair.front.HasCompletions());
  std::uint32_t seq = 0;
  EXPECT_EQ(pair.Next(&seq), Poll::kNothing);
}

TEST_F(FrontPortTest, ACompletionCarriesItsRecord) {
  pair.Offer(256, 1);
  const Claim claim = pair.Take();
  Completion* record = pair.worker.record();
  record->seq = claim.seq;
  record->code = 13;
  record->output_count = 2;
  record->outputs[1].offset = 4711;
  record->outputs[1].dims[7] = -1;
  record->message.fill('x');  // Not terminated.
  pair.worker.Publish();
  pair.worker.Ring();
  ExpectCompleted(claim.seq);
  EXPECT_EQ(pair.completion.code, 13u);
  EXPECT_EQ(pair.completion.outputs[1].offset, 4711u);
  EXPECT_EQ(pair.completion.outputs[1].dims[7], -1);
  EXPECT_EQ(std::string(pair.completion.message.data()).size(),
            pair.completion.message.size() - 1);
}

TEST_F(FrontPortTest, ANumberThatWasNeverOfferedIsBroken) {
  EXPECT_EQ(pair.front.Extend(3, 1), Handover::kBroken);
  EXPECT_EQ(pair.front.Withdraw(3), Handover::kBroken);
  EXPECT_FALSE(pair.front.IsClaimed(3));
}

TEST_F(FrontPortTest, ACompletionOfAnUnclaimedBatchIsBroken) {
  const std::uint32_t seq = pair.Offer(256, 1);
  pair.Complete({seq, 1, 256, 0});
  std::uint32_t ignored = 0;
  EXPECT_EQ(pair.Next(&ignored), Poll::kBroken);
}

TEST_F(FrontPortTest, ACompletionThatComesTwiceIsBroken) {
  pair.Offer(256, 1);
  const Claim claim = pair.Take();
  pair.Complete(claim);
  pair.Complete(claim);
  ExpectCompleted(claim.seq);
  std::uint32_t ignored = 0;
  EXPECT_EQ(pair.Next(&ignored), Poll::kBroken);
}

TEST_F(FrontPortTest, MoreCompletionsThanTheRingHoldsAreBroken) {
  pair.page->completed.store(kCompletions + 1);
  std::uint32_t ignored = 0;
  EXPECT_EQ(pair.Next(&ignored), Poll::kBroken);
  pair.page->completed.store(UINT32_MAX);
  EXPECT_EQ(pair.Next(&ignored), Poll::kBroken);
}

TEST_F(FrontPortTest, MoreOutputsThanARecordHoldsAreBroken) {
  pair.Offer(256, 1);
  const Claim claim = pair.Take();
  pair.worker.record()->seq = claim.seq;
  pair.worker.record()->output_count = kMaxTensors + 1;
  pair.worker.Publish();
  pair.worker.Ring();
  std::uint32_t ignored = 0;
  EXPECT_EQ(pair.Next(&ignored), Poll::kBroken);
}

TEST_F(FrontPortTest, AWordThatChangedByItselfIsBroken) {
  const std::uint32_t seq = pair.Offer(256, 1);
  pair.page->offers[seq % kOffers].store(
      Word{seq, WordState::kClaimed, 2, 256}.Encode());
  EXPECT_FALSE(pair.front.IsClaimed(seq));
  EXPECT_EQ(pair.front.Extend(seq, 2), Handover::kBroken);
  EXPECT_EQ(pair.front.Withdraw(seq), Handover::kBroken);
}

TEST_F(FrontPortTest, AWithdrawnWordThatChangedByItselfIsBroken) {
  const std::uint32_t seq = pair.Offer(256, 1);
  ASSERT_EQ(pair.front.Withdraw(seq), Handover::kDone);
  pair.page->offers[seq % kOffers].store(0x1234);
  std::uint32_t again = 0;
  EXPECT_EQ(pair.front.Offer(256, 1, &again), Handover::kBroken);
}

TEST_F(FrontPortTest, MovesGrowWithEveryClaimAndEveryCompletion) {
  std::uint64_t moves = pair.front.moves();
  const auto expect_growth = [&] {
    EXPECT_GT(pair.front.moves(), moves);
    moves = pair.front.moves();
  };
  for (int i = 0; i < 10; ++i) {
    const std::uint32_t first = pair.Offer(256, 1);
    const std::uint32_t second = pair.Offer(512, 1);
    EXPECT_EQ(pair.front.moves(), moves) << "an offer is no move of the worker";
    const Claim claim = pair.Take();
    expect_growth();
    pair.Complete(claim);
    EXPECT_EQ(pair.front.moves(), moves);
    ExpectCompleted(first);
    expect_growth();
    EXPECT_EQ(pair.front.Extend(second, 2), Handover::kDone);
    EXPECT_EQ(pair.front.Withdraw(second), Handover::kDone);
    EXPECT_EQ(pair.front.moves(), moves);
  }
}

TEST_F(FrontPortTest, AClaimThatIsSeenByItsMoveIsStillAClaim) {
  const std::uint32_t seq = pair.Offer(256, 1);
  const Claim claim = pair.Take();
  EXPECT_EQ(pair.front.moves(), 1u);
  EXPECT_TRUE(pair.front.IsClaimed(seq));
  EXPECT_EQ(pair.front.Extend(seq, 2), Handover::kClaimed);
  EXPECT_EQ(pair.front.Withdraw(seq), Handover::kClaimed);
  pair.Complete(claim);
  ExpectCompleted(seq);
  EXPECT_EQ(pair.front.moves(), 2u);
  EXPECT_FALSE(pair.front.IsClaimed(seq));
}

TEST_F(FrontPortTest, TheWorkersNoteIsReadAsItStands) {
  EXPECT_EQ(pair.front.crash_signal(), 0u);
  pair.page->crash_signal.store(11);
  EXPECT_EQ(pair.front.crash_signal(), 11u);
}

}  // namespace
}  // namespace leeboard::shm
