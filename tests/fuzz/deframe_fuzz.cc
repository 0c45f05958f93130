// gRPC's frames through Stream, in DATA frames of any cut: the handler sees exactly the
// bytes of each message, limits hold, every call ends once.
//
// Input: the handler's script, the limits, then steps for four streams that take turns:
// a DATA frame with some bytes (padded or not), an end, a flush. The model beside it
// keeps what each stream has sent and says what the handler must have seen.

#include <array>
#include <string>

#include "check.h"
#include "held_calls.h"
#include "http2/raw_frames.h"
#include "http2/server.h"

namespace leeboard::fuzz {
namespace {

using http2::RawFrame;
using http2::Seen;

constexpr std::size_t kStreams = 4;
constexpr std::size_t kPrefix = 5;
constexpr std::uint8_t kPadded = 8;

// What one stream has sent.
struct Sent {
  std::string body;
  bool ended = false;
};

struct Frame {
  bool is_whole = false;  // The prefix has arrived.
  bool is_plain = false;  // Not compressed, and the flag is one of the two.
  std::uint32_t size = 0;
};

Frame FrameOf(const std::string& body) {
  Frame frame;
  if (body.size() < kPrefix) {
    return frame;
  }
  frame.is_whole = true;
  frame.is_plain = body[0] == 0;
  for (std::size_t i = 1; i < kPrefix; ++i) {
    frame.size = frame.size << 8U | static_cast<std::uint8_t>(body[i]);
  }
  return frame;
}

void CheckCall(const Sent& sent, const Seen& seen, const http2::Limits& limits) {
  const Frame frame = FrameOf(sent.body);
  if (seen.announced >= 0) {
    Require(frame.is_whole && frame.is_plain, "a message has a plain prefix");
    Require(seen.announced == frame.size, "the size announced is the prefix's");
    Require(frame.size <= limits.max_message_bytes, "the message limit holds");
    const std::string message = sent.body.substr(kPrefix, frame.size);
    Require(message.starts_with(seen.message), "the handler sees the bytes sent");
    // While the handler has the call, nothing is kept back.
    Require(seen.call == nullptr || seen.message == message,
            "the handler sees all that was sent");
  }
  const bool is_exact = frame.is_whole && frame.is_plain && sent.ended &&
                        sent.body.size() == kPrefix + frame.size;
  Require(seen.ends == 0 || is_exact, "only a whole and ended message ends");
  if (seen.call != nullptr) {
    Require(seen.ends == (sent.ended ? 1 : 0), "an ended call was ended");
    Require(!frame.is_whole || sent.body.size() <= kPrefix + frame.size,
            "data behind the message ends the call");
  }
}

class Streams {
 public:
  Streams(http2::Server* server, Input* input) : server_(server), input_(input) {
    server_->Feed(std::string(http2::kClientMagic) +
                  RawFrame(http2::kSettingsFrame, 0, 0, ""));
    for (std::size_t i = 0; i < kStreams; ++i) {
      server_->Feed(RawFrame(http2::kHeadersFrame, http2::kEndHeaders, IdOf(i),
                             http2::RawCallBlock()));
    }
    Require(server_->handler.calls.size() == kStreams, "all calls start");
  }

  void Step() {
    const std::uint8_t choice = input_->Byte();
    Sent& sent = sent_[choice % kStreams];
    const std::uint32_t id = IdOf(choice % kStreams);
    const bool ends = (choice & 4U) != 0;
    const bool padded = (choice & 8U) != 0;
    if ((choice & 16U) != 0) {
      server_->Flush();
      (void)server_->Read();
    }
    if (sent.ended) {
      return;
    }
    std::string payload;
    const std::size_t padding = padded ? input_->Below(8) : 0;
    if (padded) {
      payload.push_back(static_cast<char>(padding));
    }
    const std::string_view data = input_->Text();
    payload.append(data).append(padding, '\0');
    sent.body.append(data);
    sent.ended = ends;
    const auto flags = static_cast<std::uint8_t>((ends ? http2::kEndStream : 0) |
                                                 (padded ? kPadded : 0));
    Deliver(RawFrame(http2::kDataFrame, flags, id, payload));
  }

  void Check() const {
    for (std::size_t i = 0; i < kStreams; ++i) {
      CheckCall(sent_[i], server_->handler.calls[i], server_->shared.limits);
    }
  }

 private:
  static std::uint32_t IdOf(std::size_t index) {
    return static_cast<std::uint32_t>(2 * index + 1);
  }

  // In one read or two.
  void Deliver(std::string_view bytes) {
    const std::size_t cut = std::min<std::size_t>(input_->Byte(), bytes.size());
    server_->Feed(bytes.substr(0, cut));
    server_->Feed(bytes.substr(cut));
  }

  http2::Server* server_;
  Input* input_;
  std::array<Sent, kStreams> sent_;
};

}  // namespace
}  // namespace leeboard::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leeboard;
  fuzz::Input input(data, size);
  http2::Limits limits;
  limits.max_message_bytes = input.Byte() * 4u;
  limits.connection_budget_bytes = input.Byte() * 8u;
  limits.server_budget_bytes = input.Byte() * 8u;
  const std::string_view script = input.Take(input.Below(8));
  http2::Server server(limits);
  fuzz::HeldCalls calls(script, &server);
  fuzz::Streams streams(&server, &input);
  while (!input.empty() && server.alive()) {
    streams.Step();
    streams.Check();
    calls.CheckBooks();
  }
  calls.HangUp();
  return 0;
}
