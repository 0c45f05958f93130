// Requests of decoupled models: any number of responses, and then an end.

#include <gtest/gtest.h>

#include <thread>

#include "deaths.h"
#include "responding.h"

namespace leeboard::batch {
namespace {

using Texts = std::vector<std::string>;

TEST(Responses, EachIsShownAndThenTheEnd) {
  Asked bench;
  bench.Give("one");
  EXPECT_EQ(bench.Parts(), Texts({"one"}));
  EXPECT_EQ(bench.sink.ends.size(), 0u);
  EXPECT_EQ(RoomOf(bench.worker()), Room::kFree);
  bench.Give("three");
  bench.GiveEnd();
  EXPECT_EQ(bench.Parts(), Texts({"one", "three"}));
  EXPECT_EQ(bench.sink.ends["a"].times, 1);
  EXPECT_TRUE(bench.sink.ends["a"].status.ok());
  EXPECT_EQ(bench.counters().responses.get(), 2u);
  EXPECT_EQ(bench.counters().requests_ok.get(), 1u);
  EXPECT_EQ(bench.counters().batches.get(), 1u);
  bench.ExpectIdle();
}

TEST(Responses, ThereMayBeNone) {
  Asked bench;
  bench.GiveEnd();
  EXPECT_EQ(bench.Parts(), Texts());
  EXPECT_EQ(bench.sink.ends["a"].times, 1);
  bench.ExpectIdle();
}

TEST(Responses, AnyNumberOfRows) {
  for (const std::uint32_t max_batch_size : {0U, 4U}) {
    Asked bench({.max_batch_size = max_batch_size});
    bench.Give("abcdef", max_batch_size == 0 ? 1 : 3);
    bench.Give("", max_batch_size == 0 ? 1 : 0);
    bench.GiveEnd();
    EXPECT_EQ(bench.Parts(), Texts({"abcdef", ""}));
    bench.ExpectIdle();
  }
}

TEST(Responses, ABatchIsOneRequest) {
  Bench bench({.max_batch_size = 8, .decoupled = true});
  for (const char* id : {"one", "two", "six"}) {
    EXPECT_TRUE(bench.Send(id, 2, {{{3}, std::string(id) + id}}).ok());
  }
  for (int i = 0; i < 3; ++i) {
    bench.Pump();
    ASSERT_TRUE(bench.worker().Take());
    const SeenBatch seen = bench.worker().Look();
    EXPECT_EQ(seen.rows, 2u);
    Respond(bench.worker(), seen.inputs[0][0]);
    EndResponses(bench.worker());
    bench.Collect();
  }
  EXPECT_EQ(bench.sink.parts["two"], Texts({"two"}));
  EXPECT_EQ(bench.sink.parts["six"], Texts({"six"}));
  bench.ExpectIdle();
}

TEST(Responses, TheNextMayBeWrittenOnlyWhenTheLastWasSeen) {
  Asked bench;
  EXPECT_EQ(RoomOf(bench.worker()), Room::kFree);
  Respond(bench.worker(), "one");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kNotYet);
  bench.Collect();
  EXPECT_EQ(RoomOf(bench.worker()), Room::kFree);
}

TEST(Responses, TheSinkMayWantNoMoreForNow) {
  Asked bench;
  bench.sink.on_part = [](Request*) { return false; };
  bench.Give("one");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kNotYet);
  bench.queue->TakeMore(bench.sink.waiting.at("a"));
  EXPECT_EQ(RoomOf(bench.worker()), Room::kFree);
  bench.queue->TakeMore(bench.sink.waiting.at("a"));  // Once too often.
  bench.Give("two");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kNotYet);
  bench.GiveEnd();  // It brings no data, so nobody has to ask for it.
  EXPECT_EQ(bench.sink.ends["a"].times, 1);
  EXPECT_EQ(bench.Parts(), Texts({"one", "two"}));
  bench.ExpectIdle();
}

TEST(Responses, TheSinkMayWantMoreBeforeItSaysNo) {
  Asked bench;
  bench.sink.on_part = [&](Request* request) {
    bench.queue->TakeMore(request);
    EXPECT_EQ(RoomOf(bench.worker()), Room::kNotYet) << "it is being read";
    return false;
  };
  bench.Give("one");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kFree);
}

