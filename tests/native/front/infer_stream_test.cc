// ModelStreamInfer, health watches and reflection on a whole server.

#include "front/infer_stream.h"

#include <algorithm>

#include "front/reflection.h"
#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

using Messages = std::vector<std::string>;

http2::Fields PathOf(const std::string& path, http2::Fields extra = {}) {
  extra.emplace_back(":path", path);
  return http2::CallFields(extra);
}

std::string Ask(const std::string& id, const std::string& data = "abc") {
  return http2::Framed(AskRows(data, 1, "m", id));
}

class StreamTest : public ServerTest {
 protected:
  static std::int32_t Open(Loopback& client, const std::string& body, bool open,
                           const http2::Fields& extra = {}) {
    return client.client.Start(
        PathOf(std::string(kService) + "ModelStreamInfer", extra), body, open);
  }
  // The ids of the answers in their order; "!" before those of errors.
  static Messages Ids(Loopback& client, std::int32_t id) {
    Messages ids;
    for (const std::string& message : client.client.response(id).messages()) {
      wire::ProtoReader reader(
          {reinterpret_cast<const std::uint8_t*>(message.data()), message.size()});
      std::string found;
      while (reader.Next()) {
        if (reader.tag() == wire::TextTag(1)) {
          found = "!";
        } else if (reader.tag() == wire::TextTag(2)) {
          found += wire::FindId(reader.payload());
        }
      }
      ids.push_back(found);
    }
    return ids;
  }
  // For what the server does without a word.
  template <typename Condition>
  static void Await(const Condition& holds) {
    const Nanos until = MonotonicNow() + Nanos{kPatienceMs} * 1'000'000;
    while (!holds() && MonotonicNow() < until) {
      std::this_thread::yield();
    }
    EXPECT_TRUE(holds());
  }
  static void Await(Loopback& client, std::int32_t id, std::size_t count) {
    EXPECT_TRUE(client.Until(
        [&] { return client.client.response(id).messages().size() >= count; }));
  }
};

TEST_F(StreamTest, AnswersInTheOrderOfTheRequests) {
  Start();
  AddInlineWorker();
  AddInlineWorker();
  Loopback client(server->port());
  std::string body;
  Messages ids;
  for (int i = 0; i < 400; ++i) {
    ids.push_back(std::to_string(i));
    // Shapes differ, so that neighbours run in different batches.
    body += Ask(ids.back(), std::string(static_cast<std::size_t>(1 + i % 5), 'x'));
  }
  const std::int32_t stream = Open(client, body, /*open=*/false);
  EXPECT_EQ(client.Wait(stream).grpc_status(), "0");
  EXPECT_EQ(Ids(client, stream), ids);
  ExpectIdle();
  EXPECT_EQ(server->counters().streams.get(), 0u);
}

TEST_F(StreamTest, AReplyIsTheUnaryOneInAnEnvelope) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const std::int32_t stream = Open(client, Ask("7"), /*open=*/false);
  const std::string final = wire::Message()
                                .Text(1, "triton_final_response")
                                .Nested(2, wire::Message().Number(1, 1))
                                .str();
  const std::string reply = wire::Message()
                                .Text(1, "m")
                                .Text(2, "1")
                                .Text(3, "7")
                                .Text(4, final)
                                .Nested(5, wire::Input("x", "UINT8", {1, 3}))
                                .Text(6, "abc")
                                .str();
  EXPECT_EQ(client.Wait(stream).messages(),
            Messages{wire::Message().Text(2, reply).str()});
}

TEST_F(StreamTest, WhatIsWrongIsSaidInItsPlace) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const std::string unknown = http2::Framed(AskRows("abc", 1, "other", "2"));
  const std::int32_t stream =
      Open(client, Ask("1") + unknown + http2::Framed("\xFF") + Ask("4"), false);
  EXPECT_EQ(client.Wait(stream).grpc_status(), "0");
  EXPECT_EQ(Ids(client, stream), (Messages{"1", "!2", "!", "4"}));
  EXPECT_EQ(server->counters().unknown_model.get(), 1u);
  EXPECT_EQ(server->counters().malformed.get(), 1u);
}

TEST_F(StreamTest, AStatusEndsTheStreamForClientsThatAskForIt) {
  Start();
  Loopback client(server->port());
  const std::int32_t stream =
      Open(client, Ask("1") + http2::Framed(AskRows("abc", 1, "other", "2")),
           /*open=*/true, {{"triton_grpc_error", "true"}});
  EXPECT_EQ(client.Wait(stream).grpc_status(), "5");
  client.Settle();
  EXPECT_EQ(model.failed(batch::Reason::kCancelled), 1u);
  ExpectIdle();
}

TEST_F(StreamTest, RequestsOfACutStreamAreForgotten) {
  Start();
  Loopback client(server->port());
  const std::int32_t stream = Open(client, Ask("1") + Ask("2") + Ask("3"), true);
  client.Settle();
  client.Reset(stream);
  client.Settle();
  EXPECT_EQ(model.failed(batch::Reason::kCancelled), 3u);
  ExpectIdle();
}

