// Certificates and what a handshake demands, on a connection whose records the test
// moves by hand.

#include "http2/tls.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tls_client.h"

namespace leeboard::http2 {
namespace {

const Certificate& Authority() {
  static const Certificate authority("authority");
  return authority;
}

std::shared_ptr<const TlsContext> MakeContext(const std::string& clients = "") {
  static const Certificate own("localhost", &Authority(), "DNS:localhost");
  std::shared_ptr<const TlsContext> context;
  const Status status = TlsContext::Create(
      {own.pem() + Authority().pem(), own.key_pem(), clients}, &context);
  EXPECT_TRUE(status.ok()) << status.message();
  return context;
}

// A server with TLS, a client of it, and an echo between them.
struct Secured {
  explicit Secured(const TlsClientOptions& options = {},
                   const std::string& clients = "", const ClientOptions& windows = {})
      : context(MakeContext(clients)),
        server({}, context.get()),
        tls(options),
        client(windows) {
    server.handler.EchoAtEnd();
  }
  void Pump(std::size_t portion = SIZE_MAX) { tls.Pump(server, client, portion); }

  std::shared_ptr<const TlsContext> context;
  Server server;
  TlsClient tls;
  Client client;
};

TEST(TlsContext, KnowsWhenItsCertificateEnds) {
  const Certificate own("short", nullptr, "", 5000);
  std::shared_ptr<const TlsContext> context;
  ASSERT_TRUE(TlsContext::Create({own.pem(), own.key_pem(), ""}, &context).ok());
  const std::int64_t left = context->not_after() - time(nullptr);
  EXPECT_GT(left, 4900);
  EXPECT_LE(left, 5000);
}

struct Unusable {
  const char* name;
  TlsSource source;
  const char* words;
};

class UnusableSource : public testing::TestWithParam<Unusable> {};

TEST_P(UnusableSource, IsRefusedByName) {
  std::shared_ptr<const TlsContext> context;
  const Status status = TlsContext::Create(GetParam().source, &context);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find(GetParam().words), std::string::npos)
      << status.message();
  EXPECT_EQ(context, nullptr);
}

INSTANTIATE_TEST_SUITE_P(
    TlsContext, UnusableSource,
    testing::Values(
        Unusable{"NoCertificate", {"", Authority().key_pem(), ""}, "certificate"},
        Unusable{"NoKey", {Authority().pem(), "", ""}, "key cannot be read"},
        Unusable{"AnothersKey",
                 {Authority().pem(), Certificate("other").key_pem(), ""},
                 "does not fit"},
        Unusable{"NoAuthorities",
                 {Authority().pem(), Authority().key_pem(), " "},
                 "authorities"}),
    [](const auto& info) { return info.param.name; });

TEST(Tls, ACallGoesThroughAndThePeerIsKnownToBeSecured) {
  Secured secured;
  const std::int32_t id = secured.client.Call("hello");
  secured.Pump();
  EXPECT_EQ(secured.client.response(id).message(), "hello");
  EXPECT_TRUE(secured.server.connection->peer().is_tls);
  EXPECT_EQ(secured.server.connection->peer().subject, "");
  EXPECT_EQ(secured.server.counters().tls_handshakes, 1u);
  secured.server.connection.reset();
  secured.tls.Decrypt(secured.server.Read());
  EXPECT_TRUE(secured.tls.saw_goodbye());
}

TEST(Tls, RecordsThatComeByteByByteAreTheSame) {
  Secured secured;
  const std::int32_t id = secured.client.Call("hello");
  secured.Pump(1);
  EXPECT_EQ(secured.client.response(id).message(), "hello");
}

TEST(Tls, LargeMessagesGoBothWays) {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Secured secured({.highest = version});
    std::string message(8'000'000, '\0');
    for (std::size_t i = 0; i < message.size(); ++i) {
      message[i] = static_cast<char>(i * 2654435761u >> 13);
    }
    const std::int32_t id = secured.client.Call(message);
    secured.Pump();
    EXPECT_TRUE(secured.client.response(id).message() == message);
  }
}

TEST(Tls, SmallPiecesOfAnAnswerLeaveInOrder) {
  FakeMemory memory(std::string(2'000'000, 'm'));
  Secured secured;
  secured.server.handler.on_end = [&](Seen& seen) {
    ReplyBody body;
    body.text = std::string(2000, 't');
    for (std::size_t i = 0; i < 1000; ++i) {
      body.cuts.push_back({2 * i, memory.span(2000 * i, 1 + (i * 37) % 2000)});
    }
    body.memory = &memory;
    ScriptedHandler::Reply(seen, std::move(body));
  };
  std::string expected;
  for (std::size_t i = 0; i < 1000; ++i) {
    expected +=
        std::string(i == 0 ? 0 : 2, 't') + std::string(1 + (i * 37) % 2000, 'm');
  }
  expected += "tt";
  const std::int32_t id = secured.client.Call("go");
  secured.Pump();
  EXPECT_TRUE(secured.client.response(id).message() == expected);
  EXPECT_EQ(memory.added, memory.dropped);
}

