// Completions to answers, and what a hostile worker may say: csrc/batch/finish.cc.

#include <gtest/gtest.h>

#include "bench.h"
#include "shm/passing.h"

namespace leeboard::batch {
namespace {

using wire::DType;

TEST(Finish, AModelsErrorReachesTheClient) {
  Bench bench;
  bench.worker().fails_on = "bad";
  EXPECT_TRUE(bench.Send("a", "bad").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kUnknown);
  EXPECT_EQ(bench.sink.Said("a"), "model 'm' version 1 failed: told to fail");
  EXPECT_EQ(bench.failed(Reason::kModelError), 1u);
  bench.ExpectIdle();
}

TEST(Finish, OnlyTheGuiltyRequestOfABatchFails) {
  Bench bench({.max_batch_size = 8});
  bench.worker().fails_on = "bad";
  for (const char* id : {"one", "two", "bad", "six"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("one"), "one");
  EXPECT_EQ(bench.sink.Said("two"), "two");
  EXPECT_EQ(bench.sink.CodeOf("bad"), Code::kUnknown);
  EXPECT_EQ(bench.sink.Said("six"), "six");
  EXPECT_EQ(bench.failed(Reason::kModelError), 1u);
  EXPECT_EQ(bench.counters().requests_ok.get(), 3u);
  bench.ExpectIdle();
}

TEST(Finish, ASplitBatchKeepsTextsAndLargeRowsApart) {
  Bench bench({.max_batch_size = 8,
               .tensors = {Spec(DType::kUint8, {-1}), Spec(DType::kBytes, {1})}});
  bench.worker().fails_on = "bad";
  EXPECT_TRUE(bench.Send("a", 1, {{{3}, "aaa"}, {{1}, Element("text of a")}}).ok());
  EXPECT_TRUE(bench.Send("b", 1, {{{3}, "bad"}, {{1}, Element("text of b")}}).ok());
  const std::string large(20'000, 'c');
  EXPECT_TRUE(bench.Send("c", 1, {{{3}, "ccc"}, {{1}, Element(large)}}).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.ends["a"].outputs[1], Element("text of a"));
  EXPECT_EQ(bench.sink.CodeOf("b"), Code::kUnknown);
  EXPECT_EQ(bench.sink.ends["c"].outputs[1], Element(large));
  bench.ExpectIdle();
}

TEST(Finish, TheDeadOfAFailedBatchDoNotRunAgain) {
  Bench bench;
  bench.worker().fails_on = "bad";
  for (const char* id : {"bad", "two", "six"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Cancel("two");
  bench.worker().Finish();
  bench.RunAll();
  EXPECT_EQ(bench.worker().batches, 3u);
  EXPECT_EQ(bench.sink.Said("six"), "six");
  EXPECT_EQ(bench.sink.ends.count("two"), 0u);
  bench.ExpectIdle();
}

TEST(Finish, LargeOutputsComeInARegionOfTheirOwnAndAreGrantedTheNextTime) {
  Bench bench({.max_batch_size = 2});
  const std::string large(200'000, 'L');
  EXPECT_TRUE(bench.Send("a", large).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), large);
  bool grew = false;
  bench.worker().spoil = [&](shm::Completion* record) {
    grew = record->has_own_region != 0;
  };
  EXPECT_TRUE(bench.Send("b", large).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("b"), large);
  EXPECT_FALSE(grew);
  bench.ExpectIdle();
}

TEST(Finish, AnOwnRegionLivesUntilItsLastReplyHasLeft) {
  Bench bench;
  bench.worker().always_grows = true;
  bench.sink.holds = true;
  EXPECT_TRUE(bench.Send("a", "own").ok());
  bench.Pump();
  bench.worker().RunOne();
  bench.Collect();
  ASSERT_EQ(bench.sink.held.size(), 1u);
  bench.Kill(0);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bench.sink.held[0]->base()), 3),
            "own");
  bench.sink.LetGo();
  bench.ExpectIdle();
}

TEST(Finish, ARegionOfAFailedBatchIsNotTakenForTheNextOnes) {
  Bench bench;
  bench.worker().always_grows = true;
  bool fails = true;
  bench.worker().spoil = [&](shm::Completion* record) {
    if (std::exchange(fails, false)) {
      record->has_own_region = 0;  // As after an exception behind the announcement.
      record->code = static_cast<std::uint32_t>(Code::kUnknown);
    }
  };
  EXPECT_TRUE(bench.Send("a", "first").ok());
  bench.RunAll();
  EXPECT_TRUE(bench.Send("b", "other").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kUnknown);
  EXPECT_EQ(bench.sink.Said("b"), "other");
}

TEST(Finish, CountsByTheWorkersClockAreKeptWithinOurs) {
  Bench bench;
  bench.worker().spoil = [](shm::Completion* record) {
    record->claimed_at = INT64_MIN;
    record->run_began_at = INT64_MAX / 2;
    record->run_ended_at = -5;
  };
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.Pump();
  bench.worker().RunOne();
  bench.now += 1000;
  bench.Collect();
  EXPECT_EQ(bench.counters().total.sum(), 1000u);
  EXPECT_LE(bench.counters().compute.sum(), 1000u);
  EXPECT_LE(bench.counters().queue.sum(), 1000u);
}

struct Lie {
  const char* what;
  std::function<void(shm::Completion*)> spoil;
};

// Lies of a worker that then goes on as if nothing had happened.
std::vector<Lie> Lies() {
  using Record = shm::Completion*;
  return {
      {"no outputs", [](Record r) { r->output_count = 0; }},
      {"too many outputs", [](Record r) { r->output_count = 2; }},
      {"fewer rows", [](Record r) { --r->outputs[0].dims[0]; }},
      {"more rows", [](Record r) { ++r->outputs[0].dims[0]; }},
      {"negative rows", [](Record r) { r->outputs[0].dims[0] = -1; }},
      {"no rows", [](Record r) { r->outputs[0].dims[0] = 0; }},
      {"another rank", [](Record r) { r->outputs[0].rank = 1; }},
      {"a huge rank", [](Record r) { r->outputs[0].rank = UINT32_MAX; }},
      {"another width", [](Record r) { r->outputs[0].dims[1] = 5; }},
      {"a negative width", [](Record r) { r->outputs[0].dims[1] = -3; }},
      {"an overflowing width", [](Record r) { r->outputs[0].dims[1] = INT64_MAX; }},
      {"a width that wraps to the size",
       [](Record r) { r->outputs[0].dims[1] += INT64_MIN; }},
      {"a smaller size", [](Record r) { --r->outputs[0].size; }},
      {"a larger size", [](Record r) { ++r->outputs[0].size; }},
      {"a huge size", [](Record r) { r->outputs[0].size = UINT64_MAX; }},
      {"an offset before the grant",
       [](Record r) {
         r->outputs[0].offset -= r->outputs[0].offset > 0 ? 1 : 0;
         r->outputs[0].size += r->outputs[0].offset == 0 ? 1 : 0;
       }},
      {"an offset behind the region",
       [](Record r) { r->outputs[0].offset = 1ULL << 40; }},
      {"an offset that wraps", [](Record r) { r->outputs[0].offset = UINT64_MAX - 1; }},
  };
}

TEST(Finish, ALieFailsItsBatchAndNothingElse) {
  for (const Lie& lie : Lies()) {
    SCOPED_TRACE(lie.what);
    Bench bench;
    bench.worker().spoil = lie.spoil;
    EXPECT_TRUE(bench.Send("a", "aaa").ok());
    bench.RunAll();
    EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
    EXPECT_EQ(bench.sink.Said("a").rfind("model 'm' version 1 returned an", 0), 0u)
        << bench.sink.Said("a");
    bench.worker().spoil = nullptr;
    EXPECT_TRUE(bench.Send("b", "bbb").ok());
    bench.RunAll();
    EXPECT_EQ(bench.sink.Said("b"), "bbb");
    bench.ExpectIdle();
  }
}

TEST(Finish, TextsThatAreNotWellFormedFailTheirBatch) {
  Bench bench({.tensors = {Spec(DType::kBytes, {1})}});
  FakeWorker& worker = bench.worker();
  worker.spoil = [&](shm::Completion* record) {
    worker.port.outputs()[record->outputs[0].offset + 3] = 0x7F;
  };
  EXPECT_TRUE(bench.SendText("a", "text").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
  bench.ExpectIdle();
}

TEST(Finish, AnUnknownCodeIsInternal) {
  Bench bench;
  bench.worker().spoil = [](shm::Completion* record) {
    record->code = 4711;
    record->message.fill('m');
  };
  EXPECT_TRUE(bench.Send("a", "1").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
}

// Lies that no honest worker could tell: it is ended, and its batch runs elsewhere.
void ExpectBroken(Bench* bench, const char* reason) {
  EXPECT_TRUE(bench->Send("a", "1").ok());
  bench->Pump();
  ASSERT_EQ(bench->worker(0).RunOne(), 1u);
  bench->Collect();
  ASSERT_EQ(bench->sink.broken.size(), 1u);
  EXPECT_EQ(bench->sink.reasons[0], reason);
  EXPECT_TRUE(bench->sink.broken[0]->broken);
  EXPECT_EQ(bench->sink.ends.size(), 0u);
  EXPECT_TRUE(bench->Send("b", "2").ok());
  bench->AddWorker();
  bench->Pump();
  EXPECT_EQ(bench->worker(0).link->batches.size(), 1u) << "it is offered no more";
  bench->Kill(0);
  bench->RunAll();
  EXPECT_EQ(bench->sink.Said("a"), "1");
  EXPECT_EQ(bench->sink.Said("b"), "2");
  EXPECT_EQ(bench->sink.broken.size(), 1u);
  bench->ExpectIdle();
}

TEST(Finish, AWorkerThatCompletesWhatItDoesNotHaveIsBroken) {
  Bench bench;
  bench.worker().spoil = [](shm::Completion* record) { record->seq += 5; };
  ExpectBroken(&bench, "it completed a batch that it did not have");
}

TEST(Finish, AWorkerThatAnnouncesARegionAndSendsNoneIsBroken) {
  Bench bench;
  bench.worker().spoil = [](shm::Completion* record) { record->has_own_region = 1; };
  ExpectBroken(&bench,
               "it announced a region of outputs and sent none that can be used");
}

TEST(Finish, AWorkerThatClaimsTooManyOutputsIsBroken) {
  Bench bench;
  bench.worker().spoil = [](shm::Completion* record) { record->output_count = 129; };
  ExpectBroken(&bench, "it completed a batch that it did not have");
}

}  // namespace
}  // namespace leeboard::batch
