// Damaged conversations: whatever the bytes and however they are cut, every call ends
// exactly once and nothing stays behind. `make fuzz` sets LEEBOARD_FUZZ_SECONDS.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>

#include "client.h"
#include "raw_frames.h"
#include "server.h"

namespace leeboard::http2 {
namespace {

using Random = std::mt19937_64;

std::size_t Below(Random& random, std::size_t bound) {
  return random() % bound;
}

// A valid conversation of a few calls, some of them cancelled or left open.
std::string Conversation(Random& random) {
  Client client;
  std::string bytes;
  for (std::size_t calls = 1 + Below(random, 4); calls > 0; --calls) {
    const std::string message(Below(random, 3000), 'm');
    switch (Below(random, 4)) {
      case 0:
        client.Reset(client.Start(CallFields(), Framed(message), true));
        break;
      case 1:
        client.Start(CallFields(), Framed(message) + "more", true);
        break;
      case 2:
        client.Start(CallFields({{"grpc-timeout", "1S"}}), Prefix(70'000) + message);
        break;
      default:
        client.Call(message);
    }
    bytes += client.TakeOutput();
  }
  return bytes;
}

void Damage(Random& random, std::string* bytes) {
  for (std::size_t times = Below(random, 4); times > 0; --times) {
    const std::size_t at = Below(random, bytes->size());
    const std::size_t size = Below(random, 20);
    switch (Below(random, 4)) {
      case 0:
        (*bytes)[at] = static_cast<char>(random());
        break;
      case 1:
        bytes->erase(at, size);
        break;
      case 2:
        bytes->insert(at, bytes->substr(Below(random, bytes->size()), size));
        break;
      default:
        bytes->insert(at, RawFrame(static_cast<std::uint8_t>(Below(random, 10)),
                                   static_cast<std::uint8_t>(random()),
                                   static_cast<std::uint32_t>(Below(random, 8)),
                                   std::string(size, static_cast<char>(random()))));
    }
    if (bytes->empty()) {
      *bytes = "x";
    }
  }
}

// A handler that does one of everything, at random.
void Script(Random& random, FakeMemory& memory, ScriptedHandler* handler) {
  const ScriptedHandler::Knob perhaps = [&](Seen& seen) {
    switch (Below(random, 8)) {
      case 0:
        ScriptedHandler::Fail(seen, Status::NotFound("no such model"));
        break;
      case 1:
        ScriptedHandler::Reply(seen, TextBody(seen.message));
        break;
      case 2: {
        ReplyBody body = TextBody("ab");
        body.cuts = {{1, memory.span(0, memory.bytes.size())}};
        body.memory = &memory;
        ScriptedHandler::Reply(seen, std::move(body));
        break;
      }
      default:
        break;
    }
  };
  const auto step = [perhaps](Seen& seen) {
    if (seen.call != nullptr) {
      perhaps(seen);
    }
  };
  handler->on_start = step;
  handler->on_bytes = step;
  handler->on_end = step;
}

void RunOne(std::uint64_t seed) {
  Random random(seed);
  FakeMemory memory(std::string(100'000, 'r'));
  Server server;
  Script(random, memory, &server.handler);
  std::string bytes = Conversation(random);
  Damage(random, &bytes);
  for (std::string_view rest = bytes; !rest.empty() && server.alive();) {
    const std::size_t size = std::min(rest.size(), 1 + Below(random, 2000));
    server.Feed(rest.substr(0, size));
    rest.remove_prefix(size);
    if (Below(random, 2) == 0) {
      server.Flush();
    }
    if (server.alive() && Below(random, 4) == 0) {
      ASSERT_TRUE(server.connection->CopyOutReplies());
    }
  }
  server.HangUp();
  server.connection.reset();
  for (const Seen& seen : server.handler.calls) {
    ASSERT_EQ(seen.call, nullptr) << "a call without an end, seed " << seed;
    ASSERT_LE(seen.gones, 1) << seed;
  }
  ASSERT_EQ(memory.added, memory.dropped) << seed;
  ASSERT_EQ(server.shared.admitted_bytes, 0u) << seed;
  ASSERT_EQ(server.counters().calls_started, server.counters().calls_finished) << seed;
}

TEST(Http2Fuzz, DamagedConversationsLeaveNothingBehind) {
  std::uint64_t seed = 1;
  for (; seed <= 2000 && !HasFatalFailure(); ++seed) {
    RunOne(seed);
  }
  const char* seconds = std::getenv("LEEBOARD_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  for (; std::chrono::steady_clock::now() < end && !HasFatalFailure(); ++seed) {
    RunOne(seed);
  }
}

}  // namespace
}  // namespace leeboard::http2
