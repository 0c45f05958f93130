// How many rows may be watched: csrc/batch/thinner.h.

#include "batch/thinner.h"

#include <gtest/gtest.h>

#include <cmath>

namespace leeboard::batch {
namespace {

constexpr double kPerSecond = 1e6;
constexpr Nanos kStep = 10'000'000;

// Spends what is over the budget until it halves so often.
void Thin(Thinner* thinner, std::uint32_t halvings, Nanos* now) {
  while (thinner->halvings() < halvings) {
    *now += kStep;
    thinner->Spend(1'000'000'000, *now);
  }
}

TEST(Thinner, AllAreKeptWithinTheBudget) {
  Thinner thinner(kPerSecond);
  for (Nanos now = kStep; now < 100 * kStep; now += kStep) {
    EXPECT_TRUE(thinner.Keeps());
    thinner.Spend(9'000, now);
    EXPECT_EQ(thinner.halvings(), 0u);
  }
}

TEST(Thinner, EachHalvingKeepsHalfAndTheChoiceHasNoRhythm) {
  constexpr int kRequests = 64'000;
  Thinner thinner(kPerSecond);
  Nanos now = 0;
  for (std::uint32_t halvings = 1; halvings <= 6; ++halvings) {
    Thin(&thinner, halvings, &now);
    int kept = 0;
    int kept_of_even = 0;
    for (int i = 0; i < kRequests; ++i) {
      const bool keeps = thinner.Keeps();
      kept += keeps ? 1 : 0;
      kept_of_even += keeps && i % 2 == 0 ? 1 : 0;
    }
    const double expected = kRequests / std::pow(2.0, halvings);
    EXPECT_NEAR(kept, expected, 5 * std::sqrt(expected));
    EXPECT_NEAR(kept_of_even, expected / 2, 5 * std::sqrt(expected));
  }
}

TEST(Thinner, HalvingsHaveAnEndAndGoWhenThePressureDoes) {
  Thinner thinner(kPerSecond);
  Nanos now = 0;
  Thin(&thinner, Thinner::kMostHalvings, &now);
  for (int i = 0; i < 50; ++i) {
    thinner.Spend(1'000'000'000, now += kStep);
    EXPECT_EQ(thinner.halvings(), Thinner::kMostHalvings);
  }
  std::uint32_t before = thinner.halvings();
  for (int i = 0; i < 50; ++i) {
    thinner.Spend(0, now += kStep);
    EXPECT_LE(thinner.halvings(), before);
    before = thinner.halvings();
  }
  EXPECT_EQ(thinner.halvings(), 0u);
}

TEST(Thinner, WhatIsWatchedInTheLongRunIsBounded) {
  constexpr int kSteps = 6'000;  // A minute.
  for (const int load : {2, 10, 100}) {
    Thinner thinner(kPerSecond);
    std::uint64_t watched = 0;
    for (int step = 1; step <= kSteps; ++step) {
      for (int request = 0; request < 10 * load; ++request) {
        const std::uint64_t values = thinner.Keeps() ? 1'000 : 0;
        watched += values;
        thinner.Spend(values, step * kStep);
      }
    }
    EXPECT_LT(static_cast<double>(watched), 60 * 1.3 * kPerSecond) << load;
    EXPECT_GT(static_cast<double>(watched), 60 * 0.1 * kPerSecond) << load;
  }
}

TEST(Thinner, ALongPauseGivesNoMoreThanATenthOfASecond) {
  Thinner thinner(kPerSecond);
  Nanos now = 3'600'000'000'000;
  thinner.Spend(0, now);
  thinner.Spend(100'001 + 10'000, now += kStep);
  EXPECT_EQ(thinner.halvings(), 1u);
}

}  // namespace
}  // namespace leeboard::batch
