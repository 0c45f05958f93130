// Batches to workers and back: csrc/batch/offer.cc.

#include <gtest/gtest.h>

#include "bench.h"

namespace leeboard::batch {
namespace {

constexpr Nanos kMillisecond = 1'000'000;

TEST(Offer, ABatchGrowsUntilItIsClaimed) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.Pump();
  EXPECT_TRUE(bench.Send("c", "3").ok());
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 3u);
}

TEST(Offer, RowsAreNotSeenBeforeThePump) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  EXPECT_TRUE(bench.Send("b", "2").ok());
  EXPECT_EQ(bench.worker().RunOne(), 1u);
  bench.Collect();
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 1u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("b"), "2");
  bench.ExpectIdle();
}

TEST(Offer, AnIdleQueueWantsNoPump) {
  Bench bench;
  bench.Pump();
  EXPECT_FALSE(bench.queue->needs_pump());
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.queue->needs_pump());
  EXPECT_EQ(bench.Pump(), kNever);
  EXPECT_FALSE(bench.queue->needs_pump());
}

TEST(Offer, ABatchIsHeldBackForTheQueueDelay) {
  Bench bench({.max_queue_delay = 5 * kMillisecond});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  const Nanos due = bench.now + 5 * kMillisecond;
  EXPECT_EQ(bench.Pump(), due);
  EXPECT_EQ(bench.worker().RunOne(), 0u);
  bench.now = due - 1;
  EXPECT_TRUE(bench.Send("b", "2").ok());
  EXPECT_EQ(bench.Pump(), due);
  bench.now = due;
  EXPECT_EQ(bench.Pump(), kNever);
  EXPECT_EQ(bench.worker().RunOne(), 2u);
}

TEST(Offer, AFullBatchDoesNotWaitForTheQueueDelay) {
  Bench bench({.max_queue_delay = 5 * kMillisecond});
  EXPECT_TRUE(bench.Send("a", 3, {{{1}, "123"}}).ok());
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 0u);
  EXPECT_TRUE(bench.Send("b", "4").ok());
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 4u);
}

TEST(Offer, ABatchThatIsNotDueDoesNotHoldUpOneThatIs) {
  Bench bench({.max_queue_delay = 5 * kMillisecond});
  EXPECT_TRUE(bench.Send("waits", "1").ok());
  const Nanos due = bench.now + 5 * kMillisecond;
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(bench.Send(std::to_string(i), "22").ok());
  }
  EXPECT_EQ(bench.Pump(), due);
  EXPECT_EQ(bench.worker().RunOne(), 4u);
}

TEST(Offer, ARareShapeIsServedInItsTurnBesideABusyOne) {
  Bench bench;
  int sent = 0;
  const auto flood = [&] {
    for (int i = 0; i < 4; ++i) {
      EXPECT_TRUE(bench.Send(std::to_string(sent++), "busy").ok());
    }
  };
  for (int i = 0; i < 5; ++i) {
    flood();
  }
  EXPECT_TRUE(bench.Send("rare", "r").ok());
  for (int batches = 0; bench.sink.ends.count("rare") == 0; ++batches) {
    ASSERT_LT(batches, 6) << "batches that were older: 5";
    flood();
    bench.Pump();
    bench.worker().RunOne();
    bench.Collect();
  }
}

TEST(Offer, DeadRowsOfAQueuedBatchAreNotComputed) {
  Bench bench({.workers = 0});
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  bench.Cancel("b");
  bench.AddWorker();
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(bench.worker().Look().inputs[0], (std::vector<std::string>{"a", "c"}));
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("c"), "c");
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 1u);
  EXPECT_EQ(bench.counters().dead_rows_computed.get(), 0u);
  bench.ExpectIdle();
}

TEST(Offer, DeadRowsOfAnOfferedBatchAreNotComputed) {
  Bench bench;
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();
  bench.Cancel("a");
  EXPECT_TRUE(bench.queue->needs_pump());
  bench.Pump();
  EXPECT_TRUE(bench.Send("d", "d").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(bench.worker().Look().inputs[0], (std::vector<std::string>{"b", "c", "d"}));
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 1u);
  bench.ExpectIdle();
}

TEST(Offer, ABatchOfDeadRowsIsNotOffered) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.Pump();
  bench.Cancel("a");
  bench.Cancel("b");
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 0u);
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 2u);
  bench.ExpectIdle();
}

TEST(Offer, RowsThatDieAfterTheClaimAreCountedAsComputed) {
  Bench bench;
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Cancel("a");  // Before the front end has heard of the claim.
  bench.Pump();
  bench.Cancel("b");  // After it.
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(bench.counters().dead_rows_computed.get(), 2u);
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 0u);
  EXPECT_EQ(bench.sink.Said("c"), "c");
  EXPECT_EQ(bench.sink.ends.size(), 1u);
  bench.ExpectIdle();
}

