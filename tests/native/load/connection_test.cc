// One connection without a generator: its frames, its ends, and the reuse of exchanges.

#include "load/connection.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "load/scripted_peer.h"

namespace leeboard::load {
namespace {

// A connection at one end of a socket pair and a server's session at the other; bytes
// move only in Pump.
class ConnectionTest : public testing::Test, public ExchangeListener {
 protected:
  void Connect(Profile profile, const ServerOptions& options = {}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()), 0);
    shared.profile = profile;
    shared.head = &head;
    shared.listener = this;
    seen.on_asked = [this](Peer*, Asked one) { asked.push_back(std::move(one)); };
    seen.on_frame = [this](Peer*, SeenFrame frame) { frames.push_back(frame); };
    seen.on_reset = [this](std::int32_t, std::uint32_t code) {
      resets.push_back(code);
    };
    peer.emplace(UniqueFd(ends[1]), options, &seen);
    connection = std::make_unique<Connection>(UniqueFd(ends[0]), &shared);
    Pump();
  }

  void Pump() {
    for (int i = 0; i < 200 && connection != nullptr; ++i) {
      while (shared.TakeDirty() != nullptr) {
      }
      connection->Flush();
      if (peer) {
        peer->Read();
        peer->Write();
      }
      connection->OnReadable();
    }
  }

  void Start(Exchange* exchange, const std::string& message) {
    exchange->request = {reinterpret_cast<const std::uint8_t*>(message.data()),
                         message.size()};
    ASSERT_TRUE(connection->Start(exchange, MonotonicNow()));
  }

  void OnEnded(Exchange* exchange, Outcome&& outcome) override {
    ended.emplace_back(exchange, std::move(outcome));
  }

  // "H1 W1+5 D1 W0+5": the types, streams and increments since the last call.
  std::string TakeFrames() {
    std::string text;
    for (const SeenFrame& frame : std::exchange(frames, {})) {
      text += text.empty() ? "" : " ";
      text += "DHpRSsPGW"[frame.type];
      text += std::to_string(frame.stream);
      text +=
          frame.type == NGHTTP2_WINDOW_UPDATE ? "+" + std::to_string(frame.size) : "";
    }
    return text;
  }

