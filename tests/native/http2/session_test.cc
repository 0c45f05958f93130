// Limits, budgets, abuse, flow control and drain: what holds for a connection as a
// whole.

#include "http2/session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client.h"
#include "raw_frames.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

std::string Hello() {
  return std::string(kClientMagic).append(RawFrame(kSettingsFrame, 0, 0, ""));
}

TEST(Session, ManyCallsArriveInOneReadAndLeaveInOneFlush) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  server.Pump(client);  // The client learns that it may start so many.
  for (int i = 0; i < 300; ++i) {
    client.Call("message " + std::to_string(i));
  }
  server.Feed(client.TakeOutput());
  EXPECT_EQ(server.handler.calls.size(), 300u);
  EXPECT_EQ(server.shared.dirty.size(), 1u);
  server.Pump(client);
  for (int i = 0; i < 300; ++i) {
    ASSERT_EQ(client.response(2 * i + 1).message(), "message " + std::to_string(i));
    ASSERT_EQ(client.response(2 * i + 1).grpc_status(), "0");
  }
}

TEST(Session, ManyLargeMessagesWaitAtOnceOnOneConnection) {
  Server server;
  Client client;
  constexpr std::size_t kBytes = 600'000;
  for (int i = 0; i < 128; ++i) {
    client.Call(std::string(kBytes, static_cast<char>(i)));
  }
  server.Pump(client);
  ASSERT_EQ(server.handler.calls.size(), 128u);
  EXPECT_EQ(server.connection->open_calls(), 128u);
  EXPECT_EQ(server.shared.admitted_bytes, 128 * kBytes);
  for (Seen& seen : server.handler.calls) {
    ASSERT_EQ(seen.ends, 1);
    ScriptedHandler::Reply(seen, TextBody(seen.message));
  }
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
  server.Pump(client);
  for (int i = 0; i < 128; ++i) {
    ASSERT_EQ(client.response(2 * i + 1).message(),
              std::string(kBytes, static_cast<char>(i)));
  }
  EXPECT_EQ(server.connection->open_calls(), 0u);
}

TEST(Session, OneMessageMayBeLargerThanEveryWindow) {
  Limits limits;
  limits.stream_window_bytes = 70'000;
  limits.connection_window_bytes = 100'000;
  Server server(limits);
  Client client({.stream_window = 20'000, .connection_window = 70'000});
  server.handler.EchoAtEnd();
  const std::string message(5'000'000, 'm');
  const std::int32_t id = client.Call(message);
  server.Pump(client);
  EXPECT_EQ(client.response(id).message(), message);
  EXPECT_EQ(client.response(id).grpc_status(), "0");
}

TEST(Session, AnnouncesItsLimits) {
  Server server;
  Client client;
  server.Pump(client);
  EXPECT_EQ(client.server_setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS), 1024u);
  EXPECT_EQ(client.server_setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE), 1u << 20);
  EXPECT_EQ(client.server_setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE), 16u << 10);
}

TEST(Session, AnswersPing) {
  Server server;
  Client client;
  client.Ping();
  server.Pump(client);
  EXPECT_EQ(client.ping_acks(), 1);
}

TEST(Session, MessageOverTheLimitIsRefusedOnItsPrefix) {
  Server server;
  Client client;
  const std::int32_t id =
      client.Start(CallFields(), Prefix(UINT32_MAX) + "a few bytes", true);
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "8");
  const std::string text = client.response(id).field("grpc-message");
  EXPECT_NE(text.find("4294967295"), std::string::npos) << text;
  EXPECT_NE(text.find("268435456"), std::string::npos) << text;
  EXPECT_TRUE(client.response(id).closed);
  EXPECT_EQ(server.handler.calls.at(0).announced, -1);
  EXPECT_EQ(server.handler.calls.at(0).gones, 1);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
}

TEST(Session, MessageOfExactlyTheLimitIsTaken) {
  Limits limits;
  limits.max_message_bytes = 10;
  Server server(limits);
  Client client;
  server.handler.EchoAtEnd();
  const std::int32_t fits = client.Call("0123456789");
  const std::int32_t over = client.Call("0123456789a");
  server.Pump(client);
  EXPECT_EQ(client.response(fits).grpc_status(), "0");
  EXPECT_EQ(client.response(over).grpc_status(), "8");
}

