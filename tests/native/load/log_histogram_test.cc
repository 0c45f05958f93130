#include "load/log_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <vector>

namespace leeboard::load {
namespace {

TEST(LogHistogramTest, EveryValueLiesWithinItsBucket) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t value = random() >> (1 + random() % 63);
    const std::size_t at = LogHistogram::IndexOf(value);
    ASSERT_LT(at, LogHistogram::kBuckets);
    ASSERT_LE(LogHistogram::LowOf(at), value);
    ASSERT_GE(LogHistogram::HighOf(at), value);
  }
}

TEST(LogHistogramTest, TheBucketsCoverTheRangeWithoutGapsOrOverlaps) {
  EXPECT_EQ(LogHistogram::LowOf(0), 0u);
  for (std::size_t i = 1; i < LogHistogram::kBuckets; ++i) {
    ASSERT_EQ(LogHistogram::LowOf(i), LogHistogram::HighOf(i - 1) + 1);
  }
  EXPECT_EQ(LogHistogram::HighOf(LogHistogram::kBuckets - 1),
            static_cast<std::uint64_t>(INT64_MAX));
}

TEST(LogHistogramTest, ABucketsMiddleIsWithinFourThousandthsOfItsValues) {
  for (std::size_t i = 0; i < LogHistogram::kBuckets; ++i) {
    const auto low = static_cast<double>(LogHistogram::LowOf(i));
    const auto high = static_cast<double>(LogHistogram::HighOf(i));
    ASSERT_LE((low + high) / 2 - low, 0.004 * low);
  }
}

TEST(LogHistogramTest, QuantilesAreThoseOfTheSortedValuesWithinOnePercent) {
  std::mt19937_64 random(2);
  std::lognormal_distribution<double> durations(14.0, 2.0);
  auto histogram = std::make_unique<LogHistogram>();
  std::vector<std::int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::int64_t>(durations(random)));
    histogram->Add(values.back());
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const double rank = std::max(std::ceil(share * 20'000.0), 1.0);
    const auto exact = static_cast<double>(values[static_cast<std::size_t>(rank) - 1]);
    EXPECT_NEAR(histogram->Quantile(share), exact, 0.01 * exact) << share;
  }
  EXPECT_EQ(histogram->min(), values.front());
  EXPECT_EQ(histogram->max(), values.back());
}

TEST(LogHistogramTest, QuantilesOfAFewSmallValuesAreExact) {
  LogHistogram histogram;
  for (int value = 1; value <= 100; ++value) {
    histogram.Add(value);
  }
  EXPECT_EQ(histogram.Quantile(0.5), 50.0);
  EXPECT_EQ(histogram.Quantile(0.9), 90.0);
  EXPECT_EQ(histogram.Quantile(0.99), 99.0);
  EXPECT_EQ(histogram.Quantile(0.999), 100.0);
  EXPECT_EQ(histogram.mean(), 50.5);
}

TEST(LogHistogramTest, OneValueIsEveryQuantileOfItself) {
  LogHistogram histogram;
  histogram.Add(1'234'567'891);
  EXPECT_EQ(histogram.Quantile(0.0), 1'234'567'891.0);
  EXPECT_EQ(histogram.Quantile(1.0), 1'234'567'891.0);
}

TEST(LogHistogramTest, EndsOfTheRangeAreCounted) {
  LogHistogram histogram;
  histogram.Add(-5);
  histogram.Add(INT64_MAX);
  EXPECT_EQ(histogram.bucket(0), 1u);
  EXPECT_EQ(histogram.bucket(LogHistogram::kBuckets - 1), 1u);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), INT64_MAX);
}

TEST(LogHistogramTest, WithoutValuesEverythingIsZero) {
  LogHistogram histogram;
  histogram.Add(7);
  histogram.Clear();
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.min(), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.mean(), 0.0);
  EXPECT_EQ(histogram.Quantile(0.99), 0.0);
}

}  // namespace
}  // namespace leeboard::load