TEST_F(StreamTest, EachRequestHasTheStreamsDeadline) {
  Start();
  Loopback client(server->port());
  const std::int32_t stream =
      Open(client, Ask("1") + Ask("2"), true, {{"grpc-timeout", "1m"}});
  EXPECT_TRUE(client.Until([&] { return Ids(client, stream).size() == 2; }));
  EXPECT_EQ(Ids(client, stream), (Messages{"!1", "!2"}));
  EXPECT_EQ(client.Wait(stream).grpc_status(), "4");
  ExpectIdle();
}

TEST_F(StreamTest, OneStreamHasNoMoreUnderWayThanItMay) {
  ServerOptions options;
  options.streams.stream_messages = 5;
  Start(options);
  Loopback client(server->port());
  std::string body;
  for (int i = 0; i < 20; ++i) {
    body += Ask(std::to_string(i));
  }
  const std::int32_t stream = Open(client, body, /*open=*/false);
  client.Settle();
  EXPECT_EQ(model.counters().queued.get(), 5u);
  AddInlineWorker();
  EXPECT_EQ(client.Wait(stream).grpc_status(), "0");
  EXPECT_EQ(Ids(client, stream).size(), 20u);
  ExpectIdle();
}

TEST_F(StreamTest, OneConnectionHasNoMoreUnderWayThanItMay) {
  ServerOptions options;
  options.streams.connection_messages = 6;
  Start(options);
  Loopback client(server->port());
  std::string body;
  for (int i = 0; i < 10; ++i) {
    body += Ask(std::to_string(i));
  }
  const std::int32_t first = Open(client, body, /*open=*/false);
  const std::int32_t second = Open(client, body, /*open=*/false);
  client.Settle();
  // The second may have one whatever the others have: nobody starves.
  EXPECT_EQ(model.counters().queued.get(), 7u);
  AddInlineWorker();
  EXPECT_EQ(client.Wait(first).grpc_status(), "0");
  EXPECT_EQ(client.Wait(second).grpc_status(), "0");
  EXPECT_EQ(Ids(client, second).size(), 10u);
  ExpectIdle();
}

TEST_F(StreamTest, AClientThatDoesNotReadIsNotReadFrom) {
  ServerOptions options;
  options.streams.stream_messages = 4;
  Start(options);
  AddInlineWorker();
  Loopback client(server->port(), {.stream_window = 0, .connection_window = 65535});
  std::string body;
  for (int i = 0; i < 50; ++i) {
    body += Ask(std::to_string(i));
  }
  Open(client, body, /*open=*/true);
  client.Send();
  Await([&] { return model.counters().requests_ok.get() == 4; });
  Loopback other(server->port());
  other.Settle();
  EXPECT_EQ(server->counters().requests.get(), 4u);
}