TEST(Responses, ASlowReadersMemoryIsNotWrittenAgain) {
  Asked bench;
  bench.sink.holds = true;
  bench.Give("one");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kNotYet);
  bench.sink.LetGo();
  EXPECT_EQ(RoomOf(bench.worker()), Room::kFree);
  bench.Give("two");
  bench.GiveEnd();
  EXPECT_EQ(bench.sink.ends["a"].times, 1);
  EXPECT_EQ(bench.counters().output_grants.get(), 1u);
  EXPECT_TRUE(bench.Send("b", "bbb").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take()) << "the worker is free for others";
  bench.Give("of b");
  ASSERT_EQ(bench.sink.held.size(), 2u);
  bench.GiveEnd();
  bench.sink.LetGo();
  bench.ExpectIdle();
}

TEST(Responses, BothTheSinkAndTheReaderHaveToAgree) {
  for (const bool sink_first : {true, false}) {
    Asked bench;
    bench.sink.holds = true;
    bench.sink.on_part = [](Request*) { return false; };
    bench.Give("one");
    sink_first ? bench.queue->TakeMore(bench.sink.waiting.at("a")) : bench.sink.LetGo();
    EXPECT_EQ(RoomOf(bench.worker()), Room::kNotYet);
    sink_first ? bench.sink.LetGo() : bench.queue->TakeMore(bench.sink.waiting.at("a"));
    EXPECT_EQ(RoomOf(bench.worker()), Room::kFree);
    bench.GiveEnd();
    bench.ExpectIdle();
  }
}

