#include "base/token_bucket.h"

#include <gtest/gtest.h>

namespace leeboard {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

int TakeAll(TokenBucket* bucket, const TokenRate& rate, Nanos now, double kept = 0) {
  int taken = 0;
  while (bucket->Take(rate, now, kept)) {
    ++taken;
  }
  return taken;
}

TEST(TokenBucket, GivesTheBurstAndNoMore) {
  const TokenRate rate{.per_s = 1, .burst = 3};
  TokenBucket bucket;
  EXPECT_TRUE(bucket.Take(rate, kSecond));
  EXPECT_TRUE(bucket.Take(rate, kSecond));
  EXPECT_TRUE(bucket.Take(rate, kSecond));
  EXPECT_FALSE(bucket.Take(rate, kSecond));
}

TEST(TokenBucket, RefillsAtItsRateUpToTheBurst) {
  const TokenRate rate{.per_s = 1, .burst = 2};
  TokenBucket bucket;
  EXPECT_TRUE(bucket.Take(rate, kSecond));
  EXPECT_TRUE(bucket.Take(rate, kSecond));
  EXPECT_FALSE(bucket.Take(rate, kSecond + kSecond / 2));
  EXPECT_TRUE(bucket.Take(rate, 2 * kSecond));
  EXPECT_FALSE(bucket.Take(rate, 2 * kSecond));
  EXPECT_TRUE(bucket.Take(rate, 100 * kSecond));
  EXPECT_TRUE(bucket.Take(rate, 100 * kSecond));
  EXPECT_FALSE(bucket.Take(rate, 100 * kSecond));
}

TEST(TokenBucket, GivesASecondsWorthAtOnceAndThenTheRate) {
  const TokenRate rate = SecondsWorth(10);
  TokenBucket bucket;
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond), 10);
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond), 0);
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond + kSecond / 2), 5);
  EXPECT_EQ(TakeAll(&bucket, rate, 60 * kSecond), 10);
}

TEST(TokenBucket, ASecondsWorthOfZeroIsNothing) {
  const TokenRate rate = SecondsWorth(0);
  TokenBucket bucket;
  EXPECT_EQ(TakeAll(&bucket, rate, 1000 * kSecond), 0);
  EXPECT_EQ(TakeAll(&bucket, rate, 2000 * kSecond), 0);
}

TEST(TokenBucket, ABurstWithoutARateComesOnce) {
  const TokenRate rate{.per_s = 0, .burst = 2};
  TokenBucket bucket;
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond), 2);
  EXPECT_EQ(TakeAll(&bucket, rate, 1000 * kSecond), 0);
}

TEST(TokenBucket, LessThanOneASecondComesWhenItsTimeHasPassed) {
  const TokenRate rate = SecondsWorth(0.5);
  TokenBucket bucket;
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond), 1);
  EXPECT_EQ(TakeAll(&bucket, rate, 2 * kSecond), 0);
  EXPECT_EQ(TakeAll(&bucket, rate, 3 * kSecond), 1);
}

TEST(TokenBucket, WhatIsKeptIsThereForOthers) {
  const TokenRate rate = SecondsWorth(10);
  TokenBucket bucket;
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond, 4.5), 5);
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond), 5);
}

TEST(TokenBucket, TimeThatStandsStillOrGoesBackGivesNothing) {
  const TokenRate rate = SecondsWorth(2);
  TokenBucket bucket;
  EXPECT_EQ(TakeAll(&bucket, rate, 5 * kSecond), 2);
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond), 0);
  EXPECT_EQ(TakeAll(&bucket, rate, 5 * kSecond), 0);
}

TEST(TokenBucket, TimeThatGoesBackTakesNothingAway) {
  const TokenRate rate = SecondsWorth(2);
  TokenBucket bucket;
  EXPECT_TRUE(bucket.Take(rate, 5 * kSecond));
  EXPECT_EQ(TakeAll(&bucket, rate, kSecond), 1);
}

TEST(TokenBucket, IsFullAtTheFirstQuestionWheneverThatComes) {
  for (const Nanos now : {Nanos{0}, Nanos{1}, 1000 * kSecond}) {
    TokenBucket bucket;
    EXPECT_EQ(TakeAll(&bucket, {.per_s = 0.001, .burst = 4}, now), 4);
  }
}

TEST(TokenBucket, AnotherRateGoesOnFromWhatIsLeft) {
  TokenBucket bucket;
  EXPECT_TRUE(bucket.Take({.per_s = 1, .burst = 10}, kSecond));
  EXPECT_EQ(TakeAll(&bucket, {.per_s = 1, .burst = 3}, kSecond), 3)
      << "a lower burst holds at once";
  EXPECT_EQ(TakeAll(&bucket, {.per_s = 4, .burst = 10}, 2 * kSecond), 4)
      << "a higher one fills at the rate";
}

TEST(TokenBucket, SaysWhenTheNextOneComes) {
  const TokenRate rate{.per_s = 2, .burst = 1};
  TokenBucket bucket;
  EXPECT_TRUE(bucket.Take(rate, kSecond));
  EXPECT_FALSE(bucket.Take(rate, kSecond));
  EXPECT_EQ(bucket.SecondsToNext(rate), 0.5);
  EXPECT_FALSE(bucket.Take(rate, kSecond + kSecond / 4));
  EXPECT_EQ(bucket.SecondsToNext(rate), 0.25);
  EXPECT_TRUE(bucket.Take(rate, kSecond + kSecond / 2));
}

}  // namespace
}  // namespace leeboard
