// Requests that waited too long and may wait on, behind all others.

#include <gtest/gtest.h>

#include "bench.h"
#include "deaths.h"

namespace leeboard::batch {
namespace {

// A worker runs "busy" and has been promised nothing more.
void Occupy(Bench& bench) {
  ASSERT_TRUE(bench.Send("busy", "busy").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
}

void Delay(Bench& bench, const std::string& id) {
  bench.queue->Delay(bench.sink.waiting.at(id));
}

// The first rows of the batches that the worker runs from here on, in their order.
std::vector<std::string> RunInOrder(Bench& bench) {
  std::vector<std::string> rows;
  for (;;) {
    if (!bench.worker().taken && (bench.Pump(), !bench.worker().Take())) {
      return rows;
    }
    const SeenBatch seen = bench.worker().Look();
    rows.insert(rows.end(), seen.inputs[0].begin(), seen.inputs[0].end());
    bench.worker().Finish();
    bench.Collect();
  }
}

TEST(Delay, ARequestGoesBehindThoseThatCameLater) {
  Bench bench;
  Occupy(bench);
  ASSERT_TRUE(bench.Send("old", "1").ok());
  bench.Pump();
  Delay(bench, "old");
  bench.Pump();
  ASSERT_TRUE(bench.Send("young", "22").ok());
  ASSERT_TRUE(bench.Send("younger", "333").ok());
  bench.Pump();
  EXPECT_EQ(bench.counters().queued.get(), 4u);  // The claim is not known yet.
  EXPECT_EQ(RunInOrder(bench), (std::vector<std::string>{"busy", "22", "333", "1"}));
  EXPECT_EQ(bench.sink.Said("old"), "1");
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 0u);
  bench.ExpectIdle();
}

TEST(Delay, DelayedRowsOfOneShapeShareABatch) {
  Bench bench;
  Occupy(bench);
  for (const char* row : {"a", "b", "c"}) {
    ASSERT_TRUE(bench.Send(row, row).ok());
  }
  bench.Pump();
  Delay(bench, "a");
  Delay(bench, "c");
  EXPECT_EQ(RunInOrder(bench), (std::vector<std::string>{"busy", "b", "a", "c"}));
  EXPECT_EQ(bench.worker().batches, 3u);
  bench.ExpectIdle();
}

TEST(Delay, AllOfABatchMayBeDelayed) {
  Bench bench;
  Occupy(bench);
  ASSERT_TRUE(bench.Send("a", "a").ok());
  ASSERT_TRUE(bench.Send("b", "b").ok());
  Delay(bench, "a");
  Delay(bench, "b");
  EXPECT_EQ(bench.counters().open_batches.get(), 2u);
  EXPECT_EQ(RunInOrder(bench), (std::vector<std::string>{"busy", "a", "b"}));
  bench.ExpectIdle();
}

TEST(Delay, ALargeRequestTakesItsMemoryAlong) {
  Bench bench;
  Occupy(bench);
  const std::string large(50'000, 'L');
  ASSERT_TRUE(Land(bench, "large", wire::DType::kUint8, 50'000, large).ok());
  bench.Pump();
  Delay(bench, "large");
  ASSERT_TRUE(bench.Send("young", std::string(50'000, 'y')).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("large"), large);
  bench.ExpectIdle();
}

TEST(Delay, ADelayedClientMayGo) {
  Bench bench;
  Occupy(bench);
  for (const char* row : {"a", "b"}) {
    ASSERT_TRUE(bench.Send(row, row).ok());
    Delay(bench, row);
  }
  bench.Cancel("a");
  EXPECT_EQ(RunInOrder(bench), (std::vector<std::string>{"busy", "b"}));
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 1u);
  bench.ExpectIdle();
}

TEST(Delay, TheLastDelayedClientMayGo) {
  Bench bench;
  Occupy(bench);
  ASSERT_TRUE(bench.Send("a", "a").ok());
  Delay(bench, "a");
  bench.Cancel("a");
  EXPECT_EQ(bench.counters().queued.get(), 1u);  // "busy": its claim is not known yet.
  EXPECT_EQ(RunInOrder(bench), (std::vector<std::string>{"busy"}));
  bench.ExpectIdle();
}

TEST(Delay, DelayedRequestsFailWithAllOthers) {
  Bench bench;
  Occupy(bench);
  ASSERT_TRUE(bench.Send("a", "a").ok());
  Delay(bench, "a");
  bench.queue->FailAll(Status::Unavailable("gone"));
  EXPECT_EQ(bench.sink.Said("a"), "gone");
  bench.RunAll();
  bench.ExpectIdle();
}

TEST(Delay, DelayedRequestsAreNotForgottenByADeath) {
  Bench bench;
  Occupy(bench);
  ASSERT_TRUE(bench.Send("a", "a").ok());
  Delay(bench, "a");
  bench.Kill(0);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "a");
  EXPECT_EQ(bench.sink.Said("busy"), "busy");
  bench.ExpectIdle();
}

TEST(Delay, AQueueGoesWithItsDelayedRequests) {
  auto bench = std::make_unique<Bench>();
  Occupy(*bench);
  ASSERT_TRUE(bench->Send("a", "a").ok());
  Delay(*bench, "a");
  bench.reset();  // The sanitizers tell what is left.
}

TEST(Delay, OnceClaimedARequestCountsAsClaimedWhereverItWaits) {
  Bench bench;
  ASSERT_TRUE(bench.Send("a", "a").ok());
  bench.Pump();
  EXPECT_FALSE(bench.queue->WasClaimed(*bench.sink.waiting.at("a")));
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_TRUE(bench.queue->WasClaimed(*bench.sink.waiting.at("a")));
  ASSERT_TRUE(bench.Send("late", "b").ok());
  bench.Kill(0);
  EXPECT_TRUE(bench.queue->WasClaimed(*bench.sink.waiting.at("a")));
  EXPECT_FALSE(bench.queue->WasClaimed(*bench.sink.waiting.at("late")));
  bench.AddWorker();
  bench.RunAll();
  bench.ExpectIdle();
}

TEST(QueuePolicy, SaysWhenARequestMustHaveBeenClaimed) {
  QueuePolicy policy;
  EXPECT_EQ(policy.ClaimBy(7, 1000), kNever);
  policy.timeout = 5000;
  EXPECT_EQ(policy.ClaimBy(1, 1000), 6000);
  policy.overridden = true;
  EXPECT_EQ(policy.ClaimBy(1, 1000), 2000);
  EXPECT_EQ(policy.ClaimBy(0, 1000), 6000);
  EXPECT_EQ(policy.ClaimBy(UINT64_MAX, 1000), 6000);
  policy.timeout = 0;
  EXPECT_EQ(policy.ClaimBy(1, 1000), 2000);
  EXPECT_EQ(policy.ClaimBy(0, 1000), kNever);
}

}  // namespace
}  // namespace leeboard::batch
