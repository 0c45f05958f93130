// Servers that misbehave, one way at a time: everything is counted, nothing hangs.

#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "load/generator_runs.h"

namespace leeboard::load {
namespace {

using Kind = Act::Kind;

// How many of `count` requests are multiples of n, counting from 0.
std::uint64_t Multiples(std::uint64_t n, std::uint64_t count) {
  return (count + n - 1) / n;
}

Act MixedErrors(const Asked& asked) {
  if (asked.number % 7 == 0) {
    return Failure(kStatusUnavailable, "too%20busy");
  }
  if (asked.number % 11 == 0) {
    return {.status = 3, .message = "no such input"};
  }
  return {};
}

TEST(TroubleTest, AKnownMixOfErrorsIsCountedExactly) {
  for (const double rate : {0.0, 700.0}) {
    ScriptedServer server(MixedErrors);
    LoadOptions options = OptionsFor(server.port());
    options.rate = rate;
    const auto generator = Finished(options);
    const std::uint64_t all = server.log().asked.size();
    const std::uint64_t unavailable = Multiples(7, all);
    const std::uint64_t invalid = Multiples(11, all) - Multiples(77, all);
    const Totals& totals = generator->tally().totals();
    EXPECT_EQ(totals.answered.get(), all);
    EXPECT_EQ(totals.failed.get(), unavailable + invalid);
    const auto words = WordsOf(generator->tally());
    EXPECT_EQ(words.at(kStatusUnavailable), "too busy");
    EXPECT_EQ(words.at(3), "no such input");
    // Without a warm-up only what a closed loop sent at the very end is not measured.
    EXPECT_GE(Counts(*generator)["requests"] + options.in_flight, all);
  }
}

TEST(TroubleTest, AServerThatAnswersOnlyErrorsIsMeasuredToTheEnd) {
  ScriptedServer server(Always(Failure(kStatusResourceExhausted, "full")));
  LoadOptions options = CountOf(server.port(), 500);
  const auto generator = Finished(options);
  EXPECT_EQ(generator->tally().ok(), 0u);
  EXPECT_EQ(generator->tally().latency().Quantile(0.99), 0.0);
  EXPECT_GE(generator->tally().errors(kStatusResourceExhausted), 500u);
}

struct Answered {
  std::string name;
  Act act;
  int code;
};

TEST(TroubleTest, EveryBrokenAnswerIsItsCode) {
  const std::string half = http2::Prefix(100) + "half";
  const std::vector<Answered> cases = {
      {"HTTP 503", {.http_status = 503, .status = -1, .trailers_only = true}, 14},
      {"HTTP 404 page", {.http_status = 404, .status = -1, .body = "<html>"}, 12},
      {"no grpc-status", {.status = -1}, kStatusUnknown},
      {"half a message", {.body = half}, kStatusInternal},
      {"no message", {.body = ""}, kStatusInternal},
      {"compressed", {.body = http2::Framed("x", 1)}, kStatusInternal},
      {"two messages", {.body = http2::Framed("x") + http2::Framed("y")}, 13},
      {"cancelled", {.kind = Kind::kReset, .reset_code = NGHTTP2_CANCEL}, 1},
      {"no error", {.kind = Kind::kReset, .reset_code = NGHTTP2_NO_ERROR}, 2},
      {"unknown code", {.status = 99}, kStatusUnknown},
  };
  for (const Answered& one : cases) {
    ScriptedServer server(Always(one.act));
    const auto generator = Finished(CountOf(server.port(), 20));
    EXPECT_EQ(generator->tally().totals().failed.get(),
              generator->tally().totals().answered.get())
        << one.name;
    EXPECT_EQ(ErrorsOf(generator->tally()).count(one.code), 1u) << one.name;
    EXPECT_EQ(generator->connections_lost(), 0u) << one.name;
  }
}

TEST(TroubleTest, ARefusedStreamIsAskedAgainAndChargedFromTheFirstTime) {
  ScriptedServer server([](const Asked& asked) -> Act {
    if (asked.number < 10) {
      return {.kind = Kind::kReset, .delay = 100 * kMs};
    }
    return {};
  });
  LoadOptions options = OpenLoop(server.port(), 1000.0);
  options.duration = 10 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(generator->tally().ok(), 10u);
  EXPECT_EQ(generator->retried(), 10u);
  EXPECT_GE(generator->tally().latency().min(), 100 * kMs);
  EXPECT_EQ(server.log().asked.size(), 20u);
}

TEST(TroubleTest, AStreamThatIsRefusedTwiceIsUnavailable) {
  ScriptedServer server(Always({.kind = Kind::kReset}));
  const auto generator = Finished(CountOf(server.port(), 20));
  const std::uint64_t failed = generator->tally().totals().failed.get();
  EXPECT_GE(generator->tally().errors(kStatusUnavailable), 20u);
  EXPECT_EQ(server.log().asked.size(), 2 * failed);
  EXPECT_EQ(generator->retried(), failed);
}

TEST(TroubleTest, AfterGoawayTheWorkGoesOnElsewhereWithoutAFailure) {
  for (const double rate : {0.0, 1000.0}) {
    ScriptedServer server([](const Asked& asked) -> Act {
      return {.delay = 10 * kMs, .then_goaway = asked.number == 50};
    });
    LoadOptions options = OptionsFor(server.port());
    options.rate = rate;
    options.in_flight = 40;
    options.duration = 250 * kMs;
    const auto generator = Finished(options);
    EXPECT_TRUE(ErrorsOf(generator->tally()).empty());
    EXPECT_EQ(generator->tally().unsent(), 0u);
    EXPECT_EQ(generator->connections_lost(), 0u);
    EXPECT_EQ(server.log().connections, 2u);
  }
}

TEST(TroubleTest, AGoawayWhileNothingIsInFlightIsNoLoss) {
  ScriptedServer server(Always({}));
  LoadOptions options = OpenLoop(server.port(), 20.0);
  options.duration = 200 * kMs;
  Generator generator(options, {"ask"}, {});
  ASSERT_TRUE(generator.Start().ok());
  ASSERT_TRUE(server.Saw([](const ServerLog& log) {
    return !log.answered.empty() && log.answered[0] != 0;
  }));
  server.Goaway();
  ASSERT_TRUE(generator.Wait(kPatience));
  ExpectBalanced(generator, options);
  EXPECT_EQ(generator.tally().ok(), 4u);
  EXPECT_EQ(generator.connections_lost(), 0u);
}

TEST(TroubleTest, AServerThatTurnsEveryConnectionAwayIsNotAskedInATightLoop) {
  ScriptedServer server(Always({.then_goaway = true}));
  LoadOptions options = OptionsFor(server.port());
  options.duration = 350 * kMs;
  const auto generator = Finished(options);
  EXPECT_LE(server.log().connections, 6u);
  EXPECT_GT(generator->tally().ok(), 0u);
}

TEST(TroubleTest, AConnectionThatBreaksFailsWhatItCarriedAndIsMadeAgain) {
  for (const double rate : {0.0, 500.0}) {
    ScriptedServer server([](const Asked& asked) -> Act {
      return {.kind = asked.number == 30 ? Kind::kHangUp : Kind::kAnswer,
              .delay = 5 * kMs};
    });
    LoadOptions options = OptionsFor(server.port());
    options.rate = rate;
    options.duration = 350 * kMs;
    const auto generator = Finished(options);
    EXPECT_EQ(generator->connections_lost(), 1u);
    EXPECT_GE(generator->tally().errors(kStatusUnavailable), 1u);
    EXPECT_GT(generator->tally().ok(), 40u);
    EXPECT_EQ(server.log().connections, 2u);
  }
}

TEST(TroubleTest, ABrokenConnectionLeavesTheOthersAlone) {
  ScriptedServer server([](const Asked& asked) -> Act {
    return {.kind = asked.number == 20 ? Kind::kHangUp : Kind::kAnswer,
            .delay = 5 * kMs};
  });
  LoadOptions options = OpenLoop(server.port(), 400.0);
  options.connections = 4;
  const auto generator = Finished(options);
  EXPECT_EQ(generator->connections_lost(), 1u);
  // Of 80 requests it had every fourth.
  EXPECT_LE(generator->tally().errors(kStatusUnavailable), 25u);
  EXPECT_EQ(generator->tally().held_back(), 0u);
}

TEST(TroubleTest, GarbageInMidRunIsALostConnection) {
  ScriptedServer server([](const Asked& asked) -> Act {
    return {.kind = asked.number == 30 ? Kind::kGarbage : Kind::kAnswer, .delay = kMs};
  });
  LoadOptions options = OptionsFor(server.port());
  options.duration = 250 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(generator->connections_lost(), 1u);
  EXPECT_NE(WordsOf(generator->tally()).at(14).find("broke HTTP/2"), std::string::npos);
  EXPECT_GT(generator->tally().ok(), 30u);
}

TEST(TroubleTest, ARequestWithoutAnAnswerIsGivenUpAndTheServerIsTold) {
  ScriptedServer server([](const Asked& asked) -> Act {
    return {.kind = asked.number % 2 == 0 ? Kind::kSilent : Kind::kAnswer};
  });
  LoadOptions options = OpenLoop(server.port(), 200.0);
  options.timeout = 50 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(generator->tally().errors(kStatusDeadlineExceeded), 20u);
  EXPECT_EQ(generator->tally().ok(), 20u);
  EXPECT_TRUE(server.Saw([](const ServerLog& log) { return log.resets.size() == 20; }));
  EXPECT_EQ(server.log().resets,
            std::vector<std::uint32_t>(20, std::uint32_t{NGHTTP2_CANCEL}));
}

TEST(TroubleTest, AClosedLoopGoesOnPastAnswersThatNeverCome) {
  ScriptedServer server(Always({.kind = Kind::kSilent}));
  LoadOptions options = CountOf(server.port(), 20);
  options.timeout = 20 * kMs;
  const auto generator = Finished(options);
  EXPECT_GE(generator->tally().errors(kStatusDeadlineExceeded), 20u);
  EXPECT_LE(server.log().asked.size(), 24u);
}

TEST(TroubleTest, AnAnswerAfterTheTimeLimitHurtsNothing) {
  ScriptedServer server(Always({.delay = 60 * kMs, .body = std::string(3000, 'l')}));
  LoadOptions options = OptionsFor(server.port());
  options.timeout = 30 * kMs;
  options.duration = 300 * kMs;
  options.profile = Profile::kOrdinary;
  const auto generator = Finished(options);
  EXPECT_EQ(generator->tally().ok(), 0u);
  EXPECT_EQ(generator->connections_lost(), 0u);
}

TEST(TroubleTest, TheServersLimitOnStreamsIsKept) {
  ScriptedServer server(Always({.delay = 10 * kMs}), {.max_streams = 3});
  LoadOptions options = OptionsFor(server.port());
  options.in_flight = 10;
  Finished(options);
  EXPECT_EQ(server.log().most_open, 3u);
  options.rate = 1000.0;
  options.duration = 50 * kMs;
  const auto generator = Finished(options);
  EXPECT_EQ(server.log().most_open, 3u);
  EXPECT_GT(generator->tally().held_back(), 20u);
}

TEST(TroubleTest, LargeMessagesPassThroughTinyWindows) {
  const std::string large(600'000, 'w');
  for (const Profile profile : {Profile::kPacked, Profile::kOrdinary}) {
    ScriptedServer server(Always({.body = http2::Framed(large)}), {.window = 1000});
    LoadOptions options = CountOf(server.port(), 6);
    options.profile = profile;
    const auto generator = Finished(options, {large, "small"});
    EXPECT_TRUE(ErrorsOf(generator->tally()).empty());
    for (const Asked& asked : server.log().asked) {
      EXPECT_EQ(asked.body, asked.body.size() > 100 ? http2::Framed(large)
                                                    : http2::Framed("small"));
    }
  }
}

TEST(TroubleTest, LargeAnswersKeepComing) {
  for (const Profile profile : {Profile::kPacked, Profile::kOrdinary}) {
    // More than any window in one answer, and many times that over the connection.
    ScriptedServer server(Always({.body = http2::Framed(std::string(6 << 20, 'a'))}));
    LoadOptions options = CountOf(server.port(), 12);
    options.profile = profile;
    const auto generator = Finished(options);
    EXPECT_TRUE(ErrorsOf(generator->tally()).empty());
    EXPECT_GE(generator->bytes_received(), 12u * (6u << 20u));
  }
}

TEST(TroubleTest, AnAnswerBeforeTheRequestIsOutEndsTheCall) {
  // The window stays shut: the rest of the request can never leave.
  ScriptedServer server(Always(Failure(kStatusPermissionDenied, "not you")),
                        {.gives_window = false, .asks_at_headers = true});
  LoadOptions options = OptionsFor(server.port());
  options.in_flight = 1;
  options.requests = 3;
  const auto generator = Finished(options, {std::string(200'000, 'x')});
  EXPECT_EQ(generator->tally().errors(kStatusPermissionDenied), 3u);
  EXPECT_LE(generator->tally().latency().max(), options.timeout);
}

}  // namespace
}  // namespace leeboard::load
