#include "http2/reset_bucket.h"

#include <gtest/gtest.h>

namespace leeboard::http2 {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

TEST(ResetBucket, GivesTheBurstAndNoMore) {
  ResetBucket bucket(3, 1);
  EXPECT_TRUE(bucket.Take(kSecond));
  EXPECT_TRUE(bucket.Take(kSecond));
  EXPECT_TRUE(bucket.Take(kSecond));
  EXPECT_FALSE(bucket.Take(kSecond));
}

TEST(ResetBucket, RefillsAtItsRateUpToTheBurst) {
  ResetBucket bucket(2, 1);
  EXPECT_TRUE(bucket.Take(kSecond));
  EXPECT_TRUE(bucket.Take(kSecond));
  EXPECT_FALSE(bucket.Take(kSecond + kSecond / 2));
  EXPECT_TRUE(bucket.Take(2 * kSecond));
  EXPECT_FALSE(bucket.Take(2 * kSecond));
  EXPECT_TRUE(bucket.Take(100 * kSecond));
  EXPECT_TRUE(bucket.Take(100 * kSecond));
  EXPECT_FALSE(bucket.Take(100 * kSecond));
}

}  // namespace
}  // namespace leeboard::http2
