// Models with side effects: no request is ever run twice.

#include <gtest/gtest.h>

#include "deaths.h"

namespace leeboard::batch {
namespace {

BenchOptions Once() {
  BenchOptions options;
  options.retry = false;
  return options;
}

class RetryAfter : public testing::TestWithParam<Death> {};

TEST_P(RetryAfter, WhatRanIsNotRunAgainAndWhatWaitedIs) {
  Bench bench(Once());
  ASSERT_TRUE(bench.Send("a", "a").ok());
  ASSERT_TRUE(bench.Send("b", "b").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  ASSERT_TRUE(bench.Send("waits", "c").ok());
  bench.Pump();
  ASSERT_TRUE(bench.Send("late", "d").ok());
  End(bench, GetParam());
  const std::string why =
      "model 'm' version 1: the worker that ran it ended; the model has side effects "
      "and "
      "its run may have happened, so it is not run again";
  for (const char* id : {"a", "b"}) {
    EXPECT_EQ(bench.sink.CodeOf(id), Code::kUnavailable);
    EXPECT_EQ(bench.sink.Said(id), why);
  }
  EXPECT_EQ(bench.failed(Reason::kWorkerLost), 2u);
  EXPECT_EQ(bench.counters().reruns.get(), 0u);
  EXPECT_EQ(bench.counters().queued.get(), 2u);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("waits"), "c");
  EXPECT_EQ(bench.sink.Said("late"), "d");
  EXPECT_EQ(bench.counters().quarantined.get(), 0u);
  bench.ExpectIdle();
}

INSTANTIATE_TEST_SUITE_P(EveryDeath, RetryAfter,
                         testing::Values(Death::kKilled, Death::kCrashed, Death::kHung,
                                         Death::kMemory, Death::kBroke));

TEST(Retry, ABatchOnWhichTheModelRaisedFailsWhole) {
  Bench bench(Once());
  bench.worker().fails_on = "bad";
  bench.worker().fails_with = Code::kInvalidArgument;
  for (const char* row : {"one", "bad", "two"}) {
    ASSERT_TRUE(bench.Send(row, row).ok());
  }
  bench.RunAll();
  for (const char* row : {"one", "bad", "two"}) {
    EXPECT_EQ(bench.sink.CodeOf(row), Code::kInternal);
  }
  EXPECT_EQ(bench.sink.Said("one"), "model 'm' version 1 failed: told to fail");
  EXPECT_EQ(bench.worker().batches, 1u);
  bench.ExpectIdle();
}

TEST(Retry, ARequestAloneHearsWhatTheModelSaid) {
  Bench bench(Once());
  bench.worker().fails_on = "bad";
  bench.worker().fails_with = Code::kInvalidArgument;
  ASSERT_TRUE(bench.Send("bad", "bad").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("bad"), Code::kInvalidArgument);
  bench.ExpectIdle();
}

TEST(Retry, WithoutMemoryTheyHearItAtOnce) {
  Bench bench(Once());
  bench.worker().fails_on = "bad";
  bench.worker().fails_with = Code::kResourceExhausted;
  ASSERT_TRUE(bench.Send("a", "bad").ok());
  ASSERT_TRUE(bench.Send("b", "bad").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kResourceExhausted);
  EXPECT_EQ(bench.sink.CodeOf("b"), Code::kResourceExhausted);
  EXPECT_EQ(bench.worker().batches, 1u);
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