// The socket takes records late and in parts, while more is queued behind them.
TEST(Tls, ASlowReaderGetsEverythingInOrder) {
  FakeMemory memory(std::string(6'000'000, 'm'));
  Secured secured({}, "", {.stream_window = 1u << 30, .connection_window = 1 << 30});
  secured.server.handler.on_end = [&](Seen& seen) {
    ReplyBody body;
    body.text = "headtail";
    body.cuts = {{4, memory.span(0, memory.bytes.size())}};
    body.memory = &memory;
    ScriptedHandler::Reply(seen, std::move(body));
  };
  secured.Pump();  // The handshake.
  const std::int32_t first = secured.client.Call("one");
  secured.server.Feed(secured.tls.Encrypt(secured.client.TakeOutput()));
  secured.server.Flush();
  ASSERT_TRUE(secured.server.connection->wants_write());
  secured.server.handler.EchoAtEnd();
  const std::int32_t second = secured.client.Call("two");
  secured.server.Feed(secured.tls.Encrypt(secured.client.TakeOutput()));
  secured.server.Flush();
  EXPECT_TRUE(secured.server.connection->CopyOutReplies());
  EXPECT_EQ(memory.dropped, 1);
  secured.Pump();
  EXPECT_TRUE(secured.client.response(first).message() ==
              "head" + memory.bytes + "tail");
  EXPECT_EQ(secured.client.response(second).message(), "two");
}

TEST(Tls, KeysThatChangeOnTheWayChangeNothing) {
  Secured secured;
  for (int i = 0; i < 10; ++i) {
    const std::int32_t id = secured.client.Call("hello");
    secured.Pump();
    EXPECT_EQ(secured.client.response(id).message(), "hello");
    SSL_key_update(secured.tls.get(), SSL_KEY_UPDATE_REQUESTED);
  }
}

struct Refused {
  const char* name;
  TlsClientOptions options;
};

class RefusedClient : public testing::TestWithParam<Refused> {};

TEST_P(RefusedClient, EndsInTheHandshake) {
  Secured secured(GetParam().options);
  secured.client.Call("hello");
  secured.Pump();
  EXPECT_FALSE(secured.server.alive());
  EXPECT_TRUE(secured.server.handler.calls.empty());
  EXPECT_EQ(secured.server.counters().tls_handshakes, 0u);
  EXPECT_EQ(secured.server.counters().tls_handshakes_failed, 1u);
}

INSTANTIATE_TEST_SUITE_P(
    Tls, RefusedClient,
    testing::Values(
        Refused{"Http1", {.protocol = "http/1.1"}}, Refused{"NoAlpn", {.protocol = ""}},
        Refused{"Tls10", {.highest = TLS1_VERSION, .ciphers = "ALL:@SECLEVEL=0"}},
        Refused{"Tls11", {.highest = TLS1_1_VERSION, .ciphers = "ALL:@SECLEVEL=0"}},
        Refused{"Cbc",
                {.highest = TLS1_2_VERSION, .ciphers = "ECDHE-ECDSA-AES128-SHA256"}},
        Refused{"NoForwardSecrecy",
                {.highest = TLS1_2_VERSION, .ciphers = "AES128-GCM-SHA256"}}),
    [](const auto& info) { return info.param.name; });

TEST(Tls, WhatIsNoTlsIsRefused) {
  Secured secured;
  Client plain;
  plain.Call("hello");
  secured.server.Feed(plain.TakeOutput());
  EXPECT_FALSE(secured.server.alive());
}

TEST(Tls, AClientThatStopsInItsHandshakeIsToBeClosed) {
  Secured secured;
  const std::string hello = secured.tls.Encrypt("");
  secured.server.Feed(hello.substr(0, hello.size() / 2));
  ASSERT_TRUE(secured.server.connection->Sweep(secured.server.now));
  secured.server.now += 11'000'000'000;
  EXPECT_FALSE(secured.server.connection->Sweep(secured.server.now));
}

TEST(Tls, HandshakesWaitWhenAPassHasDoneItsShare) {
  Secured secured;
  secured.server.shared.handshakes_left = 0;
  secured.server.FeedOnce(secured.tls.Encrypt(""));
  EXPECT_TRUE(secured.server.connection->has_more());
  EXPECT_EQ(secured.server.Read(), "");
  secured.server.shared.handshakes_left = 100;
  EXPECT_TRUE(secured.server.connection->OnReadable(secured.server.now));
  EXPECT_NE(secured.server.Read(), "");
}

