// The worker that is kept free for suspects: csrc/batch/quarantine.cc and offer.cc.

#include <gtest/gtest.h>

#include "deaths.h"

namespace leeboard::batch {
namespace {

// Requests a and b that crashed worker 0 together; the others are idle.
void CrashTogether(Bench& bench) {
  ASSERT_TRUE(bench.Send("a", "a").ok());
  ASSERT_TRUE(bench.Send("b", "b").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  Crash(bench);
}

std::vector<std::string> Taken(FakeWorker& worker) {
  return worker.Take() ? worker.Look().inputs[0] : std::vector<std::string>{};
}

using Rows = std::vector<std::string>;

TEST(Reserved, TheOthersGoOnServing) {
  Bench bench({.max_batch_size = 2, .workers = 3});
  CrashTogether(bench);
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker(0)), Rows{"a"});
  for (int i = 0; i < 8; ++i) {
    ASSERT_TRUE(bench.Send("x" + std::to_string(i), "x").ok());
    bench.Pump();
    EXPECT_EQ(bench.worker(0).link->batches.size(), 1u);
  }
  EXPECT_EQ(Taken(bench.worker(1)), (Rows{"x", "x"}));
  bench.worker(1).Finish();
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("x0"), "x");
  bench.worker(0).Finish();
  bench.RunAll();
  EXPECT_EQ(bench.sink.ends.size(), 10u);
  EXPECT_EQ(bench.sink.Said("b"), "b");
  bench.ExpectIdle();
}

TEST(Reserved, ItFinishesWhatItRunsBeforeItTakesTheSuspect) {
  Bench bench({.max_batch_size = 1, .workers = 2});
  for (const char* id : {"a", "b", "c"}) {
    ASSERT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker(0)), Rows{"a"});
  EXPECT_EQ(Taken(bench.worker(1)), Rows{"b"});
  Crash(bench);
  bench.Pump();
  shm::Claim claim;
  EXPECT_EQ(bench.worker().port.Take(0, -1, &claim), shm::WorkerPort::Taken::kNothing)
      << "it has neither what the other was promised nor the suspect";
  bench.worker().Finish();
  bench.Collect();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
  bench.RunAll();
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_EQ(bench.sink.Said(id), id);
  }
  bench.ExpectIdle();
}

TEST(Reserved, WhatItHasNotClaimedIsTakenBack) {
  Bench bench({.max_batch_size = 1, .workers = 2});
  ASSERT_TRUE(bench.Send("a", "a").ok());
  ASSERT_TRUE(bench.Send("b", "b").ok());
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker(0)), Rows{"a"});
  Crash(bench);
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"}) << "the suspect goes first";
  EXPECT_EQ(bench.worker().link->batches.size(), 1u);
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "a");
  EXPECT_EQ(bench.sink.Said("b"), "b");
  bench.ExpectIdle();
}

TEST(Reserved, WithOneWorkerTheInnocentWaitAndAreServed) {
  Bench bench;
  CrashTogether(bench);
  bench.AddWorker();
  ASSERT_TRUE(bench.Send("x", "xx").ok());
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
  ASSERT_TRUE(bench.Send("y", "yy").ok());
  bench.Pump();
  bench.worker().Finish();
  bench.Collect();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"b"});
  bench.worker().Finish();
  bench.Collect();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), (Rows{"xx", "yy"}));
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("x"), "xx");
  bench.ExpectIdle();
}

TEST(Reserved, ASuspectWhoseClientLeavesWhileItWaitsIsForgotten) {
  Bench bench;
  CrashTogether(bench);
  bench.Cancel("a");
  EXPECT_EQ(bench.counters().queued.get(), 1u);
  bench.Cancel("b");
  bench.AddWorker();
  ASSERT_TRUE(bench.Send("x", "x").ok());
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 1u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("x"), "x");
  bench.ExpectIdle();
}

TEST(Reserved, ASuspectWhoseClientLeavesWhileItIsOfferedMakesRoomForTheNext) {
  Bench bench;
  CrashTogether(bench);
  bench.AddWorker();
  bench.Pump();
  bench.Cancel("a");
  EXPECT_TRUE(bench.queue->needs_pump());
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"b"});
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("b"), "b");
  bench.ExpectIdle();
}

TEST(Reserved, ASuspectWhoseClientLeavesWhileItRunsMayFinish) {
  Bench bench;
  CrashTogether(bench);
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
  bench.Cancel("a");
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "(nothing)");
  EXPECT_EQ(bench.sink.Said("b"), "b");
  EXPECT_EQ(bench.counters().dead_rows_computed.get(), 1u);
  bench.ExpectIdle();
}

