// Deaths of workers, departures of clients, the end of a queue:
// csrc/batch/version_queue.cc.

#include "batch/version_queue.h"

#include <gtest/gtest.h>

#include "bench.h"

namespace leeboard::batch {
namespace {

TEST(VersionQueue, OptionsOutOfRangeAreRefused) {
  std::unique_ptr<VersionQueue> queue;
  QueueOptions options;
  options.max_batch_size = shm::kMaxRows + 1;
  EXPECT_EQ(VersionQueue::Create(options, &queue).code(), Code::kInvalidArgument);
  options.max_batch_size = 1;
  options.input_bytes = 4096;
  EXPECT_EQ(VersionQueue::Create(options, &queue).code(), Code::kInvalidArgument);
  options.input_bytes = shm::kMaxInputRegion + 1;
  EXPECT_EQ(VersionQueue::Create(options, &queue).code(), Code::kInvalidArgument);
  options.input_bytes = 1 << 20;
  options.outputs.resize(shm::kMaxTensors + 1);
  EXPECT_EQ(VersionQueue::Create(options, &queue).code(), Code::kInvalidArgument);
}

TEST(VersionQueue, AnUnclaimedBatchOfADeadWorkerGoesToAnother) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  bench.Kill(0);
  EXPECT_EQ(bench.counters().queued.get(), 1u);
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 2u) << "it was still open";
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("a"), "1");
  EXPECT_EQ(bench.counters().reruns.get(), 0u);
  EXPECT_EQ(bench.counters().deaths[0].get(), 1u);
  bench.ExpectIdle();
}

TEST(VersionQueue, AClaimedBatchOfADeadWorkerRunsAgainWithItsInputs) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "11").ok());
  EXPECT_TRUE(bench.Send("b", 2, {{{2}, "2233"}}).ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_TRUE(bench.Send("late", "44").ok());
  bench.Kill(0);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "11");
  EXPECT_EQ(bench.sink.Said("b"), "2233");
  EXPECT_EQ(bench.sink.Said("late"), "44");
  EXPECT_EQ(bench.counters().reruns.get(), 2u);
  bench.ExpectIdle();
}

TEST(VersionQueue, WhatADeadWorkerCompletedIsDelivered) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  bench.worker().RunOne();
  bench.Kill(0);
  EXPECT_EQ(bench.sink.Said("a"), "1");
  bench.ExpectIdle();
}

TEST(VersionQueue, ASiblingTakesOverInOrder) {
  Bench bench({.max_batch_size = 1});
  for (const char* id : {"a", "b", "c", "d"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.AddWorker();
  bench.Kill(0);
  bench.Pump();
  for (const char* id : {"a", "b"}) {
    ASSERT_TRUE(bench.worker().Take());
    EXPECT_EQ(bench.worker().Look().inputs[0][0], id);
    bench.worker().Finish();
  }
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("d"), "d");
  bench.ExpectIdle();
}

TEST(VersionQueue, ARequestOnWhichThreeWorkersDiedIsNotRunAFourthTime) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  for (int death = 0; death < 3; ++death) {
    bench.Pump();
    ASSERT_TRUE(bench.worker().Take());
    bench.Kill(0);
    bench.AddWorker();
  }
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
  EXPECT_EQ(bench.sink.Said("a"),
            "model 'm' version 1: every worker that ran it was killed; it is not run "
            "again");
  EXPECT_EQ(bench.failed(Reason::kWorkerLost), 1u);
  bench.ExpectIdle();
}

TEST(VersionQueue, DeathsBeforeTheClaimDoNotCount) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  for (int death = 0; death < 5; ++death) {
    bench.Pump();
    bench.Kill(0);
    bench.AddWorker();
  }
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "1");
}

TEST(VersionQueue, AClientThatLeavesBetweenDeathAndRerunIsPruned) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Kill(0);
  bench.Cancel("a");
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 1u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("b"), "2");
  bench.ExpectIdle();
}

