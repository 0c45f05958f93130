// Calls with many messages, whatever the client sends and whenever the handler sends,
// pauses, goes on or ends: no crash, messages in order and whole, bounded memory, and
// nothing left behind.
//
// Input: a byte of flags, then steps of one byte and what they need.

#include <algorithm>
#include <string>
#include <vector>

#include "check.h"
#include "http2/client.h"
#include "http2/server.h"

namespace leeboard::fuzz {
namespace {

using http2::Seen;

constexpr std::size_t kLoan = 40'000;

class Flows {
 public:
  Flows(http2::Server* server, std::uint8_t flags)
      : server_(server), memory_(std::string(kLoan, 'r')) {
    http2::ScriptedHandler& handler = server->handler;
    handler.on_start = [](Seen& seen) { seen.call->BeginStream(); };
    const bool pauses = (flags & 1U) != 0;
    const bool frees = (flags & 2U) != 0;
    handler.on_message = [=](Seen& seen) {
      if (frees) {
        seen.call->Release(static_cast<std::uint64_t>(seen.announced));
      }
      if (pauses) {
        seen.call->Pause();
      }
    };
    handler.on_end = [](Seen& seen) { Require(seen.ends == 1, "a stream ends once"); };
    handler.on_gone = [](Seen& seen) { Require(seen.gones == 1, "a call goes once"); };
  }

  void Act(std::size_t which, std::size_t action) {
    auto& calls = server_->handler.calls;
    Seen* seen = calls.empty() ? nullptr : &calls[which % calls.size()];
    if (seen == nullptr || seen->call == nullptr || !server_->alive()) {
      return;
    }
    switch (action) {
      case 0:
        return seen->call->Send(http2::TextBody(std::string(which * 7, 's')));
      case 1: {
        http2::ReplyBody body = http2::TextBody("ab");
        body.cuts = {{1, memory_.span(0, kLoan)}};
        body.memory = &memory_;
        return seen->call->Send(std::move(body));
      }
      case 2:
        return seen->call->Pause();
      case 3:
        return seen->call->Resume();
      case 4:
        return seen->call->Release(which);
      case 5:
        return std::exchange(seen->call, nullptr)->Finish({});
      default:
        return std::exchange(seen->call, nullptr)->Fail(Status::NotFound("gone"));
    }
  }

  void CheckBooks() const {
    const http2::Counters& counters = server_->counters();
    const std::uint64_t open = server_->alive() ? server_->connection->open_calls() : 0;
    Require(counters.calls_started == counters.calls_finished + open,
            "calls started are finished or open");
    Require(server_->shared.admitted_bytes <=
                server_->shared.limits.connection_budget_bytes,
            "the budget holds");
    if (!server_->alive() || server_->connection->referenced_bytes() == 0) {
      Require(memory_.added == memory_.dropped, "nothing referenced, nothing lent");
    }
  }

  void HangUp() {
    server_->HangUp();
    server_->connection.reset();
    CheckBooks();
    Require(server_->shared.admitted_bytes == 0, "nothing is admitted any more");
    for (const Seen& seen : server_->handler.calls) {
      Require(seen.call == nullptr, "every call has an end");
    }
  }

 private:
  http2::Server* server_;
  http2::FakeMemory memory_;
};

void ClientStep(std::size_t step, http2::Client* client, Input* input,
                std::vector<std::int32_t>* calls) {
  const auto pick = [&] {
    const std::size_t which = input->Byte();
    return calls->empty() ? 1 : (*calls)[which % calls->size()];
  };
  switch (step) {
    case 0: {
      const bool leave_open = input->Coin();
      const std::string body(input->Text());
      calls->push_back(client->Start(http2::CallFields(), body, leave_open));
      return;
    }
    case 1: {
      const std::int32_t id = pick();
      const bool leave_open = input->Coin();
      return client->Send(id, http2::Framed(input->Text()), leave_open);
    }
    case 2: {
      const std::int32_t id = pick();
      return client->Send(id, input->Text(), /*leave_open=*/true);
    }
    default:
      return client->Reset(pick());
  }
}

}  // namespace
}  // namespace leeboard::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leeboard;
  constexpr std::size_t kActions = 7;
  constexpr std::size_t kClientSteps = 4;
  fuzz::Input input(data, size);
  const std::uint8_t flags = input.Byte();
  http2::Limits limits;
  limits.max_message_bytes = 100'000;
  if ((flags & 4U) != 0) {
    limits.connection_budget_bytes = 500;
    limits.stream_window_bytes = 300;
  }
  http2::Server server(limits);
  fuzz::Flows flows(&server, flags);
  const std::uint32_t window = (flags & 8U) != 0 ? 100 : 1U << 20;
  http2::Client client({.stream_window = window, .connection_window = 1 << 20});
  std::vector<std::int32_t> calls;
  while (!input.empty() && server.alive()) {
    const std::size_t step = input.Below(kActions + kClientSteps + 2);
    if (step < kActions) {
      flows.Act(input.Byte(), step);
    } else if (step < kActions + kClientSteps) {
      fuzz::ClientStep(step - kActions, &client, &input, &calls);
    } else if (step == kActions + kClientSteps) {
      server.Pump(client);
    } else {
      server.now += Nanos{1'000'000'000} * input.Byte();
      if (!server.connection->Sweep(server.now)) {
        server.connection.reset();
      }
    }
    flows.CheckBooks();
  }
  flows.HangUp();
  return 0;
}
