// Anything at all into a server's connection: no crash, and the books balance at every
// step and after the end (held_calls.h).
//
// Input: a byte of flags, the handler's script, then either bytes that are sent as they
// are, cut into reads, or steps: frames of every type with any flags and stream, header
// blocks that mean something, answers to held calls, flushes, slow reading, draining,
// time. Decisions are read in statements of their own: the order in which arguments are
// evaluated differs between compilers, and the corpus must mean the same to both.

#include <string>

#include "check.h"
#include "held_calls.h"
#include "http2/framing.h"
#include "http2/raw_frames.h"
#include "http2/server.h"

namespace leeboard::fuzz {
namespace {

using http2::RawFrame;

constexpr std::uint8_t kPing = 6;
constexpr std::uint8_t kWindowUpdate = 8;
constexpr std::uint8_t kContinuation = 9;
constexpr Nanos kTick = 1'000'000;

std::string FourBytes(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16),
          static_cast<char>(value >> 8), static_cast<char>(value)};
}

class Steps {
 public:
  Steps(http2::Server* server, HeldCalls* calls, Input* input)
      : server_(server), calls_(calls), input_(input) {}

  void One() {
    const std::size_t choice = input_->Below(16);
    if (choice < 10) {
      OneOfClient(choice);
    } else {
      OneOfServer(choice);
    }
  }

 private:
  // Stream 0 to 31, or a new one of the client's.
  std::uint32_t Stream() {
    const std::uint8_t byte = input_->Byte();
    if ((byte & 32U) != 0) {
      return next_id_ += 2;
    }
    return byte % 32U;
  }

  std::string Headers() {
    std::string block = http2::RawCallBlock();
    switch (input_->Below(6)) {
      case 0:
        return std::string(input_->Text());  // Any HPACK.
      case 1:
        return block.append(http2::RawIndexed("grpc-timeout", input_->Text()));
      case 2: {
        const std::string_view name = input_->Text();
        return block.append(http2::RawIndexed(name, input_->Text()));
      }
      case 3:
        return block.append(1U + input_->Below(256), http2::kNewestHeader);
      default:
        return block;
    }
  }

  void OneOfClient(std::size_t choice) {
    switch (choice) {
      case 0:
        return Headers(http2::kEndHeaders);
      case 1:
        return Headers(static_cast<std::uint8_t>(input_->Byte()));
      case 2:
        return Data(http2::Framed(input_->Text()));
      case 3:
        return Data(input_->Text());
      case 4: {
        const std::uint32_t id = Stream();
        return Frame(http2::kResetFrame, 0, id, FourBytes(input_->Byte()));
      }
      case 5: {
        std::string setting = {0, static_cast<char>(1 + input_->Below(6))};
        return Frame(http2::kSettingsFrame, 0, 0,
                     setting.append(FourBytes(input_->Word())));
      }
      case 6: {
        const std::uint32_t id = Stream();
        return Frame(kWindowUpdate, 0, id, FourBytes(input_->Word()));
      }
      case 7:
        return Frame(kPing, input_->Byte() & 1U, 0, std::string(8, 'p'));
      case 8: {
        const std::uint8_t type = input_->Byte() % 12;
        const std::uint8_t flags = input_->Byte();
        const std::uint32_t id = Stream();
        return Frame(type, flags, id, input_->Text());
      }
      default:
        return Deliver(input_->Text());
    }
  }

  void OneOfServer(std::size_t choice) {
    switch (choice) {
      case 10:
        server_->Flush();
        break;
      case 11:
        (void)server_->Read();
        break;
      case 12: {
        const std::uint8_t which = input_->Byte();
        calls_->Answer(which / 4, static_cast<Action>(which & 3U));
        break;
      }
      case 13:
        if (server_->alive()) {
          Require(server_->connection->CopyOutReplies(), "the copies fit");
          Require(server_->connection->referenced_bytes() == 0, "all is copied out");
        }
        break;
      case 14:
        if (server_->alive()) {
          server_->connection->BeginDrain();
        }
        break;
      default:
        server_->now += kTick * (1 + input_->Byte());
    }
  }

  void Headers(std::uint8_t flags) {
    const std::string block = Headers();
    const std::uint32_t id = Stream();
    Frame(http2::kHeadersFrame, flags, id, block);
    if ((flags & http2::kEndHeaders) == 0 && input_->Coin()) {
      Frame(kContinuation, http2::kEndHeaders, id, input_->Text());
    }
  }

  void Data(std::string_view payload) {
    const std::uint8_t flags = input_->Byte();
    Frame(http2::kDataFrame, flags, Stream(), payload);
  }

  void Frame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
             std::string_view payload) {
    Deliver(RawFrame(type, flags, id, payload));
  }

  void Deliver(std::string_view bytes) {
    const std::size_t cut = std::min<std::size_t>(input_->Byte(), bytes.size());
    server_->Feed(bytes.substr(0, cut));
    server_->Feed(bytes.substr(cut));
  }

  http2::Server* server_;
  HeldCalls* calls_;
  Input* input_;
  std::uint32_t next_id_ = static_cast<std::uint32_t>(-1);
};

}  // namespace
}  // namespace leeboard::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leeboard;
  fuzz::Input input(data, size);
  const std::uint8_t flags = input.Byte();
  const std::string_view script = input.Take(input.Below(8));
  http2::Limits limits;
  if ((flags & 4U) != 0) {
    limits.max_concurrent_streams = 2;
    limits.max_header_list_bytes = 400;
    limits.connection_budget_bytes = 300;
    limits.idle_reset_burst = 2;
  }
  http2::Server server(limits);
  fuzz::HeldCalls calls(script, &server);
  if ((flags & 1U) == 0) {
    server.Feed(http2::kClientMagic);
    server.Feed(http2::RawFrame(http2::kSettingsFrame, 0, 0, ""));
  }
  fuzz::Steps steps(&server, &calls, &input);
  while (!input.empty() && server.alive()) {
    if ((flags & 2U) != 0) {  // A length, then bytes as they are.
      server.Feed(input.Text());
      server.Flush();
    } else {
      steps.One();
    }
    calls.CheckBooks();
  }
  calls.HangUp();
  return 0;
}