TEST(VersionQueue, ARequestRunsFromTheClaimOn) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  const Request& request = *bench.sink.waiting.at("a");
  EXPECT_FALSE(bench.queue->IsRunning(request));
  bench.Pump();
  EXPECT_FALSE(bench.queue->IsRunning(request)) << "it is only offered";
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_TRUE(bench.queue->IsRunning(request)) << "before anybody looked";
  bench.Pump();
  EXPECT_TRUE(bench.queue->IsRunning(request));
  bench.Kill(0);
  EXPECT_FALSE(bench.queue->IsRunning(request));
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "1");
}

TEST(VersionQueue, RowsThatComeAfterTheClaimDoNotRun) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  EXPECT_TRUE(bench.Send("late", "2").ok());
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_FALSE(bench.queue->IsRunning(*bench.sink.waiting.at("late")));
  bench.Pump();
  EXPECT_TRUE(bench.queue->IsRunning(*bench.sink.waiting.at("a")));
  EXPECT_FALSE(bench.queue->IsRunning(*bench.sink.waiting.at("late")));
}

TEST(VersionQueue, ABatchWithoutClientsDoesNotWaitForAWorker) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Cancel("a");
  bench.Cancel("b");
  bench.Kill(0);
  bench.ExpectIdle();
}

TEST(VersionQueue, RepliesOutliveTheirWorker) {
  Bench bench;
  bench.sink.holds = true;
  EXPECT_TRUE(bench.Send("a", "abc").ok());
  bench.RunAll();
  ASSERT_EQ(bench.sink.held.size(), 1u);
  bench.Kill(0);
  Outputs* outputs = bench.sink.held[0];
  EXPECT_EQ(std::string(
                reinterpret_cast<const char*>(outputs->base()) + outputs->offset(), 3),
            "abc");
  bench.sink.LetGo();
  bench.ExpectIdle();
}

TEST(VersionQueue, RepliesOutliveTheirQueue) {
  Bench bench;
  bench.sink.holds = true;
  EXPECT_TRUE(bench.Send("a", "abc").ok());
  bench.RunAll();
  bench.queue.reset();
  EXPECT_EQ(bench.sink.held[0]->base()[0], 'a');
}

TEST(VersionQueue, AllThatWaitFailTogether) {
  Bench bench({.max_batch_size = 2, .workers = 0});
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  EXPECT_TRUE(bench.Send("other shape", "22").ok());
  bench.queue->FailAll(Status::Unavailable("gone"));
  for (const char* id : {"a", "b", "c", "other shape"}) {
    EXPECT_EQ(bench.sink.CodeOf(id), Code::kUnavailable);
  }
  EXPECT_EQ(bench.failed(Reason::kUnavailable), 4u);
  bench.ExpectIdle();
  EXPECT_TRUE(bench.Send("later", "1").ok());
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("later"), "1");
}

TEST(VersionQueue, MayEndInAnyState) {
  Bench bench({.max_batch_size = 2});
  bench.sink.holds = true;
  EXPECT_TRUE(bench.Send("answered", "0").ok());
  bench.RunAll();
  for (const char* id : {"claimed", "with it", "offered", "queued", "too"}) {
    EXPECT_TRUE(bench.Send(id, "1").ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Cancel("with it");
  bench.worker().Finish();
  bench.queue.reset();
  EXPECT_EQ(bench.sink.ends.size(), 1u) << "nobody hears of the others";
}

TEST(VersionQueue, TotalsAreCountedByRequestAndByBatch) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.Send("b", 3, {{{1}, "234"}}).ok());
  bench.RunAll();
  const VersionCounters& counters = bench.counters();
  EXPECT_EQ(counters.requests_ok.get(), 2u);
  EXPECT_EQ(counters.rows.get(), 4u);
  EXPECT_EQ(counters.by_size[4].batches.get(), 1u);
  EXPECT_EQ(counters.batch_rows.bucket(2), 1u) << "3 or 4 rows";
  EXPECT_EQ(counters.workers.get(), 1u);
}

}  // namespace
}  // namespace leeboard::batch