TEST_F(StreamTest, AnswersThatWaitForAnEarlierOneCountForTheBudget) {
  ServerOptions options;
  options.limits.connection_budget_bytes = 500'000;
  Start(options);
  const auto slow = AddWorker();
  Loopback client(server->port());
  const std::int32_t stream = Open(client, Ask("0"), /*open=*/true);
  client.Settle();
  ASSERT_TRUE(slow->Take(kPatienceMs));
  AddInlineWorker();
  std::uint64_t answered = 0;
  const auto closed = [&] { return client.client.response(stream).closed; };
  for (; answered < 20 && !closed(); ++answered) {
    client.client.Send(stream, Ask("x", std::string(100'000, 'x')));
    client.Settle();
    while (!closed() && model.counters().requests_ok.get() <= answered) {
      client.Settle();
    }
  }
  EXPECT_EQ(answered, 5u);
  EXPECT_EQ(client.Wait(stream).grpc_status(), "8");
  slow->Finish();
}

TEST_F(StreamTest, DrainingAnswersWhatItHasAndEndsTheStream) {
  Start();
  Loopback client(server->port());
  const std::int32_t busy = Open(client, Ask("1"), /*open=*/true);
  const std::int32_t idle = Open(client, "", /*open=*/true);
  client.Settle();
  server->BeginDrain();
  EXPECT_EQ(client.Wait(idle).grpc_status(), "14");
  EXPECT_FALSE(client.client.response(busy).closed);
  client.client.Send(busy, Ask("late"));
  client.Send();
  Await([&] { return server->counters().requests.get() == 2; });
  AddInlineWorker();
  EXPECT_EQ(client.Wait(busy).grpc_status(), "14");
  EXPECT_EQ(Ids(client, busy), (Messages{"1", "!late"}));
  EXPECT_EQ(NextNotice().kind, Notice::Kind::kDrained);
  ExpectIdle();
}

TEST_F(StreamTest, AVersionIsChosenForEachMessage) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const std::int32_t stream = Open(client, Ask("1"), /*open=*/true);
  Await(client, stream, 1);
  server->SetTable(std::make_shared<route::Table>());
  client.Settle();
  client.client.Send(stream, Ask("2"));
  Await(client, stream, 2);
  server->SetTable(model.table);
  client.Settle();
  client.client.Send(stream, Ask("3"), /*leave_open=*/false);
  EXPECT_EQ(client.Wait(stream).grpc_status(), "0");
  EXPECT_EQ(Ids(client, stream), (Messages{"1", "!2", "3"}));
}

std::string Health(int status) {
  return wire::Message().Number(1, static_cast<std::uint64_t>(status)).str();
}

class WatchTest : public StreamTest {
 protected:
  static std::int32_t Watch(Loopback& client, const std::string& service) {
    return client.client.Start(PathOf("/grpc.health.v1.Health/Watch"),
                               http2::Framed(wire::Message().Text(1, service).str()));
  }
};

TEST_F(WatchTest, TellsChangesAndNothingElse) {
  Start();
  Loopback client(server->port());
  const std::int32_t known = Watch(client, "m");
  const std::int32_t unknown = Watch(client, "n");
  Await(client, known, 1);
  Await(client, unknown, 1);
  server->SetTable(model.table);
  server->SetTable(std::make_shared<route::Table>());
  Await(client, known, 2);
  EXPECT_EQ(client.client.response(known).messages(), (Messages{Health(1), Health(3)}));
  server->SetTable(model.table);
  Await(client, known, 3);
  EXPECT_EQ(client.client.response(unknown).messages(), Messages{Health(3)});
  server->BeginDrain();
  EXPECT_EQ(client.Wait(known).grpc_status(), "14");
  EXPECT_EQ(client.client.response(known).messages().back(), Health(2));
}

TEST_F(WatchTest, AWatcherThatReadsNothingIsLetGo) {
  Start();
  Loopback client(server->port(), {.stream_window = 0, .connection_window = 65535});
  Watch(client, "m");
  client.Send();
  Await([&] { return server->counters().streams.get() == 1; });
  const auto empty = std::make_shared<route::Table>();
  for (int i = 0; i < 20; ++i) {
    server->SetTable(empty);
    server->SetTable(model.table);
  }
  Await([&] { return server->counters().streams.get() == 0; });
}

TEST_F(WatchTest, TheNamesOfServicesCountForTheBudget) {
  ServerOptions options;
  options.limits.connection_budget_bytes = 200'000;
  Start(options);
  Loopback client(server->port());
  const std::string name(60'000, 'n');
  std::vector<std::int32_t> calls;
  for (int i = 0; i < 4; ++i) {
    calls.push_back(Watch(client, name));
    client.Settle();
  }
  EXPECT_EQ(server->counters().streams.get(), 3u);
  EXPECT_EQ(client.Wait(calls.back()).grpc_status(), "8");
  client.Reset(calls.front());
  client.Settle();
  Await(client, Watch(client, name), 1);
}

TEST_F(WatchTest, WhatIsNoWatchIsRefused) {
  Start();
  Loopback client(server->port());
  const std::string one = http2::Framed(wire::Message().Text(1, "m").str());
  const std::string path = "/grpc.health.v1.Health/Watch";
  EXPECT_EQ(client.Wait(client.client.Start(PathOf(path), "")).grpc_status(), "3");
  EXPECT_EQ(client.Wait(client.client.Start(PathOf(path), one + one)).grpc_status(),
            "3");
  EXPECT_EQ(client.Wait(client.client.Start(PathOf(path), http2::Framed("\xFF")))
                .grpc_status(),
            "3");
  ExpectIdle();
}

TEST_F(StreamTest, ReflectionTellsWhatItWasGiven) {
  auto told = std::make_shared<Reflection>();
  told->AddFile("a.proto", {"A", {"p.A"}, {"b.proto", "gone.proto"}});
  told->AddFile("b.proto", {"B", {"p.B"}, {"a.proto"}});
  told->AddService("p.A");
  Start();
  server->SetReflection(told);
  Loopback client(server->port());
  const std::string symbol = wire::Message().Text(4, "p.A").str();
  const std::string list = wire::Message().Text(7, "*").str();
  const std::string nobody = wire::Message().Text(3, "c.proto").str();
  const std::int32_t call = client.client.Start(
      PathOf("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
      http2::Framed(symbol) + http2::Framed(list) + http2::Framed(nobody));
  EXPECT_EQ(client.Wait(call).grpc_status(), "0");
  const wire::Message error = wire::Message().Number(1, 5).Text(
      2, "no file or symbol 'c.proto' is served here");
  EXPECT_EQ(client.client.response(call).messages(),
            (Messages{wire::Message()
                          .Text(2, symbol)
                          .Nested(4, wire::Message().Text(1, "A").Text(1, "B"))
                          .str(),
                      wire::Message()
                          .Text(2, list)
                          .Nested(6, wire::Message().Nested(
                                         1, wire::Message().Text(1, "p.A")))
                          .str(),
                      wire::Message().Text(2, nobody).Nested(7, error).str()}));
  ExpectIdle();
}

}  // namespace
}  // namespace leeboard::front
