// How often refusals are said.

#include <gtest/gtest.h>

#include "front/access.h"

namespace leeboard::front {
namespace {

TEST(RefusalLog, SaysTenASecondAndThenHowManyMore) {
  RefusalLog log;
  std::uint64_t unsaid = 0;
  int said = 0;
  for (int i = 0; i < 25; ++i) {
    said += log.MaySay(5, &unsaid) ? 1 : 0;
    EXPECT_EQ(unsaid, 0u);
  }
  EXPECT_EQ(said, 10);
  EXPECT_TRUE(log.MaySay(1'000'000'005, &unsaid));
  EXPECT_EQ(unsaid, 15u);
  EXPECT_TRUE(log.MaySay(1'000'000'006, &unsaid));
  EXPECT_EQ(unsaid, 0u);
}

}  // namespace
}  // namespace leeboard::front
