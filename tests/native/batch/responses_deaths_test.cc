// Workers of decoupled models that die, hang or break the rules between responses.

#include <gtest/gtest.h>

#include "deaths.h"
#include "responding.h"

namespace leeboard::batch {
namespace {

constexpr Nanos kMs = 1'000'000;

using Texts = std::vector<std::string>;

void WatchFor(Bench& bench, Nanos time) {
  for (const Nanos end = bench.now + time; bench.now < end;) {
    bench.now += 100 * kMs;
    bench.queue->Watch(bench.now);
    bench.Pump();
  }
}

TEST(ResponsesDeaths, BeforeTheFirstResponseTheRequestRunsAgain) {
  Asked bench;
  bench.Kill(0);
  bench.AddWorker();
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Give("one");
  bench.GiveEnd();
  EXPECT_EQ(bench.sink.parts["a"], Texts({"one"}));
  EXPECT_EQ(bench.counters().reruns.get(), 1u);
  bench.ExpectIdle();
}

TEST(ResponsesDeaths, AfterItTheRequestFails) {
  for (const Death death : {Death::kKilled, Death::kCrashed, Death::kHung}) {
    Asked bench;
    bench.Give("one");
    Respond(bench.worker(), "nobody has seen it yet");
    End(bench, death);
    EXPECT_EQ(bench.sink.parts["a"], Texts({"one", "nobody has seen it yet"}));
    EXPECT_EQ(bench.sink.CodeOf("a"), Code::kUnavailable);
    EXPECT_EQ(bench.sink.Said("a"),
              "model 'm' version 1: the worker ended in the middle of the responses");
    EXPECT_EQ(bench.failed(Reason::kWorkerLost), 1u);
    bench.AddWorker();
    bench.RunAll();
    EXPECT_EQ(bench.worker().batches, 0u);
    bench.ExpectIdle();
  }
}

TEST(ResponsesDeaths, AnEndThatWasPublishedBeforeItCounts) {
  Asked bench;
  Respond(bench.worker(), "one");
  bench.Collect();
  EndResponses(bench.worker());
  bench.Kill(0);
  EXPECT_TRUE(bench.sink.ends["a"].status.ok());
  bench.ExpectIdle();
}

TEST(ResponsesDeaths, WhatSlowReadersHoldOutlivesTheWorker) {
  Asked bench;
  bench.sink.holds = true;
  bench.Give("one");
  bench.Kill(0);
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kUnavailable);
  ASSERT_EQ(bench.sink.held.size(), 1u);
  Outputs* held = bench.sink.held[0];
  EXPECT_EQ(
      std::string(reinterpret_cast<const char*>(held->base()) + held->offset(), 3),
      "one");
  bench.sink.LetGo();
  EXPECT_TRUE(bench.queue->IsUnused());
}

TEST(ResponsesDeaths, ACancelledBatchsWorkerMayDie) {
  for (const bool has_responded : {true, false}) {
    Asked bench;
    if (has_responded) {
      bench.Give("one");
    }
    bench.Cancel("a");
    bench.Kill(0);
    EXPECT_EQ(bench.sink.ends.size(), 0u);
    EXPECT_EQ(bench.counters().reruns.get(), 0u);
    bench.ExpectIdle();
  }
}

TEST(ResponsesDeaths, TwoCrashesBeforeTheFirstResponseMakeARequestGuilty) {
  Asked bench;
  Crash(bench);
  bench.AddWorker();
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  Crash(bench);
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
  EXPECT_EQ(bench.counters().guilty.get(), 1u);
  EXPECT_EQ(bench.Send("again", "aaa").code(), Code::kInternal);
}

TEST(ResponsesDeaths, ASuspectThatRespondsAndCrashesIsGuilty) {
  Asked bench;
  Crash(bench);
  bench.AddWorker();
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Give("one");
  Crash(bench);
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
  EXPECT_EQ(bench.counters().guilty.get(), 1u);
  EXPECT_EQ(bench.sink.ends["a"].times, 1);
}

// The request "a" is sent again, responded to once, and its worker dies.
void DieAgain(Bench& bench, Death death) {
  bench.AddWorker();
  ASSERT_TRUE(bench.Send("a", "aaa").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  Respond(bench.worker(), "one");
  bench.Collect();
  End(bench, death);
}

TEST(ResponsesDeaths, ARequestThatCrashesTwoWorkersAfterResponsesIsGuilty) {
  for (const Death death : {Death::kCrashed, Death::kHung, Death::kBroke}) {
    Bench bench({.decoupled = true, .workers = 0});
    DieAgain(bench, death);
    EXPECT_EQ(bench.sink.CodeOf("a"), Code::kUnavailable);
    EXPECT_EQ(bench.counters().guilty.get(), 0u);
    DieAgain(bench, death);
    EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
    EXPECT_EQ(bench.counters().guilty.get(), 1u);
    EXPECT_EQ(bench.sink.guilty_workers, std::vector<std::uint64_t>({2}));
    EXPECT_EQ(bench.Send("again", "aaa").code(), Code::kInternal);
    EXPECT_TRUE(bench.Send("b", "bbb").ok()) << "another request";
    bench.queue->FailAll(Status::Unavailable("the end"));
    bench.ExpectIdle();
  }
}

TEST(ResponsesDeaths, OneWhoseWorkersAreKilledFromOutsideIsNot) {
  Bench bench({.decoupled = true, .workers = 0});
  for (int i = 0; i < 4; ++i) {
    DieAgain(bench, Death::kKilled);
    EXPECT_EQ(bench.sink.CodeOf("a"), Code::kUnavailable);
  }
  EXPECT_EQ(bench.counters().guilty.get(), 0u);
  bench.ExpectIdle();
}

TEST(ResponsesDeaths, EveryResponseIsAMove) {
  Asked bench({.batch_timeout = 500 * kMs});
  for (int i = 0; i < 5; ++i) {
    WatchFor(bench, 400 * kMs);
    bench.Give("one");
  }
  EXPECT_TRUE(bench.sink.broken.empty());
  WatchFor(bench, 700 * kMs);
  EXPECT_EQ(bench.sink.broken.size(), 1u);
}

TEST(ResponsesDeaths, AWorkerThatIsMadeToWaitDoesNotHang) {
  for (const bool by_reader : {true, false}) {
    Asked bench({.batch_timeout = 500 * kMs});
    bench.sink.holds = by_reader;
    bench.sink.on_part = [&](Request*) { return by_reader; };
    bench.Give("one");
    WatchFor(bench, 5'000 * kMs);
    EXPECT_TRUE(bench.sink.broken.empty());
    if (by_reader) {
      bench.sink.LetGo();
    } else {
      bench.queue->TakeMore(bench.sink.waiting.at("a"));
    }
    WatchFor(bench, 700 * kMs);
    EXPECT_EQ(bench.sink.broken.size(), 1u) << "now it is its turn";
  }
}

TEST(ResponsesDeaths, AWorkerThatDoesNotHearOfACancellationIsEnded) {
  Asked bench({.batch_timeout = 500 * kMs});
  bench.sink.on_part = [](Request*) { return false; };
  bench.Give("one");
  bench.Cancel("a");
  WatchFor(bench, 700 * kMs);
  EXPECT_EQ(bench.sink.broken.size(), 1u);
  bench.Kill(0);
  bench.ExpectIdle();
}

// What no honest worker publishes: it is ended, and the request hears of that only when
// it cannot run again.
struct Offence {
  const char* what;
  bool decoupled;
  std::function<void(Bench&)> commit;
  const char* reason;
};

std::vector<Offence> Offences() {
  constexpr const char* kOther = "it published a response that its model does not give";
  constexpr const char* kUnknown = "it completed a batch that it did not have";
  return {
      {"a response of another model", false,
       [](Bench& bench) { Respond(bench.worker(), "x"); }, kOther},
      {"a response that failed", true,
       [](Bench& bench) {
         bench.worker().spoil = [](shm::Completion* record) { record->code = 2; };
         Respond(bench.worker(), "x");
       },
       kOther},
      {"two at once", true,
       [](Bench& bench) {
         Respond(bench.worker(), "x");
         Respond(bench.worker(), "x");
         bench.sink.on_part = [](Request*) { return false; };
       },
       kUnknown},
      {"an end with outputs", true,
       [](Bench& bench) {
         bench.worker().spoil = [](shm::Completion* record) { record->more = 0; };
         Respond(bench.worker(), "x");
       },
       "it ended its responses with outputs"},
      {"a response after the end", true,
       [](Bench& bench) {
         EndResponses(bench.worker());
         Respond(bench.worker(), "x");
       },
       kUnknown},
      {"a response to a batch that it has not claimed", true,
       [](Bench& bench) {
         EXPECT_TRUE(bench.Send("b", "bbb").ok());
         bench.Pump();
         bench.worker().spoil = [](shm::Completion* record) { ++record->seq; };
         Respond(bench.worker(), "x");
       },
       kUnknown},
      {"a region that it does not send", true,
       [](Bench& bench) {
         bench.worker().spoil = [](shm::Completion* r) { r->has_own_region = 1; };
         Respond(bench.worker(), "x");
       },
       kNoRegion},
  };
}

TEST(ResponsesDeaths, AWorkerThatBreaksTheRulesIsEnded) {
  for (const Offence& offence : Offences()) {
    SCOPED_TRACE(offence.what);
    Bench bench({.decoupled = offence.decoupled});
    EXPECT_TRUE(bench.Send("a", "aaa").ok());
    bench.Pump();
    ASSERT_TRUE(bench.worker().Take());
    offence.commit(bench);
    bench.Collect();
    ASSERT_EQ(bench.sink.reasons.size(), 1u);
    EXPECT_EQ(bench.sink.reasons[0], offence.reason);
    bench.Kill(0);
    bench.queue->FailAll(Status::Unavailable("the end"));
    EXPECT_EQ(bench.sink.ends["a"].times, 1);
    bench.ExpectIdle();
  }
}

}  // namespace
}  // namespace leeboard::batch