TEST(Reserved, ASuspectThatItsClientLeftIsGuiltyAllTheSame) {
  Bench bench;
  CrashTogether(bench);
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
  bench.Cancel("a");
  Crash(bench);
  EXPECT_EQ(bench.sink.Said("a"), "(nothing)");
  EXPECT_EQ(bench.counters().guilty.get(), 1u);
  EXPECT_EQ(bench.sink.guilty_workers.size(), 1u);
  EXPECT_EQ(bench.failed(Reason::kWorkerLost), 0u);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_FALSE(bench.Send("again", "a").ok());
  EXPECT_EQ(bench.sink.Said("b"), "b");
  bench.ExpectIdle();
}

TEST(Reserved, AWorkerThatDiesBeforeItTakesTheSuspectIsNoProof) {
  Bench bench({.workers = 2});
  CrashTogether(bench);
  bench.Pump();
  Crash(bench);
  EXPECT_EQ(bench.counters().guilty.get(), 0u);
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "a");
  EXPECT_EQ(bench.sink.Said("b"), "b");
  bench.ExpectIdle();
}

TEST(Reserved, AWorkerThatIsBeingEndedIsReplacedByAnother) {
  Bench bench({.max_batch_size = 2, .workers = 3});
  for (const char* id : {"p", "q", "r", "s", "t", "u"}) {
    ASSERT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();  // Each has one; all are busy.
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(bench.worker(static_cast<std::size_t>(i)).Take());
  }
  Crash(bench);
  bench.Pump();  // The first of those that are left is to be free.
  bench.worker(0).link->broken = true;
  bench.worker(1).Finish();
  bench.Collect();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker(1)), Rows{"p"});
  bench.Kill(0);
  bench.RunAll();
  EXPECT_EQ(bench.sink.ends.size(), 6u);
  bench.ExpectIdle();
}

TEST(Reserved, ASuspectThatFindsNoOutputMemoryComesAgain) {
  Bench bench;
  CrashTogether(bench);
  WorkerLink* link = bench.AddWorker()->link;
  Outputs* hog = Outputs::Grant(link, link->arena().size());
  ASSERT_NE(hog, nullptr);
  const Nanos look_again = bench.Pump();
  EXPECT_LE(look_again, bench.now + 1'000'000);
  EXPECT_GT(bench.sink.pressures, 0);
  EXPECT_FALSE(bench.worker().Take());
  hog->DropReference();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("b"), "b");
  bench.ExpectIdle();
}

TEST(Reserved, AnIdleWorkerDoesNotStealForTheReservedOne) {
  Bench bench({.max_batch_size = 1, .workers = 2});
  ASSERT_TRUE(bench.Send("a", "a").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker(0).Take());
  Crash(bench);
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker(0)), Rows{"a"});
  for (const char* id : {"x", "y", "z"}) {
    ASSERT_TRUE(bench.Send(id, id).ok());
    bench.Pump();
  }
  EXPECT_EQ(bench.worker(0).link->batches.size(), 1u);
  EXPECT_EQ(bench.worker(1).link->batches.size(), 2u);
  bench.RunAll();
  EXPECT_EQ(bench.sink.ends.size(), 4u);
  bench.ExpectIdle();
}

TEST(Reserved, SuspectsFailWithAllThatWait) {
  Bench bench;
  CrashTogether(bench);
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
  ASSERT_TRUE(bench.Send("x", "x").ok());
  bench.queue->FailAll(Status::Unavailable("over"));
  EXPECT_EQ(bench.sink.Said("b"), "over");
  EXPECT_EQ(bench.sink.Said("x"), "over");
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "a");
  bench.ExpectIdle();
}

TEST(Reserved, TheQueueMayEndWithSuspectsInEveryState) {
  for (int state = 0; state < 4; ++state) {
    Bench bench({.workers = 2});
    CrashTogether(bench);
    if (state > 0) {
      bench.Pump();
    }
    if (state > 1) {
      EXPECT_EQ(Taken(bench.worker()), Rows{"a"});
    }
    if (state > 2) {
      bench.Kill(0);
    }
  }
}

TEST(Reserved, TwoCrashedBatchesAreToldApartOneAfterTheOther) {
  Bench bench({.max_batch_size = 2, .workers = 2});
  for (const char* id : {"a", "b", "c", "d"}) {
    ASSERT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker(0).Take());
  ASSERT_TRUE(bench.worker(1).Take());
  Crash(bench);
  Crash(bench);
  bench.AddWorker();
  bench.AddWorker();
  bench.Pump();
  const bool first = bench.worker(0).Take();
  const bool second = bench.worker(1).Take();
  EXPECT_NE(first, second) << "two suspects at once";
  bench.RunAll();
  EXPECT_EQ(bench.sink.ends.size(), 4u);
  EXPECT_EQ(bench.counters().quarantined.get(), 2u);
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
