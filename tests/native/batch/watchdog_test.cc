#include "batch/watchdog.h"

#include <gtest/gtest.h>

#include "deaths.h"

namespace leeboard::batch {
namespace {

constexpr Nanos kMs = 1'000'000;
constexpr Nanos kSecond = 1'000 * kMs;

// Looks every 100 ms for so long.
void WatchFor(Bench& bench, Nanos time) {
  for (const Nanos end = bench.now + time; bench.now < end;) {
    bench.now += 100 * kMs;
    bench.queue->Watch(bench.now);
    bench.Pump();
  }
}

TEST(Watchdog, TheLimitIsTheFloorOrTwentyTimesTheSlowest) {
  Watchdog watchdog(0);
  EXPECT_EQ(watchdog.limit(), 10 * kSecond);
  watchdog.Learn(100 * kMs);
  EXPECT_EQ(watchdog.limit(), 10 * kSecond);
  watchdog.Learn(2 * kSecond);
  watchdog.Learn(1 * kSecond);
  EXPECT_EQ(watchdog.limit(), 40 * kSecond);
}

TEST(Watchdog, AChosenLimitIsKept) {
  Watchdog watchdog(300 * kMs);
  watchdog.Learn(2 * kSecond);
  EXPECT_EQ(watchdog.limit(), 300 * kMs);
}

TEST(Watchdog, CountsAtMostTheLongestStep) {
  Watchdog watchdog(0);
  EXPECT_TRUE(watchdog.IsDue(kSecond));
  EXPECT_EQ(watchdog.Step(kSecond), 0) << "nothing is known about the time before";
  EXPECT_FALSE(watchdog.IsDue(kSecond + 19 * kMs));
  EXPECT_TRUE(watchdog.IsDue(kSecond + 20 * kMs));
  EXPECT_EQ(watchdog.Step(kSecond + 150 * kMs), 150 * kMs);
  EXPECT_EQ(watchdog.Step(kSecond + 10 * kSecond), 200 * kMs);
}

TEST(Watchdog, AWorkerThatDoesNotFinishIsEnded) {
  Bench bench({.batch_timeout = 500 * kMs});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  WatchFor(bench, 600 * kMs);
  EXPECT_TRUE(bench.sink.broken.empty());
  WatchFor(bench, 200 * kMs);
  ASSERT_EQ(bench.sink.broken.size(), 1u);
  EXPECT_EQ(bench.sink.reasons[0], "it neither took nor finished a batch in time");
  WatchFor(bench, kSecond);
  EXPECT_EQ(bench.sink.broken.size(), 1u) << "it was ended twice";
  bench.Kill(0);
  EXPECT_EQ(bench.counters().deaths[static_cast<std::size_t>(Death::kHung)].get(), 1u);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "1");
  bench.ExpectIdle();
}

TEST(Watchdog, AWorkerThatTakesNothingIsEnded) {
  Bench bench({.batch_timeout = 500 * kMs});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  WatchFor(bench, kSecond);
  EXPECT_EQ(bench.sink.broken.size(), 1u);
}

TEST(Watchdog, AnIdleWorkerIsLeftAlone) {
  Bench bench({.batch_timeout = 500 * kMs});
  WatchFor(bench, 10 * kSecond);
  EXPECT_TRUE(bench.Send("a", "1").ok());
  WatchFor(bench, 300 * kMs);
  EXPECT_TRUE(bench.sink.broken.empty());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "1");
}

TEST(Watchdog, ABusyWorkerThatFinishesInTimeIsLeftAlone) {
  Bench bench({.max_batch_size = 1, .batch_timeout = 500 * kMs});
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(bench.Send(std::to_string(i), "1").ok());
  }
  for (int i = 0; i < 20; ++i) {
    bench.Pump();
    WatchFor(bench, 300 * kMs);
    ASSERT_TRUE(bench.worker().Take());
    WatchFor(bench, 300 * kMs);
    bench.worker().Finish();
    bench.Collect();
  }
  EXPECT_TRUE(bench.sink.broken.empty());
  EXPECT_EQ(bench.sink.ends.size(), 20u);
}

TEST(Watchdog, TimeInWhichTheFrontStoodStillDoesNotCount) {
  Bench bench({.batch_timeout = 500 * kMs});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  WatchFor(bench, 100 * kMs);
  bench.now += 100 * kSecond;
  bench.queue->Watch(bench.now);
  EXPECT_TRUE(bench.sink.broken.empty());
}

TEST(Watchdog, ASlowModelTeachesItsLimit) {
  Bench bench;
  bench.worker().takes = 2 * kSecond;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.worker().Finish();
  bench.now = MonotonicNow() + 10 * kSecond;  // The worker's clock is the real one.
  bench.Collect();
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  WatchFor(bench, 39 * kSecond);
  EXPECT_TRUE(bench.sink.broken.empty());
  WatchFor(bench, 2 * kSecond);
  EXPECT_EQ(bench.sink.broken.size(), 1u);
}

TEST(Watchdog, ARequestOnWhichEveryWorkerHangsIsGuilty) {
  Bench bench({.batch_timeout = 500 * kMs});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  for (int i = 0; i < 3; ++i) {
    bench.Pump();
    ASSERT_TRUE(bench.worker().Take());
    WatchFor(bench, kSecond);
    ASSERT_EQ(bench.sink.broken.size(), static_cast<std::size_t>(i + 1));
    bench.Kill(0);
    bench.AddWorker();
  }
  EXPECT_EQ(bench.sink.Said("a"),
            "model 'm' version 1: it did not end within 500 ms; it is not run again");
  EXPECT_EQ(bench.Send("again", "1").code(), Code::kInternal);
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