  const std::string small = "small";
  const std::string large = std::string(300'000, 'l');
  RequestHead head{"test", "/a/b", "", {}};
  ConnectionShared shared;
  Peer::Listener seen;
  std::vector<Asked> asked;
  std::vector<SeenFrame> frames;
  std::vector<std::uint32_t> resets;
  std::vector<std::pair<Exchange*, Outcome>> ended;
  std::optional<Peer> peer;
  std::array<Exchange, 4> exchanges;
  std::unique_ptr<Connection> connection;
};

TEST_F(ConnectionTest, ItIsOpenOnceTheServersSettingsHaveCome) {
  Connect(Profile::kPacked);
  EXPECT_TRUE(connection->is_open());
  EXPECT_TRUE(connection->has_room());
}

TEST_F(ConnectionTest, ThePackedProfileSpendsNoFrameOnWindows) {
  Connect(Profile::kPacked);
  TakeFrames();
  Start(&exchanges[0], small);
  Start(&exchanges[1], small);
  Pump();
  EXPECT_EQ(TakeFrames(), "H1 H3 D1 D3");
}

TEST_F(ConnectionTest, TheOrdinaryProfileSendsTheFramesOfGrpcCore) {
  Connect(Profile::kOrdinary);
  EXPECT_EQ(TakeFrames(), "S0 W0+4128768 S0");
  Start(&exchanges[0], small);
  Pump();
  EXPECT_EQ(TakeFrames(), "H1 W1+5 D1 W0+5");
  peer->Do(1, {.body = http2::Framed(std::string(95, 'a'))});
  Pump();
  EXPECT_EQ(TakeFrames(), "");
  Start(&exchanges[0], small);
  Pump();
  EXPECT_EQ(TakeFrames(), "P0 H3 W3+5 D3 W0+100");
  peer->Do(3, {});
  Pump();
  Start(&exchanges[0], small);
  Pump();
  EXPECT_EQ(TakeFrames(), "H5 W5+5 D5 W0+5") << "the next probe is later";
}

TEST_F(ConnectionTest, AnExchangeThatWasCancelledBeforeItLeftMayBeUsedAgain) {
  Connect(Profile::kPacked);
  Start(&exchanges[0], large);
  connection->Cancel(&exchanges[0]);
  Start(&exchanges[0], small);
  Pump();
  ASSERT_EQ(asked.size(), 1u);
  EXPECT_EQ(asked[0].body, http2::Framed(small));
  EXPECT_EQ(asked[0].stream, 3);
  EXPECT_TRUE(ended.empty());
  EXPECT_EQ(connection->in_flight(), 1u);
}

TEST_F(ConnectionTest, AnExchangeThatWasCancelledHalfWayMayBeUsedAgain) {
  for (const std::string& first : {large, std::string(9'000, 'm')}) {
    Connect(Profile::kOrdinary, {.window = 1'000, .gives_window = false});
    Start(&exchanges[0], first);
    Pump();
    connection->Cancel(&exchanges[0]);
    Start(&exchanges[0], small);
    Pump();
    EXPECT_EQ(resets, std::vector<std::uint32_t>{NGHTTP2_CANCEL});
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].body, http2::Framed(small));
    peer->Do(3, {});
    Pump();
    ASSERT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].second.status, kStatusOk);
    asked.clear();
    resets.clear();
    ended.clear();
  }
}

TEST_F(ConnectionTest, AnAnswerToACancelledExchangeIsNobodys) {
  Connect(Profile::kOrdinary);
  Start(&exchanges[0], small);
  Pump();
  peer->Do(1, {.body = http2::Framed(large)});
  connection->Cancel(&exchanges[0]);
  Start(&exchanges[0], small);
  Pump();
  EXPECT_TRUE(ended.empty());
  EXPECT_EQ(exchanges[0].received, 0u);
  EXPECT_EQ(connection->in_flight(), 1u);
}

TEST_F(ConnectionTest, WindowsStayOpenOverManyLargeAnswersSomeOfThemCancelled) {
  Connect(Profile::kOrdinary);
  const std::string huge = http2::Framed(std::string(5 << 20, 'h'));
  for (int i = 0; i < 8; ++i) {
    Start(&exchanges[0], small);
    Pump();
    peer->Do(asked.back().stream, {.body = huge});
    if (i % 2 == 0) {
      connection->OnReadable();
      connection->Cancel(&exchanges[0]);
    }
    Pump();
    ASSERT_EQ(connection->in_flight(), 0u) << i;
  }
  EXPECT_EQ(ended.size(), 4u);
}

TEST_F(ConnectionTest, WhenTheStreamNumbersAreUsedUpItTakesNoMore) {
  shared.first_stream = INT32_MAX - 2;
  Connect(Profile::kPacked);
  Start(&exchanges[0], small);
  Start(&exchanges[1], small);
  EXPECT_FALSE(connection->Start(&exchanges[2], MonotonicNow()));
  EXPECT_TRUE(connection->is_draining());
  EXPECT_FALSE(connection->has_room());
  Pump();
  peer->Do(INT32_MAX - 2, {});
  peer->Do(INT32_MAX, {});
  Pump();
  ASSERT_EQ(ended.size(), 2u);
  EXPECT_EQ(ended[0].second.status + ended[1].second.status, kStatusOk);
}

TEST_F(ConnectionTest, GoawayRefusesWhatTheServerHasNotSeen) {
  Connect(Profile::kPacked);
  peer->Goaway();
  Start(&exchanges[0], small);
  connection->Flush();
  peer->Write();
  connection->OnReadable();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_TRUE(ended[0].second.refused);
  EXPECT_TRUE(connection->is_draining());
}

TEST_F(ConnectionTest, WhatTheServerSaidBeforeItLeftIsHeard) {
  Connect(Profile::kPacked);
  Start(&exchanges[0], small);
  Start(&exchanges[1], small);
  Pump();
  peer->Do(1, {});
  peer->Write();
  peer.reset();
  Start(&exchanges[2], small);
  connection->Flush();
  connection->OnReadable();
  connection->OnReadable();
  ASSERT_EQ(ended.size(), 1u);
  EXPECT_EQ(ended[0].first, &exchanges[0]);
  EXPECT_EQ(ended[0].second.status, kStatusOk);
  EXPECT_TRUE(connection->is_over());
  connection->Abandon();
  ASSERT_EQ(ended.size(), 3u);
  EXPECT_EQ(ended[2].second.status, kStatusUnavailable);
  EXPECT_FALSE(ended[2].second.refused);
  EXPECT_EQ(connection->in_flight(), 0u);
}

TEST_F(ConnectionTest, NothingPointsAtAConnectionThatIsGone) {
  Connect(Profile::kOrdinary);
  Start(&exchanges[0], small);
  connection->Flush();
  Start(&exchanges[1], small);
  connection.reset();
  EXPECT_EQ(shared.TakeDirty(), nullptr);
}

TEST_F(ConnectionTest, GarbageEndsItEvenWhenTheServerStaysOnTheLine) {
  Connect(Profile::kPacked);
  Start(&exchanges[0], small);
  Pump();
  peer->SendRaw(std::string(64, '\x7f'));
  Pump();
  EXPECT_TRUE(connection->is_over());
  EXPECT_EQ(connection->why(), "the server broke HTTP/2");
}

TEST_F(ConnectionTest, AnOverConnectionDoesNothingMore) {
  Connect(Profile::kPacked);
  peer.reset();
  Pump();
  EXPECT_TRUE(connection->is_over());
  EXPECT_FALSE(connection->has_room());
  connection->Flush();
  connection->OnReadable();
  EXPECT_EQ(connection->why(), "the server closed the connection");
}

}  // namespace
}  // namespace leeboard::load