TEST(Offer, TheDeadDoNotFillTheMemoryWhileNoWorkerHasRoom) {
  Bench bench({.input_bytes = 8 << 20, .workers = 0});
  EXPECT_TRUE(bench.Send("alive", std::string(100'000, 'a')).ok());
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(bench.Send("dead", std::string(100'000, 'd')).ok()) << i;
    bench.Cancel("dead");
    ASSERT_TRUE(bench.Send("dead", std::string(1 + i % 10, 'd')).ok()) << i;
    bench.Cancel("dead");
  }
  EXPECT_EQ(bench.counters().queued.get(), 1u);
  EXPECT_EQ(bench.counters().open_batches.get(), 1u);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("alive"), std::string(100'000, 'a'));
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 2000u);
  bench.ExpectIdle();
}

TEST(Offer, AnIdleWorkerTakesWhatABusyOneWasPromised) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker(0).Take());
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.Pump();
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(bench.worker(1).RunOne(), 1u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("b"), "2");
  EXPECT_EQ(bench.worker(0).link->batches.size(), 1u);
}

TEST(Offer, BatchesAreSpreadOverIdleWorkers) {
  Bench bench({.max_batch_size = 1, .workers = 3});
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();
  for (const auto& worker : bench.workers) {
    EXPECT_EQ(worker->link->batches.size(), 1u);
  }
}

TEST(Offer, WithoutOutputMemoryABatchWaitsAndComesAgain) {
  Bench bench(
      {.output_bytes = 256 << 10, .tensors = {Spec(wire::DType::kUint8, {100'000})}});
  bench.sink.holds = true;
  const std::vector<Tensor> row = {{{100'000}, std::string(100'000, 'x')}};
  for (const char* id : {"a", "b"}) {
    EXPECT_TRUE(bench.Send(id, 1, row).ok());
    bench.Pump();
    EXPECT_EQ(bench.worker().RunOne(), 1u);
    bench.Collect();
  }
  EXPECT_EQ(bench.counters().output_grants.get(), 2u);
  EXPECT_TRUE(bench.Send("c", 1, row).ok());
  const Nanos again = bench.Pump();
  EXPECT_EQ(bench.sink.pressures, 1);
  EXPECT_GT(again, bench.now);
  EXPECT_LT(again, bench.now + 10 * kMillisecond) << "it looks again soon";
  EXPECT_EQ(bench.worker().RunOne(), 0u);
  bench.sink.LetGo();
  bench.now = again;
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 1u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("c"), row[0].raw);
  bench.sink.LetGo();
  bench.ExpectIdle();
}

TEST(Offer, ABatchTakesFewerRowsWhenOutputMemoryIsShort) {
  Bench bench({.max_batch_size = 8,
               .output_bytes = 256 << 10,
               .tensors = {Spec(wire::DType::kUint8, {50'000})}});
  for (int i = 0; i < 8; ++i) {
    const std::string row(50'000, static_cast<char>('a' + i));
    EXPECT_TRUE(bench.Send(std::to_string(i), 1, {{{50'000}, row}}).ok());
    bench.Pump();
  }
  bench.RunAll();
  EXPECT_GT(bench.counters().batches.get(), 1u);
  EXPECT_EQ(bench.sink.Said("7"), std::string(50'000, 'h'));
  bench.ExpectIdle();
}

TEST(Offer, OutputsLargerThanTheWholeRegionComeInARegionOfTheirOwn) {
  Bench bench(
      {.output_bytes = 64 << 10, .tensors = {Spec(wire::DType::kUint8, {100'000})}});
  const std::vector<Tensor> row = {{{100'000}, std::string(100'000, 'x')}};
  EXPECT_TRUE(bench.Send("a", 1, row).ok());
  EXPECT_TRUE(bench.Send("b", 2, {{{100'000}, std::string(200'000, 'y')}}).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), row[0].raw);
  EXPECT_EQ(bench.sink.Said("b"), std::string(200'000, 'y'));
  bench.ExpectIdle();
}

TEST(Offer, AStolenBatchThatFindsNoOutputMemoryIsNotForgotten) {
  Bench bench({.output_bytes = 256 << 10,
               .workers = 2,
               .tensors = {Spec(wire::DType::kUint8, {100'000})}});
  const std::vector<Tensor> row = {{{100'000}, std::string(100'000, 'x')}};
  const auto send = [&](const char* id) {
    EXPECT_TRUE(bench.Send(id, 1, row).ok());
    bench.Pump();
  };
  bench.sink.holds = true;
  send("busy");
  ASSERT_TRUE(bench.worker(0).Take());
  send("a");
  EXPECT_EQ(bench.worker(1).RunOne(), 1u);
  bench.Collect();
  send("b");
  ASSERT_TRUE(bench.worker(1).Take());
  send("promised");
  ASSERT_EQ(bench.worker(0).link->batches.size(), 2u);
  bench.worker(1).Finish();
  bench.Collect();
  bench.Pump();  // The second worker is idle, and all its memory is held by replies.
  EXPECT_EQ(bench.worker(0).link->batches.size(), 1u);
  EXPECT_TRUE(bench.queue->needs_pump());
  EXPECT_LT(bench.Pump(), bench.now + 10 * kMillisecond);
  bench.sink.LetGo();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("promised"), row[0].raw);
  bench.sink.LetGo();
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
