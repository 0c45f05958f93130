// Builds messages field by field, wrong ones included, so that a test shows what it
// sends.

#ifndef LEEBOARD_TESTS_NATIVE_WIRE_MESSAGE_BUILDER_H_
#define LEEBOARD_TESTS_NATIVE_WIRE_MESSAGE_BUILDER_H_

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "wire/proto_reader.h"
#include "wire/proto_writer.h"

namespace leeboard::wire {

inline std::span<const std::uint8_t> BytesOf(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// Fields are written even when they hold a default.
class Message {
 public:
  Message& Text(std::uint32_t field, std::string_view text) {
    AppendVarint(TextTag(field), &bytes_);
    AppendVarint(text.size(), &bytes_);
    bytes_.append(text);
    return *this;
  }
  Message& Nested(std::uint32_t field, const Message& message) {
    return Text(field, message.str());
  }
  Message& Number(std::uint32_t field, std::uint64_t value) {
    AppendVarint(VarintTag(field), &bytes_);
    AppendVarint(value, &bytes_);
    return *this;
  }
  Message& Packed(std::uint32_t field, std::initializer_list<std::int64_t> values) {
    std::string packed;
    for (const std::int64_t value : values) {
      AppendVarint(static_cast<std::uint64_t>(value), &packed);
    }
    return Text(field, packed);
  }
  Message& Raw(std::string_view bytes) {
    bytes_.append(bytes);
    return *this;
  }

  [[nodiscard]] const std::string& str() const { return bytes_; }
  [[nodiscard]] std::span<const std::uint8_t> span() const { return BytesOf(bytes_); }

 private:
  std::string bytes_;
};

// An entry of a map<string, InferParameter>: `value` is the InferParameter.
inline Message Entry(std::string_view key, const Message& value) {
  return Message().Text(1, key).Nested(2, value);
}

// An InferInputTensor without data.
inline Message Input(std::string_view name, std::string_view datatype,
                     std::initializer_list<std::int64_t> shape) {
  return Message().Text(1, name).Text(2, datatype).Packed(3, shape);
}

}  // namespace leeboard::wire

#endif  // LEEBOARD_TESTS_NATIVE_WIRE_MESSAGE_BUILDER_H_
