// A server's bytes into the load generator's connection: no crash, every exchange that
// was started ends once or was cancelled, and an answer counts as good only when it is
// one whole message.
//
// Input: the profile, then steps: frames of every type, answers that mean something,
// requests, cancellations, flushes. An exchange is freed as soon as it has ended, so
// that a pointer kept too long is seen.

#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "check.h"
#include "http2/framing.h"
#include "http2/raw_frames.h"
#include "load/connection.h"

namespace leeboard::fuzz {
namespace {

using http2::RawFrame;
using http2::RawString;
using load::Exchange;
using load::Outcome;

constexpr std::uint8_t kContinuation = 9;
constexpr std::size_t kMostOpen = 64;
// The larger one is sent from where it lies.
const std::array<std::vector<std::uint8_t>, 2> kRequests = {
    std::vector<std::uint8_t>(20, 's'), std::vector<std::uint8_t>(20'000, 'l')};

class Exchanges final : public load::ExchangeListener {
 public:
  void OnEnded(Exchange* exchange, Outcome&& outcome) override {
    Require(outcome.status >= 0 && outcome.status <= load::kHighestStatus,
            "an outcome has a code of gRPC");
    if (outcome.status == load::kStatusOk) {
      Require(exchange->prefix_have == exchange->prefix.size(), "good has a prefix");
      Require(!exchange->keeps_reply || exchange->reply.size() == exchange->received,
              "a reply that is kept is kept whole");
    }
    Drop(exchange);
  }

  void Start(load::Connection* connection, Input* input) {
    if (open_.size() == kMostOpen || !connection->has_room()) {
      return;
    }
    const std::uint8_t choice = input->Byte();
    open_.push_back(std::make_unique<Exchange>());
    Exchange* exchange = open_.back().get();
    exchange->request = kRequests[choice & 1U];
    exchange->keeps_reply = (choice & 2U) != 0;
    if (!connection->Start(exchange, now_ += 1'000'000)) {
      Drop(exchange);
    }
  }

  void Cancel(load::Connection* connection, std::size_t which) {
    if (!open_.empty()) {
      Exchange* exchange = open_[which % open_.size()].get();
      connection->Cancel(exchange);
      Drop(exchange);
    }
  }

  [[nodiscard]] std::size_t open() const { return open_.size(); }

 private:
  void Drop(Exchange* exchange) {
    const auto found = std::find_if(open_.begin(), open_.end(), [&](const auto& one) {
      return one.get() == exchange;
    });
    Require(found != open_.end(), "an exchange ends once");
    open_.erase(found);
  }

  Nanos now_ = 1'000'000'000;
  std::vector<std::unique_ptr<Exchange>> open_;
};

class Server {
 public:
  Server(load::ConnectionShared* shared, Exchanges* exchanges, Input* input)
      : shared_(shared), exchanges_(exchanges), input_(input) {
    std::array<int, 2> ends{};
    Require(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) == 0,
            "a socket pair can be had");
    peer_.Reset(ends[1]);
    client_ = std::make_unique<load::Connection>(UniqueFd(ends[0]), shared);
  }

  void Step() {
    switch (input_->Below(12)) {
      case 0:
      case 1:
        exchanges_->Start(client_.get(), input_);
        break;
      case 2:
        exchanges_->Cancel(client_.get(), input_->Byte());
        break;
      case 3:
        Flush();
        break;
      case 4:
        Drain();
        break;
      case 5:
        Deliver(RawFrame(http2::kSettingsFrame, 0, 0, ""));
        break;
      case 6:
        Frame(http2::kHeadersFrame, Headers());
        break;
      case 7:
        Frame(http2::kDataFrame, http2::Framed(input_->Text()));
        break;
      case 8:
        Frame(http2::kHeadersFrame, Trailers());
        break;
      case 9:
        Frame(kContinuation, std::string(input_->Text()));
        break;
      case 10:
        Frame(static_cast<std::uint8_t>(input_->Below(12)),
              std::string(input_->Text()));
        break;
      default:
        Deliver(input_->Text());
    }
  }

  void Check() const {
    Require(client_->in_flight() == exchanges_->open(), "what is open is in flight");
  }

  [[nodiscard]] bool is_over() const { return client_->is_over(); }

  void HangUp() {
    peer_.Reset();
    client_->OnReadable();
    client_->Abandon();
    Check();
    Require(exchanges_->open() == 0, "a lost connection ends every exchange");
  }

 private:
  std::string Headers() {
    std::string block = "\x88";  // 200
    block.append("\x0f\x10").append(RawString("application/grpc"));
    return input_->Coin() ? block : std::string(input_->Text());
  }

  std::string Trailers() {
    std::string block = http2::RawIndexed("grpc-status", input_->Text());
    return block.append(http2::RawIndexed("grpc-message", input_->Text()));
  }

  void Frame(std::uint8_t type, const std::string& payload) {
    const std::uint8_t flags = input_->Byte();
    const std::uint32_t id = input_->Below(64);
    Deliver(RawFrame(type, flags, id, payload));
  }

  void Deliver(std::string_view bytes) {
    if (!bytes.empty() &&
        send(peer_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) > 0) {
      client_->OnReadable();
    }
  }

  // As the generator does: what is dirty, and what can be written again.
  void Flush() {
    shared_->dirty.clear();
    client_->Flush();
  }

  void Drain() {
    std::array<char, 65536> buffer{};
    while (recv(peer_.get(), buffer.data(), buffer.size(), 0) > 0) {
    }
  }

  load::ConnectionShared* shared_;
  Exchanges* exchanges_;
  Input* input_;
  UniqueFd peer_;
  std::unique_ptr<load::Connection> client_;
};

}  // namespace
}  // namespace leeboard::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leeboard;
  static const load::RequestHead head("test", "/a/b", "1S", {{"x-one", "1"}});
  fuzz::Input input(data, size);
  fuzz::Exchanges exchanges;
  load::ConnectionShared shared;
  shared.profile = input.Coin() ? load::Profile::kOrdinary : load::Profile::kPacked;
  shared.head = &head;
  shared.listener = &exchanges;
  fuzz::Server server(&shared, &exchanges, &input);
  while (!input.empty() && !server.is_over()) {
    server.Step();
    server.Check();
  }
  server.HangUp();
  return 0;
}
