#include "front/token_rate.h"

#include <gtest/gtest.h>

namespace leeboard::front {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

int TakeAll(TokenRate* rate, Nanos now, double kept = 0) {
  int taken = 0;
  while (rate->Take(now, kept)) {
    ++taken;
  }
  return taken;
}

TEST(TokenRate, GivesASecondsWorthAtOnceAndThenTheRate) {
  TokenRate rate(10);
  EXPECT_EQ(TakeAll(&rate, kSecond), 10);
  EXPECT_EQ(TakeAll(&rate, kSecond), 0);
  EXPECT_EQ(TakeAll(&rate, kSecond + kSecond / 2), 5);
  EXPECT_EQ(TakeAll(&rate, 60 * kSecond), 10);
}

TEST(TokenRate, ZeroGivesNothing) {
  TokenRate rate(0);
  EXPECT_EQ(TakeAll(&rate, 1000 * kSecond), 0);
}

TEST(TokenRate, LessThanOneASecondComesWhenItsTimeHasPassed) {
  TokenRate rate(0.5);
  EXPECT_EQ(TakeAll(&rate, kSecond), 1);
  EXPECT_EQ(TakeAll(&rate, 2 * kSecond), 0);
  EXPECT_EQ(TakeAll(&rate, 3 * kSecond), 1);
}

TEST(TokenRate, WhatIsKeptIsThereForOthers) {
  TokenRate rate(10);
  EXPECT_EQ(TakeAll(&rate, kSecond, 0.5), 5);
  EXPECT_EQ(TakeAll(&rate, kSecond), 5);
}

TEST(TokenRate, TimeThatStandsStillOrGoesBackGivesNothing) {
  TokenRate rate(2);
  EXPECT_EQ(TakeAll(&rate, 5 * kSecond), 2);
  EXPECT_EQ(TakeAll(&rate, kSecond), 0);
  EXPECT_EQ(TakeAll(&rate, 5 * kSecond), 0);
}

}  // namespace
}  // namespace leeboard::front
