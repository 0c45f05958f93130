// Calls with many messages each way.

#include <gtest/gtest.h>

#include <numeric>

#include "client.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

using Messages = std::vector<std::string>;

// A server whose handler takes every call as a stream and keeps its messages.
class FlowTest : public testing::Test {
 protected:
  FlowTest() { Take(&server); }

  void Take(Server* taker) {
    taker->handler.on_start = [](Seen& seen) { seen.call->BeginStream(); };
    taker->handler.on_message = [this](Seen& seen) {
      sizes.push_back(static_cast<std::uint64_t>(seen.announced));
    };
  }
  // The messages of the first call as the handler was given them.
  [[nodiscard]] Messages Received() {
    Messages received;
    std::string_view rest = seen().message;
    for (const std::uint64_t size : sizes) {
      received.emplace_back(rest.substr(0, size));
      rest.remove_prefix(std::min<std::size_t>(size, rest.size()));
    }
    return received;
  }
  Seen& seen() { return server.handler.calls.at(0); }
  Call* call() { return seen().call; }
  std::int32_t Open(const std::string& body, bool leave_open = true) {
    const std::int32_t id = client.Start(CallFields(), body, leave_open);
    server.Pump(client);
    return id;
  }

  Server server;
  Client client;
  std::vector<std::uint64_t> sizes;
};

TEST_F(FlowTest, MessagesComeOneAfterTheOtherHoweverTheyAreCut) {
  const std::string body = Framed("one") + Framed("") + Framed("three");
  Client sizing;
  sizing.Start(CallFields(), body);
  const std::size_t size = sizing.TakeOutput().size();
  for (std::size_t cut = 1; cut < size; ++cut) {
    Server other;
    sizes.clear();
    Take(&other);
    Client from;
    from.Start(CallFields(), body);
    const std::string bytes = from.TakeOutput();
    other.Feed(std::string_view(bytes).substr(0, cut));
    other.Feed(std::string_view(bytes).substr(cut));
    EXPECT_EQ(sizes, (std::vector<std::uint64_t>{3, 0, 5})) << cut;
    EXPECT_EQ(other.handler.calls.at(0).message, "onethree") << cut;
    EXPECT_EQ(other.handler.calls.at(0).ends, 1) << cut;
  }
}

TEST_F(FlowTest, AnswersLeaveInOrderAndTheEndComesLast) {
  const std::int32_t id = Open(Framed("x"), false);
  const std::string large(100'000, 'L');
  const Messages sent = {"a", "", large, "b", "c"};
  for (const std::string& message : sent) {
    call()->Send(TextBody(message));
  }
  call()->Finish({});
  server.Pump(client);
  EXPECT_EQ(client.response(id).messages(), sent);
  EXPECT_EQ(client.response(id).grpc_status(), "0");
  EXPECT_TRUE(client.response(id).closed);
  EXPECT_EQ(server.connection->open_calls(), 0u);
}

TEST_F(FlowTest, AStreamGoesOnAfterItHadNothingToSend) {
  const std::int32_t id = Open(Framed("x"));
  for (int i = 1; i <= 5; ++i) {
    call()->Send(TextBody(std::to_string(i)));
    EXPECT_EQ(call()->unsent(), 1u);
    server.Pump(client);
    EXPECT_EQ(call()->unsent(), 0u);
    EXPECT_EQ(seen().sents, i);
    EXPECT_EQ(client.response(id).messages().size(), static_cast<std::size_t>(i));
  }
  EXPECT_FALSE(client.response(id).closed);
  client.Send(id, Framed("last"), /*leave_open=*/false);
  server.Pump(client);
  EXPECT_EQ(seen().ends, 1);
  call()->Finish({});
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "0");
}

TEST_F(FlowTest, AFailureFollowsWhatWasSent) {
  const std::int32_t id = Open(Framed("x"));
  call()->Send(TextBody("fine"));
  call()->Fail(Status::Unavailable("stopping: 100%"));
  server.Pump(client);
  EXPECT_EQ(client.response(id).messages(), Messages{"fine"});
  EXPECT_EQ(client.response(id).grpc_status(), "14");
  EXPECT_EQ(client.response(id).field("grpc-message"), "stopping: 100%25");
  EXPECT_TRUE(client.response(id).closed);
  EXPECT_EQ(client.response(id).error_code, std::uint32_t{NGHTTP2_NO_ERROR});
}

TEST_F(FlowTest, AStreamMayEndWithoutAnAnswer) {
  const std::int32_t id = Open("", false);
  EXPECT_EQ(seen().ends, 1);
  call()->Finish({});
  server.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "0");
  EXPECT_EQ(client.response(id).data, "");
}

