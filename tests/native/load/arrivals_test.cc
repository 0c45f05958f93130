#include "load/arrivals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace leeboard::load {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

std::vector<Nanos> First(Arrivals arrivals, int count) {
  std::vector<Nanos> moments;
  for (; count > 0; --count, arrivals.Advance()) {
    moments.push_back(arrivals.due());
  }
  return moments;
}

// What Skip says in short, counted one by one.
std::uint64_t Walk(Arrivals* arrivals, Nanos until) {
  std::uint64_t passed = 0;
  for (; arrivals->due() < until; arrivals->Advance()) {
    ++passed;
  }
  return passed;
}

TEST(ArrivalsTest, ConstantMomentsDoNotDriftWithTheRounding) {
  Arrivals arrivals(3.0, false, 0);
  EXPECT_EQ(arrivals.due(), 0);
  for (int i = 0; i < 3'000'000; ++i) {
    arrivals.Advance();
  }
  EXPECT_NEAR(static_cast<double>(arrivals.due()), 1e6 * kSecond, 1.0);
}

TEST(ArrivalsTest, ThereAreExactlyRateTimesDurationConstantMoments) {
  for (const double rate : {1.0, 3.0, 7.0, 400.0, 999.0, 20'000.0}) {
    Arrivals arrivals(rate, false, 0);
    EXPECT_EQ(static_cast<double>(Walk(&arrivals, 4 * kSecond)), 4 * rate);
  }
}

TEST(ArrivalsTest, PoissonGapsHaveTheMeanAndTheSpreadOfAnExponential) {
  Arrivals arrivals(1000.0, true, 1);
  constexpr int kCount = 100'000;
  double sum = 0;
  double squares = 0;
  Nanos before = 0;
  for (int i = 0; i < kCount; ++i, arrivals.Advance()) {
    const auto gap = static_cast<double>(arrivals.due() - before) * 1e-6;
    before = arrivals.due();
    sum += gap;
    squares += gap * gap;
  }
  EXPECT_NEAR(sum / kCount, 1.0, 0.02);
  EXPECT_NEAR(squares / kCount, 2.0, 0.08);
}

TEST(ArrivalsTest, TheSeedDecidesThePoissonMoments) {
  EXPECT_EQ(First({50.0, true, 7}, 100), First({50.0, true, 7}, 100));
  EXPECT_NE(First({50.0, true, 7}, 100), First({50.0, true, 8}, 100));
}

TEST(ArrivalsTest, SkippingCountsWhatWalkingWould) {
  for (const bool poisson : {false, true}) {
    Arrivals skipping(12'345.0, poisson, 3);
    Arrivals walking(12'345.0, poisson, 3);
    for (const Nanos until : {Nanos{0}, Nanos{1}, kSecond / 3, kSecond, kSecond}) {
      EXPECT_EQ(skipping.Skip(until), Walk(&walking, until));
      EXPECT_EQ(skipping.due(), walking.due());
    }
  }
}

TEST(ArrivalsTest, SkippingMillionsOfConstantMomentsIsExact) {
  Arrivals skipping(7e6, false, 0);
  Arrivals walking(7e6, false, 0);
  EXPECT_EQ(skipping.Skip(kSecond / 2), Walk(&walking, kSecond / 2));
  EXPECT_EQ(skipping.due(), walking.due());
}

TEST(ArrivalsTest, SkippingMillionsOfPoissonMomentsDrawsAboutAsMany) {
  Arrivals arrivals(1e9, true, 5);
  const auto passed = static_cast<double>(arrivals.Skip(100 * kSecond));
  EXPECT_NEAR(passed, 1e11, 10 * std::sqrt(1e11));
  EXPECT_GE(arrivals.due(), 100 * kSecond);
  EXPECT_LT(arrivals.due(), 100 * kSecond + 1000);
}

TEST(ArrivalsTest, ARateThatCannotBeTimeIsOneInANanosecond) {
  Arrivals arrivals(std::numeric_limits<double>::infinity(), false, 0);
  EXPECT_EQ(arrivals.Skip(100 * kSecond), 100'000'000'000u);
}

TEST(ArrivalsTest, TheMomentsOfATinyRateCanBeAddedToAClock) {
  for (const bool poisson : {false, true}) {
    Arrivals arrivals(1e-300, poisson, 0);
    arrivals.Advance();
    arrivals.Advance();
    EXPECT_GT(arrivals.due(), Nanos{1} << 61);
    EXPECT_LE(arrivals.due(), Nanos{1} << 62);
  }
}

}  // namespace
}  // namespace leeboard::load