TEST(Session, FullBudgetsRefuseByName) {
  for (const bool is_server : {false, true}) {
    Limits limits;
    (is_server ? limits.server_budget_bytes : limits.connection_budget_bytes) = 100;
    Server server(limits);
    Client client;
    const std::int32_t first = client.Call(std::string(60, 'a'));
    const std::int32_t second = client.Call(std::string(60, 'b'));
    server.Pump(client);
    EXPECT_EQ(client.response(second).grpc_status(), "8");
    const std::string text = client.response(second).field("grpc-message");
    EXPECT_NE(text.find(is_server ? "server's budget" : "connection's budget"),
              std::string::npos)
        << text;
    ScriptedHandler::Reply(server.handler.calls.at(0), TextBody("done"));
    const std::int32_t third = client.Call(std::string(60, 'c'));
    server.Pump(client);
    EXPECT_EQ(client.response(first).message(), "done");
    EXPECT_EQ(client.response(third).grpc_status(), "");
    EXPECT_EQ(server.shared.admitted_bytes, 60u);
  }
}

TEST(Session, AnswersThatAreNotTakenCountAgainstTheConnection) {
  Limits limits;
  limits.connection_budget_bytes = 1000;
  Server server(limits);
  Client client({.stream_window = 0});
  server.handler.on_end = [](Seen& seen) {
    ScriptedHandler::Reply(seen, TextBody(std::string(900, 'x')));
  };
  client.Call("small");
  server.Pump(client);
  const std::int32_t second = client.Call(std::string(200, 'y'));
  server.Pump(client);
  EXPECT_EQ(client.response(second).grpc_status(), "8");
}

