// A whole server on loopback, with workers in this process.

#include "front/server.h"

#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

using wire::DType;

TEST_F(ServerTest, AnswersWithTheModelsOutputs) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  ASSERT_TRUE(client.connected);
  const http2::Response& response =
      client.Wait(client.Infer(AskRows("abc", 1, "m", "7")));
  EXPECT_EQ(response.grpc_status(), "0");
  EXPECT_EQ(response.message(), wire::Message()
                                    .Text(1, "m")
                                    .Text(2, "1")
                                    .Text(3, "7")
                                    .Nested(5, wire::Input("x", "UINT8", {1, 3}))
                                    .Text(6, "abc")
                                    .str());
  ExpectIdle();
  EXPECT_EQ(model.counters().requests_ok.get(), 1u);
  EXPECT_EQ(server->counters().requests.get(), 1u);
}

TEST_F(ServerTest, LargeMessagesGoBothWays) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const std::string data(3'000'000, 'L');
  std::vector<std::int32_t> calls;
  for (int i = 0; i < 5; ++i) {
    calls.push_back(client.Infer(AskRows(data)));
  }
  for (const std::int32_t call : calls) {
    const http2::Response& response = client.Wait(call);
    ASSERT_EQ(response.grpc_status(), "0") << response.field("grpc-message");
    EXPECT_EQ(response.message().substr(response.message().size() - data.size()), data);
  }
  client.Settle();
  ExpectIdle();
}

TEST_F(ServerTest, WhatCannotBeServedHasItsCode) {
  Start();
  Loopback client(server->port());
  EXPECT_EQ(client.Ask("NoSuchMethod").grpc_status(), "12");
  EXPECT_EQ(client.Ask("ModelInfer", AskRows("x", 1, "other")).grpc_status(), "5");
  EXPECT_EQ(client.Ask("ModelInfer", "\xFF").grpc_status(), "3");
  EXPECT_EQ(client.Ask("ModelInfer", AskRows("123456", 6)).grpc_status(), "3");
  EXPECT_EQ(client.Ask("ModelInfer", "").grpc_status(), "5");
  EXPECT_EQ(server->counters().unknown_model.get(), 2u);
  EXPECT_EQ(server->counters().malformed.get(), 1u);
  EXPECT_EQ(model.failed(batch::Reason::kInvalid), 1u);
  ExpectIdle();
}