TEST(Responses, LargeOnesHaveRegionsOfTheirOwn) {
  Asked bench;
  bench.sink.holds = true;
  for (int i = 0; i < 5; ++i) {
    bench.Give(std::string(300'000, static_cast<char>('a' + i)));
    EXPECT_EQ(RoomOf(bench.worker()), Room::kFree) << "nothing of it is used again";
  }
  bench.GiveEnd();
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(bench.Parts()[i], std::string(300'000, static_cast<char>('a' + i)));
    EXPECT_EQ(bench.sink.held[i]->base()[299'999], 'a' + i);
  }
  bench.Kill(0);
  EXPECT_EQ(bench.sink.held[4]->base()[0], 'e');
  bench.sink.LetGo();
  bench.ExpectIdle();
}

TEST(Responses, WhatTheyTakeIsGrantedTheNextTime) {
  Asked bench;
  const std::string large(300'000, 'l');
  bench.Give(large);
  bench.GiveEnd();
  EXPECT_TRUE(bench.Send("b", "bbb").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bool grew = true;
  bench.worker().spoil = [&](shm::Completion* r) { grew = r->has_own_region != 0; };
  bench.Give(large);
  EXPECT_FALSE(grew);
  bench.GiveEnd();
  EXPECT_EQ(bench.Parts("b"), Texts({large}));
  bench.ExpectIdle();
}

TEST(Responses, AModelsErrorMayComeAfterSome) {
  for (const Code code : {Code::kUnknown, Code::kResourceExhausted}) {
    Asked bench;
    bench.Give("one");
    bench.GiveEnd(code);
    EXPECT_EQ(bench.Parts(), Texts({"one"}));
    EXPECT_EQ(bench.sink.CodeOf("a"), code);
    EXPECT_EQ(bench.failed(Reason::kModelError), 1u);
    bench.ExpectIdle();
  }
}

TEST(Responses, WithoutMemoryARequestRunsOnceMoreBeforeItsFirst) {
  Asked bench;
  bench.GiveEnd(Code::kResourceExhausted);
  ASSERT_TRUE(bench.worker().Take());
  bench.Give("one");
  bench.GiveEnd();
  EXPECT_EQ(bench.Parts(), Texts({"one"}));
  EXPECT_EQ(bench.counters().reruns.get(), 1u);
  bench.ExpectIdle();
}

TEST(Responses, OneThatIsNotTheModelsFailsTheRequestAndStopsTheWorker) {
  Asked bench;
  bench.Give("one");
  bench.worker().spoil = [](shm::Completion* record) { ++record->outputs[0].size; };
  bench.Give("two");
  bench.worker().spoil = nullptr;
  EXPECT_EQ(bench.sink.CodeOf("a"), Code::kInternal);
  EXPECT_EQ(bench.sink.Said("a"),
            "model 'm' version 1 returned an output whose size does not fit its shape");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kCancelled);
  bench.GiveEnd();
  EXPECT_EQ(bench.sink.ends["a"].times, 1);
  EXPECT_TRUE(bench.sink.broken.empty());
  bench.ExpectIdle();
}

TEST(Responses, AWorkerWhoseRequestIsForgottenIsTold) {
  Asked bench;
  bench.Give("one");
  bench.Cancel("a");
  EXPECT_TRUE(bench.queue->needs_pump());
  EXPECT_EQ(RoomOf(bench.worker()), Room::kCancelled);
  bench.Give("crossed the word");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kCancelled);
  bench.GiveEnd();
  EXPECT_EQ(bench.Parts(), Texts({"one"}));
  EXPECT_EQ(bench.sink.ends.size(), 0u);
  EXPECT_TRUE(bench.Send("b", "bbb").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(RoomOf(bench.worker()), Room::kFree) << "b is not meant";
  bench.Give("of b");
  bench.GiveEnd();
  EXPECT_EQ(bench.Parts("b"), Texts({"of b"}));
  bench.ExpectIdle();
}

TEST(Responses, ARequestMayBeForgottenWhileItsResponseIsShown) {
  Asked bench;
  bench.sink.on_part = [&](Request*) {
    bench.Cancel("a");
    return true;
  };
  bench.Give("one");
  EXPECT_EQ(RoomOf(bench.worker()), Room::kCancelled);
  bench.GiveEnd(Code::kUnknown);
  EXPECT_EQ(bench.sink.ends.size(), 0u);
  bench.ExpectIdle();
}

TEST(Responses, AClaimThatNobodyKnewOfIsCancelledToo) {
  Bench bench({.decoupled = true});
  EXPECT_TRUE(bench.Send("a", "aaa").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Cancel("a");  // As far as the queue knows, it is only offered.
  bench.Pump();
  EXPECT_EQ(RoomOf(bench.worker()), Room::kCancelled);
  EndResponses(bench.worker());
  bench.Collect();
  bench.ExpectIdle();
}

TEST(Responses, TheWordIsForTheBatchThatRuns) {
  Asked bench;
  EXPECT_TRUE(bench.Send("b", "bbb").ok());
  bench.Pump();
  EndResponses(bench.worker());
  ASSERT_TRUE(bench.worker().Take());
  Respond(bench.worker(), "of b");
  // Nobody has looked: the queue takes a for running.
  bench.Cancel("a");
  bench.Pump();
  EXPECT_EQ(RoomOf(bench.worker()), Room::kNotYet);
  bench.Cancel("b");
  bench.Pump();
  EXPECT_EQ(RoomOf(bench.worker()), Room::kCancelled);
  bench.Collect();
  EXPECT_EQ(RoomOf(bench.worker()), Room::kCancelled);
  bench.GiveEnd();
  bench.ExpectIdle();
}

TEST(Responses, AFastWorkerIsLookedAtForAWhileOnly) {
  Asked bench;
  int given = 0;
  bench.sink.on_part = [&](Request* request) {
    // It answers again before the queue has looked away.
    bench.queue->TakeMore(request);
    ++given;
    return true;
  };
  Respond(bench.worker(), "first");
  std::thread thread([&] {
    for (int i = 0; i < 200; ++i) {
      while (RoomOf(bench.worker(), 100) != Room::kFree) {
      }
      Respond(bench.worker(), "next");
    }
  });
  while (given < 201) {
    const int before = given;
    bench.Collect();
    EXPECT_LE(given - before, 16);
  }
  thread.join();
  bench.GiveEnd();
  bench.ExpectIdle();
}

TEST(Responses, TenThousandSmallOnesOfARealThread) {
  constexpr int kMany = 10'000;
  Bench bench({.decoupled = true});
  bench.now = MonotonicNow();
  EXPECT_TRUE(bench.Send("a", "aaa").ok());
  bench.Pump();
  std::thread thread([&] {
    FakeWorker& worker = bench.worker();
    while (!worker.Take(100)) {
    }
    for (int i = 0; i < kMany; ++i) {
      while (RoomOf(worker, 100) != Room::kFree) {
      }
      Respond(worker, std::to_string(i));
    }
    EndResponses(worker);
  });
  while (bench.sink.ends.empty()) {
    bench.Collect();
    bench.Pump();
    std::this_thread::yield();
  }
  thread.join();
  const Texts& parts = bench.sink.parts["a"];
  ASSERT_EQ(parts.size(), static_cast<std::size_t>(kMany));
  for (int i = 0; i < kMany; ++i) {
    ASSERT_EQ(parts[i], std::to_string(i));
  }
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
