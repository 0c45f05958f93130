// Batches that cost a worker: csrc/batch/quarantine.cc.

#include <gtest/gtest.h>

#include "deaths.h"

namespace leeboard::batch {
namespace {

// One batch with a request for each row, named like it; a worker has claimed it.
void ClaimTogether(Bench& bench, const std::vector<std::string>& rows) {
  for (const std::string& row : rows) {
    ASSERT_TRUE(bench.Send(row, row).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
}

// One request that has just ended a worker alone, after it had ended one in a batch.
void MakeGuilty(Bench& bench, Death death = Death::kCrashed) {
  for (int i = 0; i < 3 && !bench.sink.waiting.empty(); ++i) {
    bench.Pump();
    ASSERT_TRUE(bench.worker().Take());
    End(bench, death);
    bench.AddWorker();
  }
  ASSERT_TRUE(bench.sink.waiting.empty());
}

// Lets the first worker run what it has; a batch with a row that is `bad` crashes it,
// and another one comes.
void RunAllButCrashOn(Bench& bench, const std::string& bad) {
  for (bench.Pump(); bench.worker().Take(); bench.Pump()) {
    const std::vector<std::string> rows = bench.worker().Look().inputs[0];
    if (std::find(rows.begin(), rows.end(), bad) != rows.end()) {
      Crash(bench);
      bench.AddWorker();
    } else {
      bench.worker().Finish();
      bench.Collect();
    }
  }
}

TEST(Quarantine, ABatchWhoseWorkerWasKilledRunsAgainWhole) {
  Bench bench;
  ClaimTogether(bench, {"a", "b", "c"});
  bench.Kill(0);
  bench.AddWorker();
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 3u);
  bench.Collect();
  EXPECT_EQ(bench.counters().quarantined.get(), 0u);
  EXPECT_EQ(bench.counters().reruns.get(), 3u);
  bench.ExpectIdle();
}

TEST(Quarantine, AfterACrashEachRequestRunsAloneInItsOrder) {
  Bench bench;
  ClaimTogether(bench, {"a", "b", "c"});
  Crash(bench);
  EXPECT_EQ(bench.counters().queued.get(), 3u);
  bench.AddWorker();
  for (const char* row : {"a", "b", "c"}) {
    bench.Pump();
    ASSERT_TRUE(bench.worker().Take());
    const SeenBatch seen = bench.worker().Look();
    EXPECT_EQ(seen.rows, 1u);
    EXPECT_EQ(seen.inputs[0].at(0), row);
    bench.worker().Finish();
    EXPECT_FALSE(bench.worker().Take()) << "something ran beside it";
    bench.Collect();
    EXPECT_EQ(bench.sink.Said(row), row);
  }
  EXPECT_EQ(bench.counters().quarantined.get(), 1u);
  EXPECT_EQ(bench.counters().guilty.get(), 0u);
  bench.ExpectIdle();
}

class SecondDeath : public testing::TestWithParam<Death> {};

TEST_P(SecondDeath, TellsTheRequestsApart) {
  Bench bench;
  ClaimTogether(bench, {"a", "b"});
  End(bench, GetParam());
  EXPECT_EQ(bench.counters().quarantined.get(), 0u);
  bench.AddWorker();
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(bench.worker().Look().rows, 2u);
  End(bench, GetParam());
  EXPECT_EQ(bench.counters().quarantined.get(), 1u);
  bench.AddWorker();
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(bench.worker().Look().rows, 1u);
  End(bench, GetParam());
  const bool memory = GetParam() == Death::kMemory;
  EXPECT_EQ(bench.sink.CodeOf("a"),
            memory ? Code::kResourceExhausted : Code::kInternal);
  EXPECT_EQ(bench.failed(Reason::kWorkerLost), 1u);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("b"), "b");
  EXPECT_EQ(bench.counters().deaths[static_cast<std::size_t>(GetParam())].get(), 3u);
  EXPECT_EQ(bench.Send("again", "a").code(), bench.sink.CodeOf("a"));
  bench.ExpectIdle();
}

INSTANTIATE_TEST_SUITE_P(All, SecondDeath,
                         testing::Values(Death::kKilled, Death::kHung, Death::kMemory,
                                         Death::kBroke));

TEST(Quarantine, OnlyTheGuiltyRequestFailsAndItsWorkerIsNamed) {
  Bench bench({.max_batch_size = 8});
  ClaimTogether(bench, {"aaa", "bad", "ccc"});
  Crash(bench);
  bench.AddWorker();
  RunAllButCrashOn(bench, "bad");
  EXPECT_EQ(bench.sink.Said("aaa"), "aaa");
  EXPECT_EQ(bench.sink.Said("ccc"), "ccc");
  EXPECT_EQ(bench.sink.CodeOf("bad"), Code::kInternal);
  EXPECT_EQ(bench.sink.Said("bad"),
            "model 'm' version 1: the worker that ran it crashed (SIGSEGV); it is not "
            "run again");
  EXPECT_EQ(bench.sink.guilty_workers, std::vector<std::uint64_t>{2});
  EXPECT_EQ(bench.sink.guilty_texts.at(0), bench.sink.Said("bad"));
  EXPECT_EQ(bench.counters().guilty.get(), 1u);
  EXPECT_EQ(bench.counters().reruns.get(), 3u) << "the guilty one ran again once";
  bench.ExpectIdle();
}

TEST(Quarantine, ANumberThatIsNoSignalIsNotLookedUp) {
  for (const std::uint32_t number :
       {static_cast<std::uint32_t>(NSIG), 1U << 31, UINT32_MAX}) {
    Bench bench;
    ASSERT_TRUE(bench.Send("a", "a").ok());
    for (int i = 0; i < 2; ++i) {
      bench.Pump();
      ASSERT_TRUE(bench.worker().Take());
      Crash(bench, 0, number);
      bench.AddWorker();
    }
    EXPECT_NE(bench.sink.Said("a").find("crashed (a signal)"), std::string::npos);
    bench.ExpectIdle();
  }
}

TEST(Quarantine, TheGuiltyIsRefusedForTenMinutesAndNobodyElse) {
  Bench bench;
  ASSERT_TRUE(bench.Send("a", "aa").ok());
  MakeGuilty(bench);
  const std::uint64_t guilty_until = bench.now + Guilty::kRemembered;
  const Status status = bench.Send("again", "aa");
  EXPECT_EQ(status.code(), Code::kInternal);
  EXPECT_EQ(
      status.message(),
      "model 'm' version 1: the same request was refused a moment ago: the worker "
      "that ran it crashed (SIGSEGV)");
  EXPECT_TRUE(bench.Send("same size", "bb").ok());
  EXPECT_TRUE(bench.Send("twice", 2, {{{2}, "aaaa"}}).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("same size"), "bb");
  EXPECT_EQ(bench.sink.Said("twice"), "aaaa");
  bench.now = static_cast<Nanos>(guilty_until);
  bench.Pump();
  EXPECT_FALSE(bench.Send("again", "aa").ok());
  ++bench.now;
  bench.Pump();
  EXPECT_TRUE(bench.Send("later", "aa").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("later"), "aa");
  bench.ExpectIdle();
}

TEST(Quarantine, ARefusedRequestLeavesItsBatchAsItWas) {
  Bench bench;
  ASSERT_TRUE(bench.Send("a", "bad").ok());
  MakeGuilty(bench);
  ASSERT_TRUE(bench.Send("first", "111").ok());
  EXPECT_FALSE(bench.Send("queued", "bad").ok());
  bench.Pump();
  ASSERT_TRUE(bench.Send("second", "222").ok());
  EXPECT_FALSE(bench.Send("offered", "bad").ok());
  ASSERT_TRUE(bench.Send("third", "333").ok());
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 3u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("second"), "222");
  EXPECT_EQ(bench.sink.Said("third"), "333");
  bench.ExpectIdle();
}

TEST(Quarantine, ARefusedLargeRequestGivesItsMemoryBackAtOnce) {
  Bench bench({.max_batch_size = 64});
  const std::string large(20'000, 'L');
  ASSERT_TRUE(bench.Send("a", large).ok());
  MakeGuilty(bench);
  bench.Kill(0);
  ASSERT_TRUE(bench.Send("waits", std::string(20'000, 'w')).ok());
  const std::uint64_t used = bench.counters().input_bytes_used.get();
  EXPECT_FALSE(bench.Send("again", large).ok());
  EXPECT_EQ(bench.counters().input_bytes_used.get(), used);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("waits"), std::string(20'000, 'w'));
  bench.ExpectIdle();
}

TEST(Quarantine, TheGuiltyIsKnownInWhateverFormItComes) {
  Bench bench;
  ASSERT_TRUE(bench.Send("a", "bad").ok());
  MakeGuilty(bench);
  EXPECT_EQ(Land(bench, "b", wire::DType::kUint8, 3, "bad").code(), Code::kInternal);
  EXPECT_TRUE(Land(bench, "c", wire::DType::kUint8, 3, "dab").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("c"), "dab");
  bench.ExpectIdle();
}

TEST(Quarantine, AGuiltyTextIsKnownInWhateverFormItComes) {
  Bench bench({.tensors = {Spec(wire::DType::kBytes, {-1})}});
  ASSERT_TRUE(bench.SendText("first", "innocent").ok());
  ASSERT_TRUE(bench.SendText("a", "bad text").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  Crash(bench);
  bench.AddWorker();
  RunAllButCrashOn(bench, Element("bad text"));
  EXPECT_EQ(bench.sink.Said("first"), Element("innocent"));
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
  EXPECT_EQ(bench.SendText("b", "bad text").code(), Code::kInternal);
  const std::string raw = Element("bad text");
  EXPECT_EQ(Land(bench, "c", wire::DType::kBytes, 1, raw).code(), Code::kInternal);
  EXPECT_TRUE(bench.SendText("d", "bad texts").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("d"), Element("bad texts"));
  bench.ExpectIdle();
}

TEST(Quarantine, AGuiltyLandedTextIsKnownWhenItComesInOnePiece) {
  Bench bench({.tensors = {Spec(wire::DType::kBytes, {-1})}});
  ASSERT_TRUE(Land(bench, "a", wire::DType::kBytes, 1, Element("bad")).ok());
  MakeGuilty(bench);
  EXPECT_EQ(bench.SendText("b", "bad").code(), Code::kInternal);
  bench.ExpectIdle();
}

TEST(Quarantine, TheGuiltyIsKnownAfterItsShapeWasForgotten) {
  Bench bench({.max_shapes = 1});
  ASSERT_TRUE(bench.Send("a", "bad").ok());
  MakeGuilty(bench);
  ASSERT_TRUE(bench.Send("other shape", "four").ok());
  bench.RunAll();
  EXPECT_EQ(bench.Send("again", "bad").code(), Code::kInternal);
  bench.ExpectIdle();
}

TEST(Quarantine, LargeAndSmallRequestsOfACrashedBatchRunWithTheirInputs) {
  Bench bench({.tensors = {Spec(wire::DType::kBytes, {-1})}});
  const std::string large(30'000, 'L');
  ASSERT_TRUE(bench.SendText("small", "s").ok());
  ASSERT_TRUE(bench.SendText("large", large).ok());
  ASSERT_TRUE(Land(bench, "landed", wire::DType::kBytes, 1, Element("arrived")).ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(bench.worker().Look().rows, 3u);
  Crash(bench);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("small"), Element("s"));
  EXPECT_EQ(bench.sink.Said("large"), Element(large));
  EXPECT_EQ(bench.sink.Said("landed"), Element("arrived"));
  bench.ExpectIdle();
}

TEST(Quarantine, WithoutMemoryForCopiesRequestsHearIt) {
  Bench bench({.input_bytes = 1 << 20});
  const std::string row(15'000, 'r');
  ClaimTogether(bench, {row + "1", row + "2"});
  wire::RowInput input;
  input.dtype = wire::DType::kUint8;
  input.shape = {{256}, 1};
  input.elements = input.row_bytes = 256;
  const std::vector<wire::RowInput> inputs = {input};
  const std::vector<std::uint64_t> sizes = {256};
  std::vector<Landing> hogs(1);
  while (bench.queue->Reserve({inputs, {}, 1}, sizes, &hogs.back()).ok()) {
    hogs.emplace_back();
  }
  hogs.pop_back();
  Crash(bench);
  EXPECT_EQ(bench.sink.CodeOf(row + "1"), Code::kResourceExhausted);
  EXPECT_EQ(bench.sink.CodeOf(row + "2"), Code::kResourceExhausted);
  for (const Landing& hog : hogs) {
    bench.queue->Abandon(hog);
  }
  bench.AddWorker();
  bench.ExpectIdle();
}

TEST(Quarantine, ARequestThatWasAloneNeedsNoMemoryForACopy) {
  Bench bench({.input_bytes = 1 << 20});
  const std::string row(15'000, 'r');
  ClaimTogether(bench, {row});
  const std::uint64_t used = bench.counters().input_bytes_used.get();
  Crash(bench);
  EXPECT_EQ(bench.counters().input_bytes_used.get(), used);
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said(row), row);
  bench.ExpectIdle();
}

TEST(Quarantine, AModelsErrorInQuarantineIsAnErrorAndNoCrime) {
  Bench bench;
  ClaimTogether(bench, {"a", "b"});
  Crash(bench);
  bench.AddWorker()->fails_on = "a";
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kUnknown);
  EXPECT_EQ(bench.sink.Said("b"), "b");
  EXPECT_EQ(bench.counters().guilty.get(), 0u);
  EXPECT_TRUE(bench.Send("again", "a").ok());
  bench.RunAll();
  bench.ExpectIdle();
}

TEST(Quarantine, AModelWithoutMemoryRunsOnceMoreAndThenFails) {
  Bench bench;
  bench.worker().fails_on = "a";
  bench.worker().fails_with = Code::kResourceExhausted;
  ASSERT_TRUE(bench.Send("a", "a").ok());
  bench.RunAll();
  EXPECT_EQ(bench.worker().batches, 2u);
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kResourceExhausted);
  EXPECT_EQ(bench.failed(Reason::kModelError), 1u);
  bench.ExpectIdle();
}

TEST(Quarantine, AModelThatFoundMemoryTheSecondTimeAnswers) {
  Bench bench({.max_batch_size = 1});
  bench.worker().fails_on = "a";
  bench.worker().fails_with = Code::kResourceExhausted;
  ClaimTogether(bench, {"a"});
  Crash(bench);
  FakeWorker* worker = bench.AddWorker();
  worker->fails_on = "a";
  worker->fails_with = Code::kResourceExhausted;
  bench.Pump();
  EXPECT_EQ(worker->RunOne(), 1u);
  bench.Collect();
  worker->fails_on = "(none)";
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "a");
  EXPECT_EQ(worker->batches, 2u);
  bench.ExpectIdle();
}

TEST(Quarantine, WithoutItsClientNothingRunsOnceMore) {
  Bench bench;
  bench.worker().fails_on = "a";
  bench.worker().fails_with = Code::kResourceExhausted;
  ClaimTogether(bench, {"a"});
  bench.Cancel("a");
  bench.RunAll();
  EXPECT_EQ(bench.worker().batches, 1u);
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
