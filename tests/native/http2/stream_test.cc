// What one call looks like to the handler and to the client.

#include "http2/stream.h"

#include <gtest/gtest.h>

#include "client.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

TEST(Stream, EchoesAUnaryCall) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  const std::int32_t id = client.Call("hello");
  server.Pump(client);

  const Seen& seen = server.handler.calls.at(0);
  EXPECT_EQ(seen.method, "/inference.GRPCInferenceService/ModelInfer");
  EXPECT_EQ(seen.announced, 5);
  EXPECT_EQ(seen.ends, 1);
  EXPECT_EQ(seen.gones, 0);
  const Response& response = client.response(id);
  EXPECT_EQ(response.field(":status"), "200");
  EXPECT_EQ(response.field("content-type"), "application/grpc");
  EXPECT_EQ(response.message(), "hello");
  EXPECT_EQ(response.grpc_status(), "0");
  EXPECT_TRUE(response.closed);
  EXPECT_EQ(server.counters().calls_finished, 1u);
  EXPECT_EQ(server.connection->open_calls(), 0u);
}

TEST(Stream, EmptyMessageIsAMessage) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  const std::int32_t id = client.Call("");
  server.Pump(client);
  EXPECT_EQ(server.handler.calls.at(0).announced, 0);
  EXPECT_EQ(client.response(id).data, Prefix(0));
  EXPECT_EQ(client.response(id).grpc_status(), "0");
}

TEST(Stream, BytesMayBeSplitAnywhere) {
  const auto requests = [](Client& client) {
    client.Call("first");
    client.Call("second", {{"grpc-timeout", "1S"}});
    return client.TakeOutput();
  };
  Client sizing;
  const std::size_t size = requests(sizing).size();
  for (std::size_t cut = 1; cut < size; ++cut) {
    Server server;
    Client client;
    server.handler.EchoAtEnd();
    const std::string bytes = requests(client);
    server.Feed(std::string_view(bytes).substr(0, cut));
    server.Feed(std::string_view(bytes).substr(cut));
    server.Pump(client);
    ASSERT_EQ(client.response(1).message(), "first") << cut;
    ASSERT_EQ(client.response(3).message(), "second") << cut;
  }
}

TEST(Stream, BytesMayArriveOneByOne) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  client.Call("drip");
  for (const char byte : client.TakeOutput()) {
    server.Feed(std::string_view(&byte, 1));
  }
  server.Pump(client);
  EXPECT_EQ(client.response(1).message(), "drip");
}

TEST(Stream, AnswersAtEveryStepEndTheCall) {
  const ScriptedHandler::Knob reply = [](Seen& seen) {
    ScriptedHandler::Reply(seen, TextBody("early"));
  };
  for (ScriptedHandler::Knob ScriptedHandler::* step :
       {&ScriptedHandler::on_start, &ScriptedHandler::on_message,
        &ScriptedHandler::on_bytes, &ScriptedHandler::on_end}) {
    Server server;
    Client client;
    server.handler.*step = reply;
    const std::int32_t id = client.Call("hello");
    server.Pump(client);
    EXPECT_EQ(client.response(id).message(), "early");
    EXPECT_EQ(client.response(id).grpc_status(), "0");
    EXPECT_EQ(server.handler.calls.at(0).gones, 0);
    EXPECT_EQ(server.connection->open_calls(), 0u);
  }
}

TEST(Stream, EarlyFailureDropsTheRestAndResetsWithNoError) {
  Server server;
  Client client;
  server.handler.on_message = [](Seen& seen) {
    ScriptedHandler::Fail(seen, Status::NotFound("no such model"));
  };
  const std::int32_t id = client.Start(CallFields(), Prefix(1000), true);
  server.Pump(client);
  const Response& response = client.response(id);
  EXPECT_EQ(response.grpc_status(), "5");
  EXPECT_TRUE(response.closed);
  EXPECT_EQ(response.error_code, std::uint32_t{NGHTTP2_NO_ERROR});
  EXPECT_EQ(server.handler.calls.at(0).message, "");
  EXPECT_EQ(server.handler.calls.at(0).ends, 0);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
}

TEST(Stream, FailureIsTrailersOnlyWithAnEncodedMessage) {
  Server server;
  Client client;
  server.handler.on_end = [](Seen& seen) {
    ScriptedHandler::Fail(seen, Status::InvalidArgument("caf\xc3\xa9: 100%"));
  };
  const std::int32_t id = client.Call("hello");
  server.Pump(client);
  const Response& response = client.response(id);
  EXPECT_EQ(response.field(":status"), "200");
  EXPECT_EQ(response.grpc_status(), "3");
  EXPECT_EQ(response.field("grpc-message"), "caf%C3%A9: 100%25");
  EXPECT_EQ(response.data, "");
}

TEST(Stream, TimeoutBecomesADeadline) {
  Server server;
  Client client;
  client.Call("a", {{"grpc-timeout", "250m"}});
  client.Call("b");
  server.Pump(client);
  EXPECT_EQ(server.handler.calls.at(0).deadline, server.now + 250'000'000);
  EXPECT_EQ(server.handler.calls.at(1).deadline, kNever);
}

