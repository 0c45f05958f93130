// Beginning, stopping and giving up, in every phase.

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <thread>

#include "load/generator_runs.h"

namespace leeboard::load {
namespace {

// Waits until the generator is in `phase` or past it.
void Reach(Generator* generator, Phase phase) {
  const Nanos until = MonotonicNow() + kPatience;
  while (generator->phase() < phase && MonotonicNow() < until) {
    generator->Wait(kMs);
  }
  ASSERT_GE(generator->phase(), phase);
}

LoadOptions Endless(std::uint16_t port) {
  LoadOptions options = OptionsFor(port);
  options.duration = 3'600 * kSecond;
  return options;
}

std::string WordsOfStart(const LoadOptions& options) {
  Generator generator(options, {"ask"}, {});
  const Status status = generator.Start();
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(generator.phase(), Phase::kOver);
  EXPECT_TRUE(generator.Wait(0));
  EXPECT_EQ(Counts(generator)["requests"], 0u);
  return status.message();
}

TEST(PhasesTest, ARefusedConnectionIsSaidAtOnce) {
  ScriptedServer server(Always({}));
  server.Die();
  const Nanos before = MonotonicNow();
  while (WordsOfStart(OptionsFor(server.port())) != "Connection refused") {
    ASSERT_LT(MonotonicNow() - before, kPatience);
  }
  LoadOptions options = OptionsFor(server.port());
  options.connections = 9;
  EXPECT_EQ(WordsOfStart(options), "Connection refused");
}

TEST(PhasesTest, AServerThatAcceptsAndStaysSilentIsWaitedForAsLongAsAllowed) {
  ScriptedServer server(Always({}), {.is_silent = true});
  LoadOptions options = OptionsFor(server.port());
  options.connect_timeout = 80 * kMs;
  options.connections = 2;
  const Nanos before = MonotonicNow();
  EXPECT_EQ(WordsOfStart(options),
            "it did not answer in time (connections made: 0 of 2)");
  EXPECT_GE(MonotonicNow() - before, 80 * kMs);
}

TEST(PhasesTest, AServerOfAnotherProtocolIsSaidToBeOne) {
  ScriptedServer server(Always({}), {.greeting = "HTTP/1.1 400 Bad Request\r\n\r\n"});
  EXPECT_EQ(WordsOfStart(OptionsFor(server.port())),
            "the server does not speak HTTP/2");
}

TEST(PhasesTest, AServerThatTurnsEveryoneAwayIsSaidToHaveLeft) {
  ScriptedServer server(Always({}), {.turns_away = true});
  EXPECT_EQ(WordsOfStart(OptionsFor(server.port())), "the server said goodbye");
}

TEST(PhasesTest, WhatIsNoAddressIsRefused) {
  LoadOptions options = OptionsFor(1);
  options.host = "localhost.invalid";
  EXPECT_EQ(WordsOfStart(options), "localhost.invalid is no address");
}

TEST(PhasesTest, NothingToSendOrNothingToSendItByIsRefused) {
  ScriptedServer server(Always({}));
  LoadOptions options = OptionsFor(server.port());
  EXPECT_FALSE(Generator(options, {}, {}).Start().ok());
  EXPECT_FALSE(Generator(options, {"a", "b"}, {Golden{}}).Start().ok());
  options.in_flight = 0;
  EXPECT_FALSE(Generator(options, {"ask"}, {}).Start().ok());
  options.in_flight = 1;
  options.connections = 0;
  EXPECT_FALSE(Generator(options, {"ask"}, {}).Start().ok());
}

TEST(PhasesTest, AGeneratorStartsOnce) {
  ScriptedServer server(Always({}));
  Generator generator(Endless(server.port()), {"ask"}, {});
  ASSERT_TRUE(generator.Start().ok());
  EXPECT_FALSE(generator.Start().ok());
}

TEST(PhasesTest, StopEndsTheWaitForAConnection) {
  ScriptedServer server(Always({}), {.is_silent = true});
  LoadOptions options = OptionsFor(server.port());
  options.connect_timeout = kPatience;
  Generator generator(options, {"ask"}, {});
  std::thread stopper([&] {
    server.Saw([](const ServerLog& log) { return log.connections == 1; });
    generator.Stop();
  });
  const Nanos before = MonotonicNow();
  EXPECT_EQ(generator.Start().message(), "it was stopped before it was connected");
  EXPECT_LT(MonotonicNow() - before, kPatience / 2);
  stopper.join();
}

TEST(PhasesTest, StopKeepsWhatWasMeasured) {
  for (const double rate : {0.0, 500.0}) {
    ScriptedServer server(Always({.delay = kMs}));
    LoadOptions options = Endless(server.port());
    options.rate = rate;
    options.in_flight = rate > 0 ? 1000 : 4;
    options.warmup = 50 * kMs;
    Generator generator(options, {"ask"}, {});
    ASSERT_TRUE(generator.Start().ok());
    Reach(&generator, Phase::kMeasuring);
    const std::size_t before = server.log().asked.size();
    ASSERT_TRUE(server.Saw(
        [before](const ServerLog& log) { return log.asked.size() > before + 100; }));
    generator.Stop();
    ASSERT_TRUE(generator.Wait(kPatience));
    ExpectBalanced(generator, options);
    EXPECT_EQ(generator.ended(), End::kStopped);
    EXPECT_GT(generator.tally().ok(), 0u);
    EXPECT_GT(generator.measured(), 0);
    const auto errors = ErrorsOf(generator.tally());
    EXPECT_LE(errors.size(), errors.count(kStatusCancelled));
  }
}

TEST(PhasesTest, StopInTheWarmUpMeasuresNothing) {
  ScriptedServer server(Always({}));
  LoadOptions options = Endless(server.port());
  options.warmup = 3'600 * kSecond;
  Generator generator(options, {"ask"}, {});
  ASSERT_TRUE(generator.Start().ok());
  Reach(&generator, Phase::kWarmup);
  ASSERT_TRUE(server.Saw([](const ServerLog& log) { return log.asked.size() > 10; }));
  generator.Stop();
  ASSERT_TRUE(generator.Wait(kPatience));
  ExpectBalanced(generator, options);
  EXPECT_EQ(generator.ended(), End::kStopped);
  EXPECT_EQ(generator.measured(), 0);
  EXPECT_EQ(Counts(generator)["requests"], 0u);
  EXPECT_EQ(generator.busy_share(), 0.0);
}

TEST(PhasesTest, StopEndsTheWaitForTheLastAnswers) {
  ScriptedServer server(Always({.kind = Act::Kind::kSilent}));
  LoadOptions options = OptionsFor(server.port());
  options.timeout = kPatience;
  options.duration = 20 * kMs;
  Generator generator(options, {"ask"}, {});
  ASSERT_TRUE(generator.Start().ok());
  Reach(&generator, Phase::kDraining);
  generator.Stop();
  ASSERT_TRUE(generator.Wait(kPatience / 2));
  ExpectBalanced(generator, options);
  EXPECT_EQ(generator.ended(), End::kTime);
  EXPECT_EQ(generator.tally().errors(kStatusCancelled), 4u);
}

TEST(PhasesTest, AGeneratorMayBeDestroyedAtAnyMoment) {
  ScriptedServer server(Always({.delay = 5 * kMs}));
  for (const Phase phase : {Phase::kConnecting, Phase::kWarmup, Phase::kMeasuring}) {
    LoadOptions options = OpenLoop(server.port(), 500.0);
    options.connections = 3;
    options.warmup = phase == Phase::kWarmup ? kPatience : 10 * kMs;
    options.duration = kPatience;
    Generator generator(options, {"ask"}, {});
    ASSERT_TRUE(generator.Start().ok());
    Reach(&generator, phase);
  }
  const Generator never(OptionsFor(server.port()), {"ask"}, {});
  EXPECT_EQ(never.phase(), Phase::kConnecting);
}

TEST(PhasesTest, AServerThatStaysAwayEndsTheRunAndLeavesWhatWasMeasured) {
  for (const double rate : {0.0, 500.0}) {
    ScriptedServer server(Always({.delay = kMs}));
    LoadOptions options = Endless(server.port());
    options.rate = rate;
    options.give_up = 300 * kMs;
    options.connections = 2;
    Generator generator(options, {"ask"}, {});
    ASSERT_TRUE(generator.Start().ok());
    ASSERT_TRUE(server.Saw([](const ServerLog& log) { return log.asked.size() > 50; }));
    server.Die();
    ASSERT_TRUE(generator.Wait(kPatience));
    ExpectBalanced(generator, options);
    EXPECT_EQ(generator.ended(), End::kLost);
    EXPECT_GT(generator.tally().ok(), 0u);
    EXPECT_EQ(generator.connections_lost(), 2u);
    // An open loop goes on failing what is due; a closed one has nothing to send by.
    EXPECT_GE(generator.tally().errors(kStatusUnavailable), rate > 0 ? 50u : 1u);
  }
}

TEST(PhasesTest, AServerThatComesBackInTimeIsAskedAgain) {
  ScriptedServer server(Always({.delay = kMs}));
  LoadOptions options = Endless(server.port());
  options.rate = 300.0;
  Generator generator(options, {"ask"}, {});
  ASSERT_TRUE(generator.Start().ok());
  ASSERT_TRUE(server.Saw([](const ServerLog& log) { return log.asked.size() > 30; }));
  server.Die();
  while (generator.tally().totals().failed.get() < 10 && !generator.Wait(kMs)) {
  }
  const std::size_t before = server.log().asked.size();
  server.Revive();
  EXPECT_TRUE(server.Saw(
      [before](const ServerLog& log) { return log.asked.size() > before + 30; }));
  generator.Stop();
  ASSERT_TRUE(generator.Wait(kPatience));
  ExpectBalanced(generator, options);
  EXPECT_EQ(generator.connections_lost(), 1u);
  EXPECT_EQ(generator.ended(), End::kStopped);
}

TEST(PhasesTest, ACountAgainstAServerThatDiesEndsToo) {
  for (const double rate : {0.0, 2'000.0}) {
    ScriptedServer server(Always({}));
    LoadOptions options = CountOf(server.port(), 1'000'000);
    options.rate = rate;
    options.give_up = 200 * kMs;
    Generator generator(options, {"ask"}, {});
    ASSERT_TRUE(generator.Start().ok());
    ASSERT_TRUE(server.Saw([](const ServerLog& log) { return log.asked.size() > 9; }));
    server.Die();
    ASSERT_TRUE(generator.Wait(kPatience));
    EXPECT_EQ(generator.ended(), End::kLost);
    ExpectBalanced(generator, options);
  }
}

TEST(PhasesTest, FailuresWithoutAConnectionCountTowardsACount) {
  ScriptedServer server(Always({}));
  LoadOptions options = CountOf(server.port(), 200);
  options.rate = 1'000.0;
  Generator generator(options, {"ask"}, {});
  ASSERT_TRUE(generator.Start().ok());
  server.Die();
  ASSERT_TRUE(generator.Wait(kPatience));
  ExpectBalanced(generator, options);
  EXPECT_EQ(generator.ended(), End::kCount);
}

TEST(PhasesTest, AServerThatTakesNoStreamAtAllIsAsGoodAsGone) {
  ScriptedServer server(Always({}), {.max_streams = 0});
  LoadOptions options = CountOf(server.port(), 10);
  options.give_up = 100 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(generator->ended(), End::kLost);
}

TEST(PhasesTest, TimesWithoutABoundDoNotOverflow) {
  ScriptedServer server(Always({}));
  LoadOptions options = OptionsFor(server.port());
  for (Nanos* time : {&options.duration, &options.timeout, &options.connect_timeout,
                      &options.backlog_grace, &options.give_up}) {
    *time = kNever;
  }
  Generator generator(options, {"ask"}, {});
  ASSERT_TRUE(generator.Start().ok());
  Reach(&generator, Phase::kMeasuring);
  generator.Stop();
  EXPECT_TRUE(generator.Wait(kNever));
}

}  // namespace
}  // namespace leeboard::load
