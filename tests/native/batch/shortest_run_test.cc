#include "batch/shortest_run.h"

#include <gtest/gtest.h>

namespace leeboard::batch {
namespace {

constexpr Nanos kMs = 1'000'000;

ShortestRun AfterRunsOf(Nanos took) {
  ShortestRun runs;
  for (std::size_t i = 0; i < ShortestRun::kLast; ++i) {
    runs.Learn(took);
  }
  return runs;
}

TEST(ShortestRun, NothingIsRefusedBeforeEnoughIsKnown) {
  ShortestRun runs;
  for (std::size_t i = 0; i + 1 < ShortestRun::kLast; ++i) {
    runs.Learn(80 * kMs);
    EXPECT_EQ(runs.bound(), 0);
    EXPECT_EQ(runs.LatestStart(100 * kMs, 99 * kMs), 100 * kMs);
  }
  runs.Learn(80 * kMs);
  EXPECT_EQ(runs.bound(), 70 * kMs);
}

TEST(ShortestRun, TheBoundIsSevenEighthsOfTheLeastOfTheLast) {
  ShortestRun runs = AfterRunsOf(80 * kMs);
  runs.Learn(8 * kMs);
  EXPECT_EQ(runs.bound(), 7 * kMs);
  for (std::size_t i = 0; i + 1 < ShortestRun::kLast; ++i) {
    runs.Learn(800 * kMs);
  }
  EXPECT_EQ(runs.bound(), 7 * kMs);
  runs.Learn(800 * kMs);
  EXPECT_EQ(runs.bound(), 700 * kMs) << "the quick one is forgotten";
}

TEST(ShortestRun, ARequestWithTimeEnoughStartsBeforeTheBound) {
  ShortestRun runs = AfterRunsOf(80 * kMs);
  EXPECT_EQ(runs.LatestStart(200 * kMs, 10 * kMs), 130 * kMs);
}

TEST(ShortestRun, ARequestWithoutADeadlineHasNone) {
  ShortestRun runs = AfterRunsOf(80 * kMs);
  EXPECT_EQ(runs.LatestStart(kNever, 10 * kMs), kNever);
}

TEST(ShortestRun, OneHopelessRequestASecondIsTriedAllTheSame) {
  ShortestRun runs = AfterRunsOf(80 * kMs);
  Nanos now = 5'000 * kMs;
  EXPECT_EQ(runs.LatestStart(now + 30 * kMs, now), now + 30 * kMs);
  EXPECT_EQ(runs.LatestStart(now + 30 * kMs, now), now - 40 * kMs);
  EXPECT_EQ(runs.LatestStart(now + 70 * kMs, now), now) << "exactly too late";
  EXPECT_EQ(runs.LatestStart(now + 71 * kMs, now), now + 1 * kMs);
  now += ShortestRun::kProbeEvery - 1;
  EXPECT_LT(runs.LatestStart(now + 30 * kMs, now), now);
  ++now;
  EXPECT_EQ(runs.LatestStart(now + 30 * kMs, now), now + 30 * kMs);
}

TEST(ShortestRun, OneQuickProbeLetsTheOthersIn) {
  ShortestRun runs = AfterRunsOf(80 * kMs);
  runs.Learn(8 * kMs);
  EXPECT_EQ(runs.LatestStart(130 * kMs, 100 * kMs), 123 * kMs);
}

TEST(ShortestRun, ALatestStartIsNeverAfterTheDeadline) {
  ShortestRun runs = AfterRunsOf(0);
  EXPECT_EQ(runs.LatestStart(100 * kMs, 10 * kMs), 100 * kMs);
  runs = AfterRunsOf(7);
  EXPECT_LE(runs.LatestStart(100 * kMs, 10 * kMs), 100 * kMs);
}

}  // namespace
}  // namespace leeboard::batch