TEST(Tls, ARecordThatWasChangedOnTheWayEndsTheConnection) {
  Secured secured;
  secured.client.Call("first");
  secured.Pump();
  secured.client.Call("second");
  std::string record = secured.tls.Encrypt(secured.client.TakeOutput());
  record[record.size() / 2] = static_cast<char>(record[record.size() / 2] ^ 1);
  secured.server.Feed(record);
  EXPECT_FALSE(secured.server.alive());
  EXPECT_EQ(secured.server.handler.calls.size(), 1u);
}

TEST(Tls, AConnectionCutInTheMiddleOfARecordIsGone) {
  Secured secured;
  secured.server.handler.on_end = nullptr;
  secured.client.Call("waits");
  secured.Pump();
  secured.client.Call("never whole");
  const std::string record = secured.tls.Encrypt(secured.client.TakeOutput());
  secured.server.Feed(record.substr(0, record.size() / 2));
  secured.server.HangUp();
  EXPECT_FALSE(secured.server.alive());
  ASSERT_EQ(secured.server.handler.calls.size(), 1u);
  EXPECT_EQ(secured.server.handler.calls.at(0).gones, 1);
}

TEST(Tls, AGoodbyeEndsTheConnection) {
  Secured secured;
  secured.client.Call("hello");
  secured.Pump();
  SSL_shutdown(secured.tls.get());
  secured.server.Feed(secured.tls.TakeRecords());
  EXPECT_FALSE(secured.server.alive());
}

TEST(Mutual, AClientIsKnownByItsCertificate) {
  const Certificate own("robot", &Authority(),
                        "URI:spiffe://tests/robot,DNS:robot.test,email:a@b.c");
  Secured secured({.certificate = &own}, Authority().pem());
  const std::int32_t id = secured.client.Call("hello");
  secured.Pump();
  EXPECT_EQ(secured.client.response(id).message(), "hello");
  const Peer& peer = secured.server.connection->peer();
  EXPECT_TRUE(peer.is_tls);
  EXPECT_EQ(peer.subject, "CN=robot,O=Tests\\, Inc.");
  EXPECT_EQ(peer.names,
            (std::vector<std::string>{"spiffe://tests/robot", "robot.test"}));
}

TEST(Mutual, AResumedClientIsStillKnown) {
  const Certificate own("robot", &Authority(), "DNS:robot.test");
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Secured first({.highest = version, .certificate = &own}, Authority().pem());
    first.client.Call("hello");
    first.Pump();
    SSL_SESSION* ticket = SSL_get1_session(first.tls.get());
    Server server({}, first.context.get());
    server.handler.EchoAtEnd();
    TlsClient tls({.highest = version, .certificate = &own});
    SSL_set_session(tls.get(), ticket);
    Client client;
    client.Call("again");
    tls.Pump(server, client);
    EXPECT_EQ(SSL_session_reused(tls.get()), 1);
    ASSERT_TRUE(server.alive());
    EXPECT_EQ(server.connection->peer().subject, "CN=robot,O=Tests\\, Inc.");
    EXPECT_EQ(server.connection->peer().names, std::vector<std::string>{"robot.test"});

    // Other authorities are another context: its keys do not open old tickets.
    const Certificate elsewhere("elsewhere");
    const auto stricter = MakeContext(elsewhere.pem());
    Server changed({}, stricter.get());
    TlsClient late({.highest = version, .certificate = &own});
    SSL_set_session(late.get(), ticket);
    Client refused;
    refused.Call("again");
    late.Pump(changed, refused);
    EXPECT_FALSE(changed.alive());
    SSL_SESSION_free(ticket);
  }
}

TEST(Mutual, AStrangerIsRefused) {
  const Certificate other("other authority");
  const Certificate theirs("robot", &other);
  for (const Certificate* shown : {static_cast<const Certificate*>(nullptr), &theirs}) {
    for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
      Secured secured({.highest = version, .certificate = shown}, Authority().pem());
      secured.client.Call("hello");
      secured.Pump();
      EXPECT_FALSE(secured.server.alive());
      EXPECT_TRUE(secured.server.handler.calls.empty());
    }
  }
}

TEST(Mutual, ACertificateThatHasEndedIsRefused) {
  const Certificate old("robot", &Authority(), "", -60);
  Secured secured({.certificate = &old}, Authority().pem());
  secured.client.Call("hello");
  secured.Pump();
  EXPECT_FALSE(secured.server.alive());
  EXPECT_TRUE(secured.server.handler.calls.empty());
}

}  // namespace
}  // namespace leeboard::http2
