// The socket side: partial sends, slow readers, and references to memory of answers.

#include "http2/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

#include "client.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

// Bytes whose order shows.
std::string Pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<char>(i * 2654435761u >> 13);
  }
  return bytes;
}

// "head", the memory's first half, "middle", its second half, "tail".
ReplyBody CutBody(FakeMemory& memory) {
  const std::size_t half = memory.bytes.size() / 2;
  ReplyBody body;
  body.text = "headmiddletail";
  body.cuts = {{4, memory.span(0, half)},
               {10, memory.span(half, memory.bytes.size() - half)}};
  body.memory = &memory;
  return body;
}

std::string CutText(const std::string& bytes) {
  const std::size_t half = bytes.size() / 2;
  return "head" + bytes.substr(0, half) + "middle" + bytes.substr(half) + "tail";
}

class ReferencedReply : public testing::TestWithParam<std::size_t> {};

TEST_P(ReferencedReply, LeavesWholeAndDropsItsReferenceOnce) {
  FakeMemory memory(Pattern(GetParam()));
  Server server;
  Client client;
  server.handler.on_end = [&](Seen& seen) {
    ScriptedHandler::Reply(seen, CutBody(memory));
  };
  const std::int32_t id = client.Call("go");
  server.Feed(client.TakeOutput());
  EXPECT_EQ(memory.added, 1);
  EXPECT_EQ(memory.dropped, 0);
  EXPECT_EQ(server.connection->referenced_bytes(), GetParam());
  server.Pump(client);
  EXPECT_EQ(client.response(id).message(), CutText(memory.bytes));
  EXPECT_EQ(client.response(id).grpc_status(), "0");
  EXPECT_EQ(memory.added, 1);
  EXPECT_EQ(memory.dropped, 1);
  EXPECT_EQ(server.connection->referenced_bytes(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Connection, ReferencedReply,
                         testing::Values(1u, 600u, 16'000u, 70'000u, 3'000'000u));

// A connection whose client has asked and reads nothing.
struct SlowReader {
  explicit SlowReader(std::size_t size, const Limits& limits = {})
      : memory(Pattern(size)),
        server(limits),
        client({.stream_window = 1u << 30, .connection_window = 1 << 30}) {
    server.handler.on_end = [this](Seen& seen) {
      ScriptedHandler::Reply(seen, CutBody(memory));
    };
    id = client.Call("go");
    server.Feed(client.TakeOutput());
    server.Flush();
  }
  FakeMemory memory;
  Server server;
  Client client;
  std::int32_t id = 0;
};

TEST(Connection, SlowReaderBlocksWithoutBuffering) {
  constexpr std::size_t kSize = 20'000'000;
  SlowReader slow(kSize);
  EXPECT_TRUE(slow.server.connection->wants_write());
  EXPECT_FALSE(slow.server.connection->dirty());
  EXPECT_EQ(slow.memory.dropped, 0);
  EXPECT_GT(slow.server.connection->referenced_bytes(), kSize - 2'000'000);
  const std::uint64_t sent = slow.server.counters().bytes_sent;
  slow.server.Flush();
  EXPECT_EQ(slow.server.counters().bytes_sent, sent);

  slow.server.Pump(slow.client);
  EXPECT_EQ(slow.client.response(slow.id).message(), CutText(slow.memory.bytes));
  EXPECT_EQ(slow.memory.dropped, 1);
  EXPECT_FALSE(slow.server.connection->wants_write());
}

TEST(Connection, CopyOutFreesTheMemoryAndKeepsTheAnswer) {
  SlowReader slow(20'000'000);
  const std::string expected = CutText(slow.memory.bytes);
  EXPECT_TRUE(slow.server.connection->CopyOutReplies());
  EXPECT_EQ(slow.memory.dropped, 1);
  EXPECT_EQ(slow.server.connection->referenced_bytes(), 0u);
  std::fill(slow.memory.bytes.begin(), slow.memory.bytes.end(), '!');
  EXPECT_TRUE(slow.server.connection->CopyOutReplies());
  slow.server.Pump(slow.client);
  EXPECT_EQ(slow.client.response(slow.id).message(), expected);
  EXPECT_EQ(slow.memory.dropped, 1);
}

TEST(Connection, CopyOutKeepsToItsBudgetAndGivesItBack) {
  Limits limits;
  limits.reply_copy_bytes = 3'000'000;
  SlowReader slow(3'000'000, limits);
  EXPECT_TRUE(slow.server.connection->CopyOutReplies());
  const std::int32_t second = slow.client.Call("again");
  slow.server.Feed(slow.client.TakeOutput());
  EXPECT_FALSE(slow.server.connection->CopyOutReplies());
  EXPECT_EQ(slow.memory.dropped, 1);
  slow.server.Pump(slow.client);
  EXPECT_EQ(slow.client.response(second).message(), CutText(slow.memory.bytes));
  EXPECT_EQ(slow.memory.dropped, 2);
  slow.client.Call("once more");
  slow.server.Feed(slow.client.TakeOutput());
  EXPECT_TRUE(slow.server.connection->CopyOutReplies());
}

TEST(Connection, CancelledAnswerDropsItsReference) {
  SlowReader slow(20'000'000);
  slow.client.Reset(slow.id);
  slow.server.Feed(slow.client.TakeOutput());
  EXPECT_LT(slow.server.connection->referenced_bytes(), 400'000u);
  slow.server.Pump(slow.client);
  EXPECT_EQ(slow.memory.dropped, 1);
  EXPECT_EQ(slow.server.handler.calls.at(0).gones, 0);
  EXPECT_TRUE(slow.server.alive());
}

TEST(Connection, LostConnectionDropsItsReferences) {
  SlowReader slow(20'000'000);
  slow.server.connection.reset();
  EXPECT_EQ(slow.memory.added, 1);
  EXPECT_EQ(slow.memory.dropped, 1);
}

TEST(Connection, SlowReadersDoNotStopOtherAnswersFromQueueing) {
  SlowReader slow(20'000'000);
  slow.server.handler.EchoAtEnd();
  const std::int32_t second = slow.client.Call("behind");
  slow.server.Pump(slow.client);
  EXPECT_EQ(slow.client.response(second).message(), "behind");
  EXPECT_EQ(slow.client.response(slow.id).grpc_status(), "0");
}

TEST(Connection, LargeTextLeavesInOrder) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  const std::string message = Pattern(3'000'001);
  const std::int32_t id = client.Call(message);
  server.Pump(client);
  EXPECT_EQ(client.response(id).message(), message);
}

TEST(Connection, ShortReadSaysThatThereIsNoMore) {
  Server server;
  EXPECT_FALSE(server.connection->has_more());
  Client client;
  client.Call("hello");
  server.Feed(client.TakeOutput());
  EXPECT_FALSE(server.connection->has_more());
}

TEST(Connection, DirtyIsPushedOnceAndForgottenByTheDestroyed) {
  Server server;
  Client client;
  server.handler.EchoAtEnd();
  EXPECT_TRUE(server.connection->dirty());  // SETTINGS wait.
  EXPECT_EQ(server.shared.dirty.size(), 1u);
  client.Call("hello");
  server.Feed(client.TakeOutput());
  EXPECT_EQ(server.shared.dirty.size(), 1u);
  // Flushed without having been taken off the list, as for writability.
  EXPECT_TRUE(server.connection->Flush(server.now));
  EXPECT_FALSE(server.connection->dirty());
  EXPECT_TRUE(server.shared.dirty.empty());
  client.Call("again");
  server.Feed(client.TakeOutput());
  EXPECT_EQ(server.shared.dirty.size(), 1u);
  server.connection.reset();
  EXPECT_TRUE(server.shared.dirty.empty());
}

TEST(Connection, BrokenSocketEndsIt) {
  Server server;
  Client client;
  client.Call("hello");
  server.Pump(client);
  server.HangUp();
  EXPECT_FALSE(server.alive());
  EXPECT_EQ(server.handler.calls.at(0).gones, 1);
  EXPECT_EQ(server.counters().connections_opened, 1u);
  EXPECT_EQ(server.counters().connections_closed, 1u);
}

}  // namespace
}  // namespace leeboard::http2