TEST(Session, HeaderListOverTheLimitIsRefused) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  const std::int32_t large = client.Call("a", {{"x-large", std::string(17'000, 'x')}});
  const std::int32_t next = client.Call("b");
  server.Pump(client);
  EXPECT_EQ(client.response(large).grpc_status(), "8");
  EXPECT_EQ(client.response(next).message(), "b");
  EXPECT_EQ(server.handler.calls.size(), 1u);
}

TEST(Session, HeaderBombByIndexIsCountedDecoded) {
  Limits limits;
  limits.idle_reset_burst = 2;
  limits.idle_resets_per_s = 0;
  Server server(limits);
  server.handler.EchoAtEnd();
  // 3,500 bytes go into the table once; each further byte names them again.
  const std::string first =
      RawCallBlock() + RawIndexed("x-bomb", std::string(3500, 'b'));
  const std::string bomb = RawCallBlock() + std::string(8000, kNewestHeader);
  const std::uint8_t flags = kEndHeaders | kEndStream;
  server.Feed(Hello() + RawFrame(kHeadersFrame, flags, 1, first) +
              RawFrame(kHeadersFrame, flags, 3, bomb));
  EXPECT_TRUE(server.alive());
  EXPECT_EQ(server.handler.calls.size(), 1u);
  server.Feed(RawFrame(kHeadersFrame, flags, 5, bomb));
  EXPECT_TRUE(server.alive());
  server.Feed(RawFrame(kHeadersFrame, flags, 7, bomb));
  EXPECT_FALSE(server.alive());
  EXPECT_EQ(server.counters().connections_abused, 1u);
}

// Starts and cancels calls before their message is whole, one read each.
void ResetIdly(Server& server, Client& client, int count) {
  for (int i = 0; i < count && server.alive(); ++i) {
    const std::int32_t id = client.Start(CallFields(), Prefix(9), true);
    server.Feed(client.TakeOutput());
    client.Reset(id);
    server.Feed(client.TakeOutput());
  }
}

TEST(Session, IdleResetsOverTheLimitCloseTheConnection) {
  Limits limits;
  limits.idle_reset_burst = 50;
  limits.idle_resets_per_s = 10;
  Server server(limits);
  Client client;
  ResetIdly(server, client, 50);
  ASSERT_TRUE(server.alive());
  EXPECT_EQ(server.counters().calls_gone, 50u);
  server.now += 1'000'000'000;
  ResetIdly(server, client, 10);
  ASSERT_TRUE(server.alive());
  ResetIdly(server, client, 1);
  EXPECT_FALSE(server.alive());
  EXPECT_EQ(server.counters().connections_abused, 1u);
  client.Consume(server.Read());
  EXPECT_EQ(client.goaway().code, std::uint32_t{NGHTTP2_ENHANCE_YOUR_CALM});
}

TEST(Session, IdleResetsCountWhateverTheirCode) {
  Limits limits;
  limits.idle_reset_burst = 5;
  limits.idle_resets_per_s = 0;
  Server server(limits);
  Client client;
  for (int i = 0; i < 6 && server.alive(); ++i) {
    const std::int32_t id = client.Start(CallFields(), Prefix(9), true);
    server.Feed(client.TakeOutput());
    client.Reset(id, NGHTTP2_NO_ERROR);
    server.Feed(client.TakeOutput());
  }
  EXPECT_FALSE(server.alive());
  EXPECT_EQ(server.counters().connections_abused, 1u);
}

TEST(Session, ResetsOfWholeRequestsAreInnocent) {
  Limits limits;
  limits.idle_reset_burst = 5;
  limits.idle_resets_per_s = 0;
  Server server(limits);
  Client client;
  for (int i = 0; i < 500; ++i) {
    const std::int32_t id = client.Call("deadline soon");
    server.Pump(client);
    client.Reset(id);
    server.Pump(client);
  }
  EXPECT_TRUE(server.alive());
  EXPECT_EQ(server.counters().calls_gone, 500u);
  EXPECT_EQ(server.counters().connections_abused, 0u);
}

TEST(Session, ClientThatNeverReadsIsClosed) {
  Server server;
  server.Feed(Hello());
  // Each malformed request makes a RST_STREAM that waits for a reader.
  for (std::uint32_t id = 1; server.alive() && id < 100'000; id += 2) {
    server.Feed(RawFrame(kHeadersFrame, kEndHeaders | kEndStream, id, "\x84"));
  }
  EXPECT_FALSE(server.alive());
  EXPECT_EQ(server.counters().connections_abused, 1u);
}

TEST(Session, StreamsOverTheLimitAreRefused) {
  Limits limits;
  limits.max_concurrent_streams = 2;
  Server server(limits);
  server.Feed(Hello());
  server.Flush();
  server.Feed(RawFrame(kSettingsFrame, 1, 0, ""));  // The limit is acknowledged.
  for (const std::uint32_t id : {1u, 3u, 5u}) {
    server.Feed(RawFrame(kHeadersFrame, kEndHeaders, id, RawCallBlock()));
  }
  EXPECT_EQ(server.handler.calls.size(), 2u);
  EXPECT_TRUE(server.alive());
}

TEST(Session, OtherProtocolsAreClosed) {
  for (const char* greeting :
       {"GET / HTTP/1.1\r\nHost: test\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello tls"}) {
    Server server;
    server.Feed(greeting);
    EXPECT_FALSE(server.alive());
    EXPECT_TRUE(server.handler.calls.empty());
    EXPECT_EQ(server.counters().connections_abused, 0u);
  }
}

TEST(Session, DrainLetsCallsFinishAndThenEnds) {
  Server server;
  Client client;
  const std::int32_t id = client.Call("in flight");
  server.Pump(client);
  server.connection->BeginDrain();
  server.Pump(client);
  EXPECT_EQ(client.goaway().count, 1);
  EXPECT_EQ(client.goaway().last_id, INT32_MAX);

  server.connection->BeginDrain();
  server.Pump(client);
  EXPECT_EQ(client.goaway().count, 2);
  EXPECT_EQ(client.goaway().last_id, id);
  ASSERT_TRUE(server.alive());

  ScriptedHandler::Reply(server.handler.calls.at(0), TextBody("done"));
  server.Pump(client);
  EXPECT_EQ(client.response(id).message(), "done");
  EXPECT_FALSE(server.alive());
}

TEST(Session, DrainTakesCallsUntilTheFinalGoaway) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  client.Call("before");
  const std::string raced = client.TakeOutput();
  server.connection->BeginDrain();
  server.Flush();
  server.Feed(raced);
  server.Pump(client);
  EXPECT_EQ(client.response(1).message(), "before");
  EXPECT_TRUE(server.alive());
  server.connection->BeginDrain();
  server.Flush();
  EXPECT_FALSE(server.alive());
}

TEST(Session, ClientsGoawayEndsAnIdleConnection) {
  Server server;
  server.Feed(Hello() + RawFrame(7, 0, 0, std::string(8, '\0')));
  server.Flush();
  EXPECT_FALSE(server.alive());
}

}  // namespace
}  // namespace leeboard::http2
