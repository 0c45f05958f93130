// Compressed messages both ways, and what is refused.

#include "http2/compression.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <memory>
#include <string>
#include <tuple>

#include "client.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

// Bytes that do not compress.
std::string Noise(std::size_t size) {
  std::string bytes(size, '\0');
  std::uint64_t state = 1;
  for (char& byte : bytes) {
    state = state * 6364136223846793005 + 1442695040888963407;
    byte = static_cast<char>(state >> 56);
  }
  return bytes;
}

// With zlib itself, as a client would.
std::string Zip(const std::string& text, const std::string& encoding) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, encoding == "gzip" ? 31 : 15, 8,
               Z_DEFAULT_STRATEGY);
  std::string out(text.size() + text.size() / 100 + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(out.size() - stream.avail_out);
  deflateEnd(&stream);
  return out;
}

std::string Unzip(const std::string& text, std::size_t size) {
  z_stream stream{};
  inflateInit2(&stream, 47);  // Either format.
  std::string out(size + 1, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const int result = inflate(&stream, Z_FINISH);
  out.resize(result == Z_STREAM_END ? out.size() - stream.avail_out : 0);
  inflateEnd(&stream);
  return out;
}

struct Rig {
  explicit Rig(const Limits& limits = {}) : server(limits) {
    server.handler.EchoAtEnd();
  }
  const Response& Send(const std::string& encoding, const std::string& body) {
    const std::int32_t id =
        client.Start(CallFields({{"grpc-encoding", encoding}}), body);
    server.Pump(client);
    return client.response(id);
  }
  Server server;
  Client client;
};

class Inflating
    : public testing::TestWithParam<std::tuple<const char*, std::size_t, bool>> {};

TEST_P(Inflating, TheHandlerSeesTheMessageAsItWas) {
  const auto& [encoding, size, is_noise] = GetParam();
  const std::string message = is_noise ? Noise(size) : std::string(size, '\0');
  Rig rig;
  const Response& response = rig.Send(encoding, Framed(Zip(message, encoding), 1));
  EXPECT_EQ(response.grpc_status(), "0");
  EXPECT_TRUE(response.message() == message);
  EXPECT_EQ(rig.server.handler.calls.at(0).announced, static_cast<std::int64_t>(size));
  EXPECT_EQ(rig.server.shared.admitted_bytes, 0u);
}

INSTANTIATE_TEST_SUITE_P(Compression, Inflating,
                         testing::Combine(testing::Values("gzip", "deflate"),
                                          testing::Values(0u, 1u, 4096u, 4097u,
                                                          100'000u, 5'000'000u),
                                          testing::Bool()));

TEST(Compression, AMessageInSingleBytesIsTheSame) {
  Rig rig;
  const std::string body = Framed(Zip(std::string(10'000, 'z'), "gzip"), 1);
  const std::int32_t id = rig.client.Start(CallFields({{"grpc-encoding", "gzip"}}),
                                           body.substr(0, 1), /*leave_open=*/true);
  rig.server.Pump(rig.client);
  for (std::size_t i = 1; i < body.size(); ++i) {
    rig.client.Send(id, body.substr(i, 1), i + 1 < body.size());
    rig.server.Pump(rig.client);
  }
  EXPECT_EQ(rig.client.response(id).message(), std::string(10'000, 'z'));
}

TEST(Compression, AFlagOfZeroMeansThatThisMessageIsPlain) {
  Rig rig;
  EXPECT_EQ(rig.Send("gzip", Framed("plain")).message(), "plain");
  EXPECT_EQ(rig.Send("identity", Framed("plain")).message(), "plain");
}

struct Wrong {
  const char* name;
  std::string encoding;
  std::string body;
  const char* status;
};

class WrongMessage : public testing::TestWithParam<Wrong> {};

TEST_P(WrongMessage, IsRefusedAndNothingIsLeft) {
  Rig rig;
  const Response& response = rig.Send(GetParam().encoding, GetParam().body);
  EXPECT_EQ(response.grpc_status(), GetParam().status);
  EXPECT_EQ(rig.server.shared.admitted_bytes, 0u);
  EXPECT_EQ(rig.Send("gzip", Framed(Zip("next", "gzip"), 1)).message(), "next");
}

INSTANTIATE_TEST_SUITE_P(
    Compression, WrongMessage,
    testing::Values(
        Wrong{"NoEncoding", "identity", Framed(Zip("text", "gzip"), 1), "13"},
        Wrong{"Empty", "gzip", Framed("", 1), "13"},
        Wrong{"Garbage", "gzip", Framed("this is no gzip", 1), "13"},
        Wrong{"OtherFormat", "gzip", Framed(Zip("text", "deflate"), 1), "13"},
        Wrong{"CutShort", "gzip", Framed(Zip("text", "gzip").substr(0, 20), 1), "13"},
        Wrong{"Trailing", "gzip", Framed(Zip("text", "gzip") + "more", 1), "13"},
        Wrong{"TwoMembers", "gzip",
              Framed(Zip("text", "gzip") + Zip("text", "gzip"), 1), "13"},
        Wrong{"WrongChecksum", "deflate",
              Framed(Zip("text", "deflate").substr(0, 8) + "xxxx", 1), "13"},
        Wrong{"EndsInTheMiddle", "gzip", Prefix(100, 1) + "x", "13"}),
    [](const auto& info) { return info.param.name; });

// Bytes changed at random: whatever comes of it, nothing is left and the next is
// served.
TEST(Compression, NoDamageDoesHarm) {
  Limits limits;
  limits.max_message_bytes = 300'000;
  Rig rig(limits);
  std::uint64_t state = 3;
  const auto below = [&state](std::size_t end) {
    state = state * 6364136223846793005 + 1442695040888963407;
    return static_cast<std::size_t>(state >> 33) % end;
  };
  std::string message = Noise(3000);
  message.append(200'000, 'z').append(Noise(3000));
  for (const char* encoding : {"gzip", "deflate"}) {
    const std::string whole = Zip(message, encoding);
    for (int i = 0; i < 1000; ++i) {
      std::string damaged = whole;
      for (std::size_t n = 1 + below(4); n > 0; --n) {
        damaged[below(damaged.size())] ^= static_cast<char>(1U << below(8));
      }
      damaged.resize(i % 4 == 0 ? 1 + below(damaged.size()) : damaged.size());
      const Response& response = rig.Send(encoding, Framed(damaged, 1));
      ASSERT_TRUE(response.grpc_status() == "13" || response.grpc_status() == "8" ||
                  response.grpc_status() == "0");
      ASSERT_EQ(rig.server.shared.admitted_bytes, 0u);
    }
    EXPECT_TRUE(rig.Send(encoding, Framed(whole, 1)).message() == message);
  }
}

TEST(Compression, ABombEndsAtTheLimit) {
  Limits limits;
  limits.max_message_bytes = 1'000'000;
  Rig rig(limits);
  const std::string bomb = Zip(std::string(50'000'000, '\0'), "gzip");
  ASSERT_LT(bomb.size(), 60'000u);
  const Response& response = rig.Send("gzip", Framed(bomb, 1));
  EXPECT_EQ(response.grpc_status(), "8");
  EXPECT_EQ(rig.server.handler.calls.at(0).announced, -1) << "the handler saw nothing";
  EXPECT_EQ(rig.server.shared.admitted_bytes, 0u);
  const std::string whole = Zip(std::string(1'000'000, '\0'), "gzip");
  EXPECT_EQ(rig.Send("gzip", Framed(whole, 1)).grpc_status(), "0");
}

TEST(Compression, WhatItInflatesToOccupiesTheBudgets) {
  Limits limits;
  limits.connection_budget_bytes = 2'000'000;
  Rig rig(limits);
  const std::string large = Zip(std::string(4'000'000, '\0'), "gzip");
  EXPECT_EQ(rig.Send("gzip", Framed(large, 1)).grpc_status(), "8");
  EXPECT_EQ(rig.server.shared.admitted_bytes, 0u);
  rig.server.handler.on_end = nullptr;
  rig.Send("gzip", Framed(Zip(std::string(900'000, '\0'), "gzip"), 1));
  EXPECT_EQ(rig.server.shared.admitted_bytes, 900'000u);
  EXPECT_EQ(rig.Send("gzip", Framed(Zip(std::string(1'500'000, '\0'), "gzip"), 1))
                .grpc_status(),
            "8");
  EXPECT_EQ(rig.server.shared.admitted_bytes, 900'000u);
}

// One read of many bombs must not hold the I/O thread until all have gone off.
TEST(Compression, OneTurnInflatesABoundedAmount) {
  Server server;
  Client client;
  server.Pump(client);  // The server's windows.
  const std::string bomb = Framed(Zip(std::string(16'000'000, '\0'), "gzip"), 1);
  for (int i = 0; i < 8; ++i) {
    client.Start(CallFields({{"grpc-encoding", "gzip"}}), bomb);
  }
  const std::string all = client.TakeOutput();
  server.FeedOnce(all);
  ASSERT_TRUE(server.alive());
  EXPECT_TRUE(server.connection->has_more());
  EXPECT_LT(server.shared.admitted_bytes, 8'000'000u);
  server.handler.EchoAtEnd();
  int turns = 0;
  while (server.alive() && server.connection->has_more() && turns < 1000) {
    (void)server.connection->OnReadable(server.now);
    ++turns;
  }
  EXPECT_GT(turns, 8);
  server.Pump(client);
  ASSERT_EQ(server.handler.calls.size(), 8u);
  for (const Seen& seen : server.handler.calls) {
    EXPECT_EQ(seen.message.size(), 16'000'000u);
  }
}

TEST(Compression, AMessageThatIsRefusedEarlyCostsNoMemory) {
  Rig rig;
  rig.server.handler.on_start = [](Seen& seen) {
    ScriptedHandler::Fail(seen, Status::NotFound("no such model"));
  };
  const std::string bomb = Zip(std::string(50'000'000, '\0'), "gzip");
  EXPECT_EQ(rig.Send("gzip", Framed(bomb, 1)).grpc_status(), "5");
  EXPECT_EQ(rig.server.shared.admitted_bytes, 0u);
}

// A server that compresses answers, for one call.
class Asking {
 public:
  const Response& Ask(const ReplyBody& body, const std::string& accepts,
                      int level = 6) {
    Limits limits;
    limits.reply_compression = level;
    rig = std::make_unique<Rig>(limits);
    rig->server.handler.on_end = [&](Seen& seen) {
      ScriptedHandler::Reply(seen, body);
    };
    const std::int32_t id = rig->client.Start(
        CallFields({{"grpc-accept-encoding", accepts}}), Framed("go"));
    rig->server.Pump(rig->client);
    return rig->client.response(id);
  }
  std::unique_ptr<Rig> rig;
};

class Reply : public Asking, public testing::TestWithParam<const char*> {};
class PlainReply : public Asking, public testing::Test {};

TEST_P(Reply, IsCompressedWhenTheClientTakesItAndItShrinks) {
  FakeMemory memory(std::string(30'000, 'm'));
  ReplyBody body;
  body.text = "headtail";
  body.cuts = {{4, memory.span(0, 30'000)}};
  body.memory = &memory;
  const Response& response = Ask(body, std::string("identity, ") + GetParam());
  EXPECT_EQ(response.field("grpc-encoding"), GetParam());
  ASSERT_GT(response.data.size(), 5u);
  EXPECT_LT(response.data.size(), 1000u);
  const std::string zipped = response.data.substr(5);
  EXPECT_EQ(response.data.substr(0, 5),
            Prefix(static_cast<std::uint32_t>(zipped.size()), 1));
  EXPECT_EQ(Unzip(zipped, 30'008), "head" + memory.bytes + "tail");
  EXPECT_EQ(response.grpc_status(), "0");
  EXPECT_EQ(memory.added, memory.dropped);
}

INSTANTIATE_TEST_SUITE_P(Compression, Reply, testing::Values("gzip", "deflate"));

TEST_F(PlainReply, GoesAsItIs) {
  const std::string zeros(10'000, '\0');
  EXPECT_EQ(Ask(TextBody(zeros), "gzip", 0).message(), zeros) << "not asked for";
  EXPECT_EQ(Ask(TextBody(zeros), "identity").message(), zeros) << "not accepted";
  EXPECT_EQ(Ask(TextBody(zeros), "br,zstd").message(), zeros) << "not known";
  EXPECT_EQ(Ask(TextBody(zeros), "").field("grpc-encoding"), "");
  EXPECT_TRUE(Ask(TextBody(Noise(10'000)), "gzip").message() == Noise(10'000))
      << "does not shrink";
  EXPECT_EQ(Ask(TextBody(std::string(1000, 'x')), "gzip").message(),
            std::string(1000, 'x'))
      << "too small";
  EXPECT_TRUE(Ask(TextBody(std::string(2'000'000, 'x')), "gzip").message() ==
              std::string(2'000'000, 'x'))
      << "too large";
}

}  // namespace
}  // namespace leeboard::http2