TEST_F(FlowTest, HalfAMessageAtTheEndIsTheClientsMistake) {
  const std::int32_t id = Open(Framed("whole") + Prefix(10) + "half", false);
  EXPECT_EQ(Received(), (Messages{"whole", "half"}));
  EXPECT_EQ(client.response(id).grpc_status(), "13");
  EXPECT_EQ(seen().gones, 1);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
}

TEST_F(FlowTest, BudgetsAreHeldUntilTheHandlerHasDone) {
  Open(Framed(std::string(100, 'a')) + Framed(std::string(50, 'b')));
  EXPECT_EQ(server.shared.admitted_bytes, 150u);
  call()->Release(100);
  EXPECT_EQ(server.shared.admitted_bytes, 50u);
  call()->Release(1000);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
}

TEST_F(FlowTest, APausedStreamKeepsItsClientWaiting) {
  Limits limits;
  limits.stream_window_bytes = 1 << 16;
  Server small(limits);
  Take(&small);
  small.handler.on_bytes = [](Seen& seen) { seen.call->Pause(); };
  std::string body;
  for (int i = 0; i < 3000; ++i) {
    body += Framed(std::string(95, static_cast<char>('a' + i % 26)));
  }
  const std::int32_t id = client.Start(CallFields(), body, /*leave_open=*/false);
  small.Pump(client);
  Seen& held = small.handler.calls.at(0);
  EXPECT_EQ(sizes.size(), 1u);
  EXPECT_EQ(held.ends, 0);
  // No more is kept than the window lets come.
  EXPECT_LE(small.shared.admitted_bytes, (1u << 16) + 100u);
  std::size_t rounds = 0;
  for (; held.ends == 0 && rounds < 4000; ++rounds) {
    held.call->Release(95);
    held.call->Resume();
    small.Pump(client);
  }
  EXPECT_EQ(sizes.size(), 3000u);
  EXPECT_EQ(held.message.size(), 3000u * 95);
  held.call->Finish({});
  small.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "0");
  EXPECT_EQ(small.shared.admitted_bytes, 0u);
}

TEST_F(FlowTest, TheWindowIsWholeAgainAfterAPause) {
  Limits limits;
  limits.stream_window_bytes = 1 << 16;
  Server small(limits);
  Take(&small);
  bool pause = true;
  small.handler.on_bytes = [&](Seen& seen) {
    if (pause) {
      seen.call->Pause();
    }
  };
  const std::string message = Framed(std::string(1000, 'm'));
  const std::int32_t id = client.Start(CallFields(), message, /*leave_open=*/true);
  small.Pump(client);
  pause = false;
  small.handler.calls.at(0).call->Resume();
  small.Pump(client);
  // Ten windows' worth, in one go: only credit lets it through.
  std::string body;
  for (int i = 0; i < 655; ++i) {
    body += message;
  }
  client.Send(id, body, /*leave_open=*/false);
  small.Pump(client);
  EXPECT_EQ(small.handler.calls.at(0).ends, 1);
  EXPECT_EQ(sizes.size(), 656u);
}

TEST_F(FlowTest, WhatIsHeldIsHeldToTheBudgets) {
  Limits limits;
  limits.connection_budget_bytes = 2000;
  Server small(limits);
  Take(&small);
  small.handler.on_bytes = [](Seen& seen) { seen.call->Pause(); };
  const std::int32_t id =
      client.Start(CallFields(), Framed("x") + std::string(4000, 'y'), true);
  small.Pump(client);
  EXPECT_EQ(client.response(id).grpc_status(), "8");
  EXPECT_EQ(small.handler.calls.at(0).gones, 1);
  EXPECT_EQ(small.shared.admitted_bytes, 0u);
}

TEST_F(FlowTest, AMessageOverTheLimitEndsTheStream) {
  Limits limits;
  limits.max_message_bytes = 10;
  Server small(limits);
  Take(&small);
  const std::int32_t id =
      client.Start(CallFields(), Framed("fine") + Framed("far too large"), true);
  small.Pump(client);
  EXPECT_EQ(sizes.size(), 1u);
  EXPECT_EQ(client.response(id).grpc_status(), "8");
  EXPECT_EQ(small.handler.calls.at(0).gones, 1);
}

TEST_F(FlowTest, AClientThatGoesTakesItsUnsentAnswersWithIt) {
  FakeMemory memory(std::string(1 << 20, 'M'));
  const std::int32_t id = Open(Framed("x"));
  for (int i = 0; i < 3; ++i) {
    ReplyBody body;
    body.cuts.push_back({0, memory.span(0, memory.bytes.size())});
    body.memory = &memory;
    call()->Send(std::move(body));
  }
  client.Reset(id);
  server.Pump(client);
  EXPECT_EQ(seen().gones, 1);
  EXPECT_EQ(memory.added, 3);
  EXPECT_EQ(memory.dropped, 3);
  EXPECT_EQ(server.connection->referenced_bytes(), 0u);
}

