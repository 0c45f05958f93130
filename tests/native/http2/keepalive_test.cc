// A connection's own pings and its end by age, on the wire. The clock moves only when
// told.

#include <gtest/gtest.h>

#include <string>

#include "client.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

// Sweeps once a second until the connection wants to be closed; the client reads and
// answers when it is there. Returns the seconds that took, or -1.
int SweepUntilClosed(Server& server, Client* client, int at_most) {
  for (int i = 1; i <= at_most; ++i) {
    server.now += kSecond;
    if (!server.alive() || !server.connection->Sweep(server.now)) {
      return i;
    }
    server.Flush();
    if (client != nullptr) {
      server.Pump(*client);
    }
  }
  return -1;
}

TEST(Keepalive, AClientThatAnswersPingsStays) {
  Server server;
  Client client;
  server.Pump(client);
  EXPECT_EQ(SweepUntilClosed(server, &client, 1000), -1);
  EXPECT_EQ(server.counters().connections_silent, 0u);
}

TEST(Keepalive, AClientThatIsGoneIsClosed) {
  Server server;
  Client client;
  client.Call("hello");
  server.Pump(client);
  ASSERT_TRUE(server.connection->Sweep(server.now));
  EXPECT_EQ(SweepUntilClosed(server, nullptr, 1000), 80);
  EXPECT_EQ(server.counters().connections_silent, 1u);
}

TEST(Keepalive, AReaderThatTakesALittleAtATimeStays) {
  Limits limits;
  limits.lifetime.keepalive_time = 5 * kSecond;
  limits.lifetime.keepalive_timeout = 5 * kSecond;
  Server server(limits);
  Client client({.stream_window = 1u << 30, .connection_window = 1 << 30});
  server.handler.on_end = [](Seen& seen) {
    ScriptedHandler::Reply(seen, TextBody(std::string(20'000'000, 'x')));
  };
  client.Call("go");
  server.Feed(client.TakeOutput());
  server.Flush();
  ASSERT_TRUE(server.connection->wants_write());
  std::size_t taken = 0;
  for (int i = 0; i < 100; ++i) {
    server.now += kSecond;
    ASSERT_TRUE(server.connection->Sweep(server.now)) << i;
    if (i % 4 == 0) {
      taken += server.Read().size();  // Nothing is ever sent back.
    }
    server.Flush();
  }
  EXPECT_GT(taken, 1'000'000u);
}

TEST(Keepalive, AnOldConnectionSaysGoawayAndFinishesItsCall) {
  Limits limits;
  limits.lifetime.max_age = 100 * kSecond;
  Server server(limits);
  Client client;
  const std::int32_t id = client.Call("slow");
  server.Pump(client);
  EXPECT_EQ(SweepUntilClosed(server, &client, 115), -1);
  EXPECT_EQ(client.goaway().count, 2);
  EXPECT_EQ(client.goaway().code, 0u);
  EXPECT_EQ(client.goaway().last_id, id);
  ScriptedHandler::Reply(server.handler.calls.at(0), TextBody("done"));
  server.Pump(client);
  EXPECT_EQ(client.response(id).message(), "done");
  EXPECT_FALSE(server.alive()) << "nothing is left to wait for";
}

TEST(Keepalive, AnIdleConnectionSaysGoawayAndGoes) {
  Limits limits;
  limits.lifetime.max_idle = 30 * kSecond;
  Server server(limits);
  Client client;
  server.handler.EchoAtEnd();
  client.Call("hello");
  server.Pump(client);
  EXPECT_GT(SweepUntilClosed(server, &client, 40), 30);
  EXPECT_FALSE(server.alive());
  // nghttp2's client, without a call, has stopped to read before the second one.
  EXPECT_EQ(client.goaway().count, 1);
  EXPECT_EQ(client.goaway().code, 0u);
}

}  // namespace
}  // namespace leeboard::http2