TEST_F(ServerTest, SmallMethodsAreAnsweredWithoutAWorker) {
  Start();
  Loopback client(server->port());
  const std::string yes = wire::Message().Number(1, 1).str();
  EXPECT_EQ(client.Ask("ServerLive").message(), yes);
  EXPECT_EQ(client.Ask("ServerReady").message(), yes);
  const std::string m = wire::Message().Text(1, "m").str();
  EXPECT_EQ(client.Ask("ModelReady", m).message(), yes);
  EXPECT_NE(client.Ask("ModelReady", wire::Message().Text(1, "n").str()).message(),
            yes);
  EXPECT_EQ(client.Ask("ModelMetadata", m).message(), "metadata");
  EXPECT_EQ(client.Ask("ModelStatistics", m).grpc_status(), "0");
  EXPECT_EQ(client.Ask("RepositoryIndex").grpc_status(), "0");
  EXPECT_EQ(client.Ask("ServerLive", std::string(100'000, 'x')).grpc_status(), "3");
}

TEST_F(ServerTest, ARequestWhoseTimeRunsOutHearsIt) {
  Start();
  Loopback client(server->port());
  const http2::Response& response =
      client.Wait(client.Infer(AskRows("abc"), {{"grpc-timeout", "1m"}}));
  EXPECT_EQ(response.grpc_status(), "4");
  EXPECT_EQ(model.failed(batch::Reason::kDeadline), 1u);
  client.Settle();
  ExpectIdle();
}

TEST_F(ServerTest, ACancelledRequestIsForgotten) {
  Start();
  Loopback client(server->port());
  client.Reset(client.Infer(AskRows("abc")));
  client.Settle();
  EXPECT_EQ(model.failed(batch::Reason::kCancelled), 1u);
  ExpectIdle();
}

TEST_F(ServerTest, AConnectionCutWithinALargeMessageLeavesNothing) {
  Start();
  const std::uint64_t before = model.counters().input_bytes_used.get();
  Loopback other(server->port());
  {
    Loopback client(server->port());
    const std::string message = AskRows(std::string(500'000, 'x'));
    const std::string framed = http2::Framed(message);
    client.client.Start(http2::CallFields(), framed.substr(0, 300'000), true);
    client.Settle();
    EXPECT_GE(model.counters().input_bytes_used.get(), before + 500'000);
  }
  while (server->counters().connections.get() > 1) {
    other.Settle();
  }
  EXPECT_LT(model.counters().input_bytes_used.get(), before + 50'000);
  ExpectIdle();
}

TEST_F(ServerTest, WaitingRequestsCanBeFailedTogether) {
  Start();
  Loopback client(server->port());
  const std::int32_t first = client.Infer(AskRows("abc"));
  const std::int32_t second = client.Infer(AskRows("de"));
  client.Settle();
  server->FailWaiting(model.served, "the model is broken");
  EXPECT_EQ(client.Wait(first).grpc_status(), "14");
  EXPECT_EQ(client.Wait(second).field("grpc-message"), "the model is broken");
  ExpectIdle();
}

TEST_F(ServerTest, AWorkerThatIsRemovedLeavesItsBatchToTheNext) {
  Start();
  auto first = AddWorker();
  Loopback client(server->port());
  const std::int32_t call = client.Infer(AskRows("abc"));
  ASSERT_TRUE(first->Take(kPatienceMs));
  server->RemoveWorker(last_worker);
  AddInlineWorker();
  EXPECT_EQ(client.Wait(call).grpc_status(), "0");
  EXPECT_EQ(model.counters().deaths[0].get(), 1u);
  EXPECT_EQ(model.counters().reruns.get(), 1u);
  ExpectIdle();
}

TEST_F(ServerTest, AWorkerThatBreaksTheRulesIsReported) {
  Start();
  auto worker = AddWorker();
  worker->spoil = [](shm::Completion* record) { record->seq += 1; };
  Loopback client(server->port());
  const std::int32_t call = client.Infer(AskRows("abc"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  worker->Finish();
  const Notice notice = NextNotice();
  EXPECT_EQ(notice.kind, Notice::Kind::kWorkerBroken);
  EXPECT_EQ(notice.id, last_worker);
  EXPECT_EQ(notice.text, "it completed a batch that it did not have");
  server->RemoveWorker(last_worker);
  AddInlineWorker();
  EXPECT_EQ(client.Wait(call).grpc_status(), "0");
}

TEST_F(ServerTest, ADrainFinishesWhatIsInFlightAndTakesNothingNew) {
  Start();
  auto worker = AddWorker();
  Loopback client(server->port());
  const std::int32_t call = client.Infer(AskRows("abc"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  server->BeginDrain();
  ASSERT_TRUE(client.Until([&] { return client.client.goaway().count > 0; }));
  EXPECT_FALSE(Loopback(server->port()).connected);
  worker->Finish();
  EXPECT_EQ(client.Wait(call).grpc_status(), "0");
  EXPECT_EQ(NextNotice().kind, Notice::Kind::kDrained);
}

TEST_F(ServerTest, ADrainWithoutConnectionsEndsAtOnce) {
  Start();
  server->BeginDrain();
  EXPECT_EQ(NextNotice().kind, Notice::Kind::kDrained);
  server->Stop();
  server->Stop();
}

TEST_F(ServerTest, MayStopWithRequestsInEveryState) {
  Start();
  auto worker = AddWorker();
  Loopback client(server->port());
  client.Infer(AskRows("claimed"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  client.Infer(AskRows("offered"));
  client.Infer(AskRows("of another shape"));
  client.Infer(AskRows("of a third shape!"));
  client.Infer(AskRows(std::string(300'000, 'L')));
  client.client.Start(
      http2::CallFields(),
      http2::Framed(AskRows(std::string(90'000, 'p'))).substr(0, 50'000), true);
  client.Settle();
  worker->Finish();
  server->Stop();
  EXPECT_EQ(server->counters().live_calls.get(), 0u);
  EXPECT_EQ(model.counters().open_batches.get(), 0u)
      << "what nobody waits for is not kept";
}

TEST_F(ServerTest, MayStopWhileClientsHaveNotTakenTheirReplies) {
  Start();
  AddInlineWorker();
  Loopback client(server->port(), {.stream_window = 1000, .connection_window = 70'000});
  const std::int32_t first = client.Infer(AskRows(std::string(2'000'000, 'L')));
  ASSERT_TRUE(
      client.Until([&] { return !client.client.response(first).data.empty(); }));
  EXPECT_GT(model.counters().output_grants.get(), 0u);
  server->Stop();
  EXPECT_EQ(model.counters().output_grants.get(), 0u);
}

TEST_F(ServerTest, RepliesSurviveTheWorkerThatMadeThem) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const std::string data(2'000'000, 'L');
  const std::int32_t call = client.Infer(AskRows(data));
  ASSERT_TRUE(client.Until([&] { return !client.client.response(call).data.empty(); }));
  server->RemoveWorker(last_worker);
  const http2::Response& response = client.Wait(call);
  EXPECT_EQ(response.grpc_status(), "0");
  EXPECT_EQ(response.message().substr(response.message().size() - data.size()), data);
}

TEST_F(ServerTest, SlowReadersDoNotHoldUpTheOthers) {
  Start();
  AddInlineWorker(/*output_bytes=*/4 << 20);
  std::vector<std::unique_ptr<Loopback>> slow;
  for (int i = 0; i < 8; ++i) {
    slow.push_back(std::make_unique<Loopback>(
        server->port(),
        http2::ClientOptions{.stream_window = 1000, .connection_window = 70'000}));
    Loopback& reader = *slow.back();
    const std::int32_t call = reader.Infer(AskRows(std::string(1'000'000, 's')));
    // The rest of the reply is never read.
    ASSERT_TRUE(
        reader.Until([&] { return !reader.client.response(call).data.empty(); }));
  }
  Loopback client(server->port());
  for (int i = 0; i < 5; ++i) {
    const http2::Response& response =
        client.Wait(client.Infer(AskRows(std::string(1'000'000, 'q'))));
    ASSERT_EQ(response.grpc_status(), "0") << response.field("grpc-message");
  }
}

TEST_F(ServerTest, ManyClientsAreAnsweredWithTheirOwnData) {
  Start();
  AddInlineWorker();
  AddInlineWorker();
  std::vector<std::thread> threads;
  for (int number = 0; number < 4; ++number) {
    threads.emplace_back([this, number] {
      Loopback client(server->port());
      for (int round = 0; round < 50; ++round) {
        std::vector<std::pair<std::int32_t, std::string>> calls;
        for (int i = 0; i < 10; ++i) {
          std::string data = std::to_string(number * 1000 + round * 10 + i);
          data.resize(i == 9 ? 30'000 : 5 + static_cast<std::size_t>(i % 2), 'd');
          calls.emplace_back(client.Infer(AskRows(data)), data);
        }
        client.Reset(calls[3].first);
        for (const auto& [call, data] : calls) {
          const http2::Response& response = client.Wait(call);
          const std::string message = response.message();
          if (call != calls[3].first) {
            ASSERT_EQ(response.grpc_status(), "0") << response.field("grpc-message");
            ASSERT_EQ(message.substr(message.size() - data.size()), data);
          }
        }
      }
      client.Settle();
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  server->Stop();
  ExpectIdle();
}

TEST_F(ServerTest, AnAddressInUseFailsTheStartWithItsName) {
  Start();
  ServerOptions options;
  options.port = server->port();
  Server second(options);
  const Status status = second.Start();
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(),
            "cannot listen on 127.0.0.1:" + std::to_string(server->port()) +
                ": Address already in use");
}

}  // namespace
}  // namespace leeboard::front
