#include "shm/hold_policy.h"

#include <gtest/gtest.h>

namespace leeboard::shm {
namespace {

constexpr Nanos kMs = 1'000'000;

// A model whose batch costs 2 ms and 0.1 ms a row.
Nanos Weighty(std::uint32_t rows) {
  return 2 * kMs + rows * kMs / 10;
}

// A model whose rows cost 1 ms each, however many there are.
Nanos Linear(std::uint32_t rows) {
  return rows * kMs;
}

template <typename Cost>
HoldPolicy Taught(Cost cost) {
  HoldPolicy policy;
  for (const std::uint32_t rows : {1U, 8U, 32U, 64U}) {
    policy.Ended(rows, cost(rows), 0, 0);
  }
  return policy;
}

TEST(HoldPolicyTest, HoldsHalfOfAClosedLoopUntilTheOtherHalfHasComeBack) {
  HoldPolicy policy = Taught(Weighty);
  policy.Ended(32, Weighty(32), 32, 10 * kMs);
  EXPECT_GT(policy.HoldUntil(32, 64), 11 * kMs);
  EXPECT_EQ(policy.HoldUntil(64, 64), 0);
}

TEST(HoldPolicyTest, NeverHoldsForLongerThanJoiningSaves) {
  HoldPolicy policy = Taught(Weighty);
  policy.Ended(32, Weighty(32), 32, 10 * kMs);
  const Nanos saved = 2 * Weighty(32) - Weighty(64);
  EXPECT_LE(policy.HoldUntil(32, 64), 10 * kMs + saved + 1);
}

TEST(HoldPolicyTest, DoesNotHoldWhatGainsNothing) {
  HoldPolicy policy = Taught(Linear);
  policy.Ended(32, Linear(32), 32, 10 * kMs);
  EXPECT_EQ(policy.HoldUntil(32, 64), 0);
}

TEST(HoldPolicyTest, DoesNotHoldALoneCaller) {
  HoldPolicy policy = Taught(Weighty);
  policy.Ended(1, Weighty(1), 0, 10 * kMs);
  EXPECT_EQ(policy.HoldUntil(1, 64), 0);
}

TEST(HoldPolicyTest, DoesNotHoldABatchThatIsFull) {
  HoldPolicy policy = Taught(Weighty);
  policy.Ended(12, Weighty(12), 12, 10 * kMs);
  EXPECT_EQ(policy.HoldUntil(12, 12), 0);
}

TEST(HoldPolicyTest, KnowsNothingBeforeTheFirstBatch) {
  const HoldPolicy policy;
  EXPECT_EQ(policy.HoldUntil(5, 64), 0);
}

TEST(HoldPolicyTest, SkipsTwiceAsManyBatchesAfterEveryMiss) {
  HoldPolicy policy = Taught(Weighty);
  for (const std::uint32_t skipped : {2U, 4U, 8U, 16U, 32U, 64U, 64U}) {
    policy.Ended(32, Weighty(32), 32, 0);
    ASSERT_GT(policy.HoldUntil(32, 64), 0);
    policy.Held(32, 33, 64);
    for (std::uint32_t i = 0; i < skipped; ++i) {
      EXPECT_EQ(policy.HoldUntil(32, 64), 0) << i << " of " << skipped;
      policy.Ended(32, Weighty(32), 32, 0);
    }
  }
}

TEST(HoldPolicyTest, GoesOnHoldingWhileTheRowsCome) {
  HoldPolicy policy = Taught(Weighty);
  for (int i = 0; i < 10; ++i) {
    policy.Ended(32, Weighty(32), 32, 0);
    ASSERT_GT(policy.HoldUntil(32, 64), 0);
    policy.Held(32, 60, 64);
  }
}

}  // namespace
}  // namespace leeboard::shm