TEST_F(FlowTest, AnswersOfASlowReaderAreCopiedOut) {
  Client slow({.stream_window = 1000, .connection_window = 65535});
  FakeMemory memory(std::string(300'000, 'M'));
  const std::int32_t id = slow.Start(CallFields(), Framed("x"), true);
  server.Pump(slow);
  for (int i = 0; i < 2; ++i) {
    ReplyBody body;
    body.cuts.push_back({0, memory.span(0, memory.bytes.size())});
    body.memory = &memory;
    call()->Send(std::move(body));
  }
  server.Flush();
  ASSERT_TRUE(server.connection->CopyOutReplies());
  EXPECT_EQ(server.connection->referenced_bytes(), 0u);
  EXPECT_EQ(memory.dropped, 2);
  call()->Finish({});
  server.Pump(slow);
  EXPECT_EQ(slow.response(id).messages(), Messages(2, memory.bytes));
}

TEST_F(FlowTest, OnlyAMessageUnderWayCanBeTooSlow) {
  const Limits limits;
  Open(Framed("x"));
  server.now += 100 * limits.message_grace;
  EXPECT_TRUE(server.connection->Sweep(server.now));
  EXPECT_EQ(seen().gones, 0);
  client.Send(1, Prefix(1'000'000) + "a");
  server.Pump(client);
  server.now += 2 * limits.message_grace;
  EXPECT_TRUE(server.connection->Sweep(server.now));
  server.Pump(client);
  EXPECT_EQ(seen().gones, 1);
  EXPECT_EQ(client.response(1).grpc_status(), "4");
}

TEST_F(FlowTest, AFirstMessageMayComeLongAfterTheStreamBegan) {
  const Limits limits;
  Open("");
  server.now += 100 * limits.message_grace;
  client.Send(1, Prefix(1'000'000) + "a");
  server.Pump(client);
  EXPECT_TRUE(server.connection->Sweep(server.now));
  EXPECT_EQ(seen().gones, 0);
}

TEST_F(FlowTest, AClientThatIsPausedWithinAMessageIsNotTooSlow) {
  const Limits limits;
  server.handler.on_bytes = [](Seen& seen) { seen.call->Pause(); };
  const std::string message(4000, 'm');
  Open(Framed(message).substr(0, 1000));
  client.Send(1, Framed(message).substr(1000));
  server.Pump(client);
  server.now += 2 * limits.message_grace;
  EXPECT_TRUE(server.connection->Sweep(server.now));
  EXPECT_EQ(seen().gones, 0);
  server.connection->Sweep(server.now);
  call()->Resume();
  EXPECT_TRUE(server.connection->Sweep(server.now));
  EXPECT_EQ(seen().gones, 0);
  EXPECT_EQ(seen().message, message);
}

TEST_F(FlowTest, WhatIsHeldIsGoneThroughInOrderHoweverOftenItPauses) {
  server.handler.on_message = [this](Seen& seen) {
    sizes.push_back(static_cast<std::uint64_t>(seen.announced));
    seen.call->Pause();
  };
  Messages sent;
  std::string body;
  for (int i = 0; i < 100; ++i) {
    sent.push_back(std::string(static_cast<std::size_t>(1 + i % 7), 'a') +
                   std::to_string(i));
    body += Framed(sent.back());
  }
  Open(body.substr(0, 500));
  for (int i = 0; i < 200; ++i) {
    call()->Resume();
    if (i % 10 == 0 && 500 + i * 5U < body.size()) {
      client.Send(1, std::string_view(body).substr(500 + i * 5, 50), true);
    }
    server.Pump(client);
  }
  client.Send(1, "", false);
  server.Pump(client);
  call()->Resume();
  EXPECT_EQ(Received(), sent);
  EXPECT_EQ(seen().ends, 1);
  call()->Release(1'000'000);
  EXPECT_EQ(server.shared.admitted_bytes, 0u);
}

TEST_F(FlowTest, WhatTheClientTookIsCounted) {
  Client slow({.stream_window = 1000, .connection_window = 65535});
  slow.Start(CallFields(), Framed("x"), true);
  server.Feed(slow.TakeOutput());
  server.Flush();
  EXPECT_EQ(call()->taken(), 0u);
  call()->Send(TextBody(std::string(400, 'a')));
  call()->Send(TextBody(std::string(100'000, 'b')));
  server.Flush();
  EXPECT_EQ(call()->taken(), 1000u);
  EXPECT_EQ(call()->unsent(), 1u);
  server.Pump(slow);
  EXPECT_EQ(call()->taken(), 100'410u);
}

}  // namespace
}  // namespace leeboard::http2