TEST(Stream, MalformedTimeoutIsAnErrorTheHandlerNeverSees) {
  Server server;
  Client client;
  const std::int32_t id = client.Call("a", {{"grpc-timeout", "soon"}});
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "13");
  EXPECT_TRUE(server.handler.calls.empty());
}

TEST(Stream, OtherHttpIsAnsweredAsHttp) {
  Server server;
  Client client;
  const std::int32_t get = client.Start(CallFields({{":method", "GET"}}), "");
  const std::int32_t json =
      client.Start(CallFields({{"content-type", "application/json"}}), "{}");
  server.Pump(client);
  EXPECT_EQ(client.response(get).field(":status"), "405");
  EXPECT_EQ(client.response(get).field("allow"), "POST");
  EXPECT_EQ(client.response(json).field(":status"), "415");
  EXPECT_TRUE(client.response(json).closed);
  EXPECT_TRUE(server.handler.calls.empty());
  EXPECT_EQ(server.counters().calls_started, 0u);
}

// Each of these breaks the rules of a unary call in its own way.
struct BrokenCase {
  const char* name;
  std::string body;
  const char* status;
};

class BrokenCall : public testing::TestWithParam<BrokenCase> {};

TEST_P(BrokenCall, IsRefusedAndTheHandlerHearsThatItIsGone) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  const std::int32_t id = client.Start(CallFields(), GetParam().body);
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), GetParam().status);
  EXPECT_NE(client.response(id).field("grpc-message"), "");
  EXPECT_EQ(server.handler.calls.at(0).gones, 1);
  EXPECT_EQ(server.handler.calls.at(0).ends, 0);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
  EXPECT_TRUE(server.alive());
}

INSTANTIATE_TEST_SUITE_P(
    Stream, BrokenCall,
    testing::Values(BrokenCase{"NoMessage", "", "12"},
                    BrokenCase{"HalfAPrefix", std::string(3, '\0'), "13"},
                    BrokenCase{"HalfAMessage", Prefix(10) + "12345", "13"},
                    BrokenCase{"TwoMessages", Framed("one") + Framed("two"), "12"},
                    BrokenCase{"BytesAfterTheMessage", Framed("one") + "x", "12"},
                    BrokenCase{"CompressedInAnUnknownWay", Framed("zip", 1), "13"},
                    BrokenCase{"BadFlag", Framed("odd", 2), "13"}),
    [](const auto& info) { return info.param.name; });

TEST(Stream, AnUnknownEncodingLearnsWhatIsAccepted) {
  Server server;
  Client client;
  const std::int32_t id =
      client.Start(CallFields({{"grpc-encoding", "br"}}), Framed("zip", 1));
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "12");
  EXPECT_EQ(client.response(id).field("grpc-accept-encoding"), "identity,deflate,gzip");
  EXPECT_TRUE(server.handler.calls.empty());
}

TEST(Stream, CancelBeforeTheAnswerIsToldOnce) {
  Server server;
  Client client;
  const std::int32_t id = client.Call("hello");
  server.Pump(client);
  client.Reset(id);
  server.Pump(client);
  EXPECT_EQ(server.handler.calls.at(0).gones, 1);
  EXPECT_EQ(server.counters().calls_gone, 1u);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
  server.HangUp();
  EXPECT_EQ(server.handler.calls.at(0).gones, 1);
}

TEST(Stream, CancelAfterTheAnswerIsNotTold) {
  Server server;
  Client client({.stream_window = 100});
  server.handler.on_end = [](Seen& seen) {
    ScriptedHandler::Reply(seen, TextBody(std::string(1000, 'x')));
  };
  const std::int32_t id = client.Call("hello");
  server.Feed(client.TakeOutput());
  client.Reset(id);
  server.Feed(client.TakeOutput());
  server.Pump(client);
  EXPECT_EQ(server.handler.calls.at(0).gones, 0);
  EXPECT_EQ(server.counters().calls_finished, 1u);
}

TEST(Stream, LostConnectionIsToldToEveryCallThatWaits) {
  Server server;
  Client client;
  client.Call("one");
  client.Start(CallFields(), Prefix(9) + "half", true);
  server.Pump(client);
  // The handler may answer others while it hears of one; they hear nothing more.
  server.handler.on_gone = [&](Seen& seen) {
    Seen& other = &seen == &server.handler.calls[0] ? server.handler.calls[1]
                                                    : server.handler.calls[0];
    if (other.call != nullptr) {
      ScriptedHandler::Reply(other, TextBody("too late"));
    }
  };
  server.HangUp();
  EXPECT_FALSE(server.alive());
  EXPECT_EQ(server.handler.calls[0].gones + server.handler.calls[1].gones, 1);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
  EXPECT_TRUE(server.shared.dirty.empty());
  EXPECT_EQ(server.counters().connections_closed, 1u);
}

}  // namespace
}  // namespace leeboard::http2
