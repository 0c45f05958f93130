// Runs to the end: what is counted, and when each kind of run ends.

#include "load/generator.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <thread>

#include "load/generator_runs.h"

namespace leeboard::load {
namespace {

TEST(GeneratorTest, AClosedLoopKeepsSoManyInFlightAndNeverMore) {
  ScriptedServer server(Always({.delay = 5 * kMs}));
  LoadOptions options = OptionsFor(server.port());
  options.in_flight = 7;
  options.connections = 3;
  const auto generator = Finished(options);
  EXPECT_EQ(server.log().most_open, 7u);
  EXPECT_EQ(server.log().connections, 3u);
  EXPECT_GT(generator->tally().ok(), 0u);
  EXPECT_EQ(generator->tally().ok(), Counts(*generator)["requests"]);
  EXPECT_EQ(generator->ended(), End::kTime);
  EXPECT_EQ(generator->measured(), options.duration);
}

TEST(GeneratorTest, AClosedLoopWithOneInFlightAsksOneAfterTheOther) {
  ScriptedServer server(Always({}));
  Finished(CountOf(server.port(), 50));
  LoadOptions options = CountOf(server.port(), 50);
  options.in_flight = 1;
  Finished(options);
  const ServerLog log = server.log();
  for (std::size_t i = log.asked.size() - 49; i < log.asked.size(); ++i) {
    EXPECT_GE(log.asked[i].came, log.answered[i - 1]);
  }
}

TEST(GeneratorTest, AnOpenLoopSendsEveryRequestThatIsDueOnce) {
  ScriptedServer server(Always({.delay = 2 * kMs}));
  for (const Profile profile : {Profile::kPacked, Profile::kOrdinary}) {
    const std::size_t before = server.log().asked.size();
    LoadOptions options = OpenLoop(server.port(), 500.0);
    options.connections = 2;
    options.profile = profile;
    const auto generator = Finished(options);
    EXPECT_EQ(generator->tally().ok(), 100u);
    EXPECT_EQ(server.log().asked.size() - before, 100u);
  }
}

TEST(GeneratorTest, AnOpenLoopDoesNotWaitForAnswers) {
  ScriptedServer server(Always({.delay = 200 * kMs}));
  LoadOptions options = OpenLoop(server.port(), 400.0);
  options.duration = 100 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(server.log().most_open, 40u);
  EXPECT_EQ(generator->tally().ok(), 40u);
  EXPECT_EQ(generator->tally().held_back(), 0u);
}

TEST(GeneratorTest, LatencyIsNeverBelowWhatTheServerTook) {
  ScriptedServer server(Always({.delay = 20 * kMs}));
  const auto generator = Finished(OpenLoop(server.port(), 200.0));
  EXPECT_GE(generator->tally().latency().min(), 20 * kMs);
}

TEST(GeneratorTest, AStallIsChargedToEveryRequestThatItDelayed) {
  std::optional<Nanos> first;
  ScriptedServer server([&first](const Asked& asked) -> Act {
    first = first.value_or(asked.came);
    const Nanos stalls_until = *first + 600 * kMs;
    const bool is_stalled = asked.came > *first + 200 * kMs;
    return {.delay = is_stalled ? std::max<Nanos>(stalls_until - asked.came, 0) : 0};
  });
  LoadOptions options = OpenLoop(server.port(), 500.0);
  options.duration = 800 * kMs;
  const auto generator = Finished(options);
  // Half of the requests came within the stall and waited 400 ms to 0.
  const LogHistogram& latency = generator->tally().latency();
  EXPECT_NEAR(static_cast<double>(latency.max()), 400.0 * kMs, 80.0 * kMs);
  EXPECT_NEAR(latency.Quantile(0.75), 200.0 * kMs, 80.0 * kMs);
  EXPECT_EQ(latency.count(), 400u);
}

TEST(GeneratorTest, WhenInFlightIsUsedUpTheRestIsHeldBackAndStillCharged) {
  ScriptedServer server(Always({.delay = 20 * kMs}));
  LoadOptions options = OpenLoop(server.port(), 400.0);
  options.in_flight = 2;
  options.duration = 100 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(server.log().most_open, 2u);
  EXPECT_GE(generator->tally().held_back(), 30u);
  // 40 requests, two every 20 ms: the last waits for about 300 ms.
  EXPECT_GE(generator->tally().latency().max(), 250 * kMs);
}

TEST(GeneratorTest, WhatCannotLeaveInTimeIsUnsent) {
  ScriptedServer server(Always({.delay = 250 * kMs}));
  LoadOptions options = OpenLoop(server.port(), 1000.0);
  options.in_flight = 2;
  options.duration = 100 * kMs;
  options.backlog_grace = 50 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(Counts(*generator)["requests"], 100u);
  EXPECT_GE(generator->tally().unsent(), 80u);
  EXPECT_EQ(generator->tally().ok() + generator->tally().unsent(), 100u);
}

TEST(GeneratorTest, ARateThatNobodyCanSendEndsWithPartialResults) {
  ScriptedServer server(Always({}));
  for (const bool poisson : {false, true}) {
    LoadOptions options = OpenLoop(server.port(), 1e9);
    options.in_flight = 16;
    options.duration = 50 * kMs;
    options.poisson = poisson;
    options.timeout = 1 * kSecond;
    Generator generator(options, {"ask"}, {});
    ASSERT_TRUE(generator.Start().ok());
    while (generator.phase() != Phase::kDraining && !generator.Wait(5 * kMs)) {
    }
    generator.Stop();
    ASSERT_TRUE(generator.Wait(kPatience));
    ExpectBalanced(generator, options);
    EXPECT_NEAR(static_cast<double>(Counts(generator)["requests"]), 5e7, 1e5);
    EXPECT_GT(generator.tally().unsent(), 0u);
  }
}

TEST(GeneratorTest, ACountEndsAfterExactlySoManyAnswers) {
  ScriptedServer server(Always({.delay = kMs}));
  for (const double rate : {0.0, 2000.0}) {
    LoadOptions options = CountOf(server.port(), 100);
    options.rate = rate;
    options.warmup_requests = 20;
    const auto generator = Finished(options);
    EXPECT_EQ(generator->ended(), End::kCount);
    EXPECT_EQ(Counts(*generator)["answered"], 100u);
    EXPECT_GE(generator->tally().totals().answered.get(), 120u);
    // An open loop also sends what else was due before the end.
    const std::uint64_t most = rate > 0 ? UINT64_MAX : 120u + 2 * options.in_flight;
    EXPECT_LE(generator->tally().totals().answered.get(), most);
  }
}

TEST(GeneratorTest, TheWarmUpIsApart) {
  ScriptedServer server([](const Asked& asked) {
    return asked.number < 10 ? Failure(kStatusInternal, "cold") : Act{};
  });
  LoadOptions options = OpenLoop(server.port(), 200.0);
  options.warmup = 100 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(generator->tally().totals().failed.get(), 10u);
  EXPECT_TRUE(ErrorsOf(generator->tally()).empty());
  EXPECT_EQ(generator->tally().ok(), 40u);
  EXPECT_EQ(WordsOf(generator->tally()).at(kStatusInternal), "cold");
}

TEST(GeneratorTest, MessagesAreSentInTurn) {
  ScriptedServer server(Always({}));
  LoadOptions options = CountOf(server.port(), 30);
  options.in_flight = 1;
  Finished(options, {"a", "bb", std::string(40'000, 'c')});
  const ServerLog log = server.log();
  for (const Asked& asked : log.asked) {
    const std::size_t sizes[] = {1, 2, 40'000};
    EXPECT_EQ(asked.body.size(), 5 + sizes[asked.number % 3]);
    EXPECT_EQ(asked.body.substr(0, 5),
              http2::Prefix(static_cast<std::uint32_t>(asked.body.size() - 5)));
  }
}

TEST(GeneratorTest, TheHeadersAreThoseOfAGrpcCall) {
  ScriptedServer server(Always({}));
  LoadOptions options = CountOf(server.port(), 1);
  options.headers = {{"authorization", "Bearer x"}};
  options.tells_deadline = true;
  Finished(options);
  auto headers = server.log().asked.front().headers;
  EXPECT_EQ(headers[":method"], "POST");
  EXPECT_EQ(headers[":path"], options.method);
  EXPECT_EQ(headers[":authority"], "test");
  EXPECT_EQ(headers["te"], "trailers");
  EXPECT_EQ(headers["content-type"], "application/grpc");
  EXPECT_EQ(headers["grpc-timeout"], "5000m");
  EXPECT_EQ(headers["authorization"], "Bearer x");
}

TEST(GeneratorTest, MoreConnectionsThanInFlightTakeTurns) {
  ScriptedServer server(Always({}));
  LoadOptions options = CountOf(server.port(), 60);
  options.connections = 6;
  options.in_flight = 1;
  Finished(options);
  std::map<std::uint64_t, int> asked;
  for (const Asked& one : server.log().asked) {
    ++asked[one.connection];
  }
  for (const auto& [connection, count] : asked) {
    EXPECT_NEAR(count, 10, 1) << connection;
  }
  EXPECT_EQ(asked.size(), 6u);
}

TEST(GeneratorTest, HundredsOfStreamsShareOneConnection) {
  ScriptedServer server(Always({.delay = 50 * kMs}));
  LoadOptions options = CountOf(server.port(), 1200);
  options.in_flight = 600;
  Finished(options);
  EXPECT_EQ(server.log().most_open, 600u);
  EXPECT_EQ(server.log().connections, 1u);
}

TEST(GeneratorTest, TheSeriesCoversTheMeasuredSeconds) {
  ScriptedServer server(Always({}));
  LoadOptions options = OpenLoop(server.port(), 100.0);
  options.duration = 1'100 * kMs;
  const auto generator = Finished(options);
  std::uint64_t ok = 0;
  for (const Second& second : generator->tally().series()) {
    EXPECT_EQ(second.second, &second - generator->tally().series().data());
    ok += second.ok;
  }
  EXPECT_EQ(ok, 110u);
}

TEST(GeneratorTest, BusyShareIsSmallWhenThereIsLittleToDo) {
  ScriptedServer server(Always({.delay = 20 * kMs}));
  LoadOptions options = OptionsFor(server.port());
  options.in_flight = 1;
  const auto generator = Finished(options);
  EXPECT_GE(generator->busy_share(), 0.0);
  EXPECT_LT(generator->busy_share(), 0.5);
}

}  // namespace
}  // namespace leeboard::load
