#include "load/unary.h"

#include <gtest/gtest.h>

#include <string>

#include "load/generator_runs.h"

namespace leeboard::load {
namespace {

class UnaryTest : public testing::Test {
 protected:
  Status Call(const ScriptedServer& server, const std::string& message = "ask") {
    options.host = "127.0.0.1";
    options.port = server.port();
    options.authority = "test";
    options.method = "/a/b";
    return CallOnce(options, message, &outcome, &reply);
  }

  LoadOptions options = OptionsFor(0);
  Outcome outcome;
  std::string reply;
};

TEST_F(UnaryTest, TheReplyIsTheAnswersMessage) {
  const ScriptedServer server([](const Asked& asked) -> Act {
    return {.body = http2::Framed("not " + asked.body.substr(5))};
  });
  for (const Profile profile : {Profile::kPacked, Profile::kOrdinary}) {
    options.profile = profile;
    ASSERT_TRUE(Call(server).ok());
    EXPECT_EQ(outcome.status, kStatusOk);
    EXPECT_EQ(reply, "not ask");
  }
}

TEST_F(UnaryTest, LargeMessagesPassBothWays) {
  const std::string large(3'000'000, 'u');
  const ScriptedServer server(
      [](const Asked& asked) -> Act { return {.body = asked.body}; },
      {.window = 5'000});
  ASSERT_TRUE(Call(server, large).ok());
  EXPECT_EQ(reply, large);
}

TEST_F(UnaryTest, AnErrorIsAnOutcome) {
  const ScriptedServer server(Always(Failure(5, "no such model")));
  ASSERT_TRUE(Call(server).ok());
  EXPECT_EQ(outcome.status, 5);
  EXPECT_EQ(outcome.text, "no such model");
}

TEST_F(UnaryTest, APassedTimeLimitIsAnOutcome) {
  const ScriptedServer server(Always({.kind = Act::Kind::kSilent}));
  options.timeout = 30 * kMs;
  ASSERT_TRUE(Call(server).ok());
  EXPECT_EQ(outcome.status, kStatusDeadlineExceeded);
}

TEST_F(UnaryTest, ALostConnectionIsAnOutcome) {
  const ScriptedServer server(Always({.kind = Act::Kind::kHangUp}));
  ASSERT_TRUE(Call(server).ok());
  EXPECT_EQ(outcome.status, kStatusUnavailable);
}

TEST_F(UnaryTest, WithoutAConnectionThereIsNoOutcome) {
  options.connect_timeout = 40 * kMs;
  const ScriptedServer silent(Always({}), {.is_silent = true});
  EXPECT_EQ(Call(silent).message(), "it did not answer in time");
  options.connect_timeout = kPatience;
  const ScriptedServer other(Always({}), {.greeting = "220 smtp ready\r\n"});
  EXPECT_EQ(Call(other).message(), "the server does not speak HTTP/2");
  const ScriptedServer leaving(Always({}), {.turns_away = true});
  EXPECT_EQ(Call(leaving).message(), "the server said goodbye");
  std::uint16_t port = 0;
  {
    const ScriptedServer gone(Always({}));
    port = gone.port();
  }
  options.port = port;
  EXPECT_EQ(CallOnce(options, "ask", &outcome, &reply).message(), "Connection refused");
}

}  // namespace
}  // namespace leeboard::load
