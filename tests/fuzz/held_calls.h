// A handler that does what the input says at each step of a call: answer, fail or hold.
// Held calls are answered later or never. It also keeps the books that must balance.
//
// Thread safety: none.

#ifndef LEEBOARD_TESTS_FUZZ_HELD_CALLS_H_
#define LEEBOARD_TESTS_FUZZ_HELD_CALLS_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "check.h"
#include "http2/server.h"

namespace leeboard::fuzz {

using http2::Seen;

enum class Action : std::uint8_t { kHold, kFail, kEcho, kReplyFromMemory };

class HeldCalls {
 public:
  // `script` is read in a circle, one byte for each step of a call; none: always hold.
  HeldCalls(std::string_view script, http2::Server* server)
      : script_(script), server_(server), memory_(std::string(kMemoryBytes, 'r')) {
    const auto step = [this](Seen& seen) { Step(seen); };
    http2::ScriptedHandler& handler = server->handler;
    handler.on_start = step;
    handler.on_message = step;
    handler.on_bytes = [this](Seen& seen) {
      Require(static_cast<std::int64_t>(seen.message.size()) <= seen.announced,
              "no more bytes than were announced");
      Step(seen);
    };
    handler.on_end = [this](Seen& seen) {
      Require(static_cast<std::int64_t>(seen.message.size()) == seen.announced,
              "a message ends when it is whole");
      Require(seen.ends == 1, "a message ends once");
      Step(seen);
    };
    handler.on_gone = [](Seen& seen) { Require(seen.gones == 1, "a call goes once"); };
  }

  void Do(Action action, Seen& seen) {
    if (seen.call == nullptr || action == Action::kHold) {
      return;
    }
    if (action == Action::kFail) {
      http2::ScriptedHandler::Fail(seen, Status::NotFound("no such m\xc3\xb6"
                                                          "del\n"));
    } else if (action == Action::kEcho) {
      http2::ScriptedHandler::Reply(seen, http2::TextBody(seen.message));
    } else {
      http2::ReplyBody body = http2::TextBody("ab");
      const std::size_t half = memory_.bytes.size() / 2;
      body.cuts = {{1, memory_.span(0, half)}, {2, memory_.span(half, half)}};
      body.memory = &memory_;
      http2::ScriptedHandler::Reply(seen, std::move(body));
    }
  }

  // Acts on one of all calls so far, open or not.
  void Answer(std::size_t which, Action action) {
    auto& calls = server_->handler.calls;
    if (!calls.empty()) {
      Do(action, calls[which % calls.size()]);
    }
  }

  // What holds at any time.
  void CheckBooks() const {
    const http2::Counters& counters = server_->counters();
    const std::uint64_t open = server_->alive() ? server_->connection->open_calls() : 0;
    Require(counters.calls_started == counters.calls_finished + open,
            "calls started are finished or open");
    std::uint64_t waiting = 0;
    std::uint64_t announced = 0;
    for (const Seen& seen : server_->handler.calls) {
      waiting += seen.call != nullptr ? 1 : 0;
      announced += seen.call != nullptr && seen.announced > 0
                       ? static_cast<std::uint64_t>(seen.announced)
                       : 0;
    }
    Require(waiting <= open, "a call that the handler has is open");
    Require(server_->shared.admitted_bytes == announced,
            "admitted are the messages of the calls that the handler has");
    Require(announced <= server_->shared.limits.connection_budget_bytes,
            "the budget holds");
    if (!server_->alive()) {
      Require(memory_.added == memory_.dropped, "a lost connection returns its loans");
    } else if (server_->connection->referenced_bytes() == 0) {
      Require(memory_.added == memory_.dropped, "nothing referenced, nothing lent");
    }
  }

  // The client goes away: nothing may be left.
  void HangUp() {
    server_->HangUp();
    server_->connection.reset();
    CheckBooks();
    const http2::Counters& counters = server_->counters();
    Require(counters.calls_gone <= counters.calls_started, "gone calls had started");
    Require(counters.connections_opened == counters.connections_closed,
            "the connection is closed");
    for (const Seen& seen : server_->handler.calls) {
      Require(seen.call == nullptr, "every call has an end");
    }
  }

 private:
  static constexpr std::size_t kMemoryBytes = 40'000;

  void Step(Seen& seen) {
    if (!script_.empty()) {
      Do(static_cast<Action>(script_[at_++ % script_.size()] & 3), seen);
    }
  }

  std::string_view script_;
  std::size_t at_ = 0;
  http2::Server* server_;
  http2::FakeMemory memory_;
};

}  // namespace leeboard::fuzz

#endif  // LEEBOARD_TESTS_FUZZ_HELD_CALLS_H_
