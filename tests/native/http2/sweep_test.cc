// Clients that promise and do not keep it: Sweep of csrc/http2/session.cc and
// stream.cc. The clock moves only when told.

#include <gtest/gtest.h>

#include <string>

#include "client.h"
#include "raw_frames.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

constexpr Nanos kSecond = 1'000'000'000;

// Sweeps once a second, as the owner does. False: it wants to be closed.
bool SweepFor(Server& server, int seconds) {
  for (int i = 0; i < seconds; ++i) {
    server.now += kSecond;
    if (!server.connection->Sweep(server.now)) {
      return false;
    }
  }
  return true;
}

// Nobody is closed for silence; lifetime_test.cc and keepalive_test.cc are about that.
Limits Patient() {
  Limits limits;
  limits.lifetime.keepalive_time = 0;
  return limits;
}

// The beginning of a message of `size` bytes.
std::string Begin(std::size_t size, std::size_t have) {
  return Framed(std::string(size, 'm')).substr(0, 5 + have);
}

TEST(Sweep, AClientThatSaysNothingIsToBeClosed) {
  Server server;
  ASSERT_TRUE(server.connection->Sweep(server.now));
  EXPECT_TRUE(SweepFor(server, 10));
  EXPECT_FALSE(SweepFor(server, 1));
}

TEST(Sweep, AClientThatStopsWithinItsHelloIsToBeClosed) {
  Server server;
  const std::string hello =
      std::string(kClientMagic).append(RawFrame(kSettingsFrame, 0, 0, ""));
  server.Feed(hello.substr(0, hello.size() - 1));
  ASSERT_TRUE(server.connection->Sweep(server.now));
  EXPECT_FALSE(SweepFor(server, 11));
}

TEST(Sweep, AClientThatSaidItsSettingsMayBeSilent) {
  Server server(Patient());
  Client client;
  ASSERT_TRUE(server.connection->Sweep(server.now));
  EXPECT_TRUE(SweepFor(server, 9));
  server.Pump(client);
  EXPECT_TRUE(SweepFor(server, 10'000));
}

TEST(Sweep, AMessageThatNeverComesIsRefusedAfterItsGrace) {
  Server server;
  Client client;
  const std::int32_t id = client.Start(CallFields(), "", /*leave_open=*/true);
  server.Pump(client);
  EXPECT_TRUE(SweepFor(server, 30));
  server.Pump(client);
  EXPECT_FALSE(client.response(id).closed);
  EXPECT_TRUE(SweepFor(server, 1));
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "4");
  EXPECT_EQ(server.handler.calls.at(0).gones, 1);
  EXPECT_EQ(server.connection->open_calls(), 0u);
  EXPECT_TRUE(server.alive());
}

TEST(Sweep, ASlowMessageGivesItsBudgetBack) {
  Server server(Patient());
  Client client;
  const std::int32_t id =
      client.Start(CallFields(), Begin(1'000'000, 1000), /*leave_open=*/true);
  server.Pump(client);
  EXPECT_EQ(server.shared.admitted_bytes, 1'000'000u);
  EXPECT_TRUE(SweepFor(server, 30));
  EXPECT_EQ(server.shared.admitted_bytes, 1'000'000u);
  EXPECT_TRUE(SweepFor(server, 1));
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "4");
  EXPECT_NE(client.response(id).field("grpc-message").find("1000 of 1000000 bytes"),
            std::string::npos)
      << client.response(id).field("grpc-message");
  client.Send(id, std::string(500, 'm'));
  server.Pump(client);
  EXPECT_TRUE(server.alive()) << "what comes too late is dropped";
  EXPECT_TRUE(SweepFor(server, 100));
}

TEST(Sweep, AMessageThatComesJustFastEnoughIsTaken) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  constexpr std::size_t kRate = 64 << 10;
  const std::string message(40 * kRate, 'm');
  const std::string framed = Framed(message);
  std::size_t sent = 5 + 1;
  const std::int32_t id =
      client.Start(CallFields(), framed.substr(0, sent), /*leave_open=*/true);
  server.Pump(client);
  EXPECT_TRUE(SweepFor(server, 30));
  while (sent < framed.size()) {
    const std::size_t size = std::min(kRate, framed.size() - sent);
    client.Send(id, framed.substr(sent, size), sent + size < framed.size());
    sent += size;
    server.Pump(client);
    ASSERT_TRUE(SweepFor(server, 1));
  }
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "0");
  EXPECT_EQ(client.response(id).message(), message);
}

TEST(Sweep, AWholeMessageWaitsForItsAnswerAsLongAsItTakes) {
  Server server(Patient());
  Client client;
  const std::int32_t whole = client.Call("whole");
  const std::int32_t open =
      client.Start(CallFields(), Framed("open"), /*leave_open=*/true);
  const std::int32_t empty = client.Call("");
  server.Pump(client);
  EXPECT_TRUE(SweepFor(server, 10'000));
  for (Seen& seen : server.handler.calls) {
    ScriptedHandler::Reply(seen, TextBody(seen.message));
  }
  server.Pump(client);
  for (const std::int32_t id : {whole, open, empty}) {
    EXPECT_EQ(client.response(id).grpc_status(), "0");
  }
}

TEST(Sweep, OnlyTheSlowOnesOfManyAreRefused) {
  Server server;
  Client client;
  std::vector<std::int32_t> slow;
  std::vector<std::int32_t> quick;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(client.Start(CallFields(), Begin(100, 50), /*leave_open=*/true));
    quick.push_back(client.Call("quick"));
  }
  server.Pump(client);
  EXPECT_TRUE(SweepFor(server, 31));
  server.Pump(client);
  EXPECT_EQ(server.connection->open_calls(), 50u);
  for (const std::int32_t id : slow) {
    EXPECT_EQ(client.response(id).grpc_status(), "4");
  }
  for (const std::int32_t id : quick) {
    EXPECT_FALSE(client.response(id).closed);
  }
}

TEST(Sweep, AnAnswerThatIsNotTakenIsNotASlowMessage) {
  Server server(Patient());
  Client client({.stream_window = 10});
  server.handler.EchoAtEnd();
  const std::int32_t id = client.Call(std::string(1000, 'm'));
  server.Feed(client.TakeOutput());
  server.Flush();
  EXPECT_TRUE(SweepFor(server, 1000));
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "0");
}

}  // namespace
}  // namespace leeboard::http2
