// A handler that records what it is told, does what its knobs say, and never waits.

#ifndef LEEBOARD_TESTS_NATIVE_HTTP2_SCRIPTED_HANDLER_H_
#define LEEBOARD_TESTS_NATIVE_HTTP2_SCRIPTED_HANDLER_H_

#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "http2/call.h"

namespace leeboard::http2 {

// What the handler was told about one call.
struct Seen {
  Call* call = nullptr;  // Null once the pointer is dead.
  std::string method;
  Nanos deadline = kNever;
  std::int64_t announced = -1;  // OnMessage's size.
  std::string message;
  int ends = 0;
  int gones = 0;
  int sents = 0;
};

// Records everything; each knob is called after the record was made. Answers go through
// Reply and Fail here, which forget the pointer.
class ScriptedHandler final : public CallHandler {
 public:
  using Knob = std::function<void(Seen&)>;
  Knob on_start;
  Knob on_message;
  Knob on_bytes;
  Knob on_end;
  Knob on_gone;
  std::deque<Seen> calls;

  void EchoAtEnd();
  static void Reply(Seen& seen, ReplyBody body);
  static void Fail(Seen& seen, const Status& status);

  void OnStart(Call* call) override;
  void OnMessage(Call* call, std::uint32_t size) override;
  void OnBytes(Call* call, std::span<const std::uint8_t> bytes) override;
  void OnEnd(Call* call) override;
  void OnGone(Call* call) override;
  void OnSent(Call* call) override { ++static_cast<Seen*>(call->context)->sents; }
};

// Counts loans of `bytes`.
class FakeMemory final : public ReplyMemory {
 public:
  explicit FakeMemory(std::string content) : bytes(std::move(content)) {}
  void AddReference() override { ++added; }
  void DropReference() override { ++dropped; }
  [[nodiscard]] Span span(std::size_t at, std::size_t size) const {
    return {reinterpret_cast<const std::uint8_t*>(bytes.data()) + at, size};
  }
  std::string bytes;
  int added = 0;
  int dropped = 0;
};

inline ReplyBody TextBody(std::string text) {
  ReplyBody body;
  body.text = std::move(text);
  return body;
}

inline Seen& SeenOf(Call* call) {
  return *static_cast<Seen*>(call->context);
}

inline void Run(const ScriptedHandler::Knob& knob, Seen& seen) {
  if (knob) {
    knob(seen);
  }
}

inline void ScriptedHandler::EchoAtEnd() {
  on_end = [](Seen& seen) { Reply(seen, TextBody(seen.message)); };
}

inline void ScriptedHandler::Reply(Seen& seen, ReplyBody body) {
  std::exchange(seen.call, nullptr)->Reply(std::move(body));
}

inline void ScriptedHandler::Fail(Seen& seen, const Status& status) {
  std::exchange(seen.call, nullptr)->Fail(status);
}

inline void ScriptedHandler::OnStart(Call* call) {
  Seen& seen = calls.emplace_back();
  seen.call = call;
  seen.method = call->method();
  seen.deadline = call->deadline();
  call->context = &seen;
  Run(on_start, seen);
}

inline void ScriptedHandler::OnMessage(Call* call, std::uint32_t size) {
  SeenOf(call).announced = size;
  Run(on_message, SeenOf(call));
}

inline void ScriptedHandler::OnBytes(Call* call, std::span<const std::uint8_t> bytes) {
  SeenOf(call).message.append(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size());
  Run(on_bytes, SeenOf(call));
}

inline void ScriptedHandler::OnEnd(Call* call) {
  ++SeenOf(call).ends;
  Run(on_end, SeenOf(call));
}

inline void ScriptedHandler::OnGone(Call* call) {
  Seen& seen = SeenOf(call);
  ++seen.gones;
  seen.call = nullptr;
  Run(on_gone, seen);
}

}  // namespace leeboard::http2

#endif  // LEEBOARD_TESTS_NATIVE_HTTP2_SCRIPTED_HANDLER_H_
