// Appends protobuf fields to a string, in the canonical encoding: defaults are left
// out, varints are minimal, repeated numbers are packed by their caller.
//
// Thread safety: pure functions.

#ifndef LEEBOARD_WIRE_PROTO_WRITER_H_
#define LEEBOARD_WIRE_PROTO_WRITER_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "wire/proto_reader.h"

namespace leeboard::wire {

constexpr std::size_t VarintSize(std::uint64_t value) {
  return (static_cast<std::size_t>(std::bit_width(value | 1U)) + 6) / 7;
}

inline void AppendVarint(std::uint64_t value, std::string* out) {
  std::array<char, kMaxVarintBytes> bytes{};
  std::size_t size = 0;
  while (value >= 0x80) {
    bytes[size++] = static_cast<char>(value | 0x80U);
    value >>= 7U;
  }
  bytes[size++] = static_cast<char>(value);
  out->append(bytes.data(), size);
}

// Sizes and writers below take field numbers under 16, whose tags are one byte.

constexpr std::size_t LengthFieldSize(std::uint64_t payload_size) {
  return 1 + VarintSize(payload_size) + payload_size;
}
constexpr std::size_t TextFieldSize(std::string_view text) {
  return text.empty() ? 0 : LengthFieldSize(text.size());
}
constexpr std::size_t VarintFieldSize(std::uint64_t value) {
  return value == 0 ? 0 : 1 + VarintSize(value);
}

// The tag and length of a field; `size` bytes must follow.
inline void AppendLength(std::uint32_t field, std::uint64_t size, std::string* out) {
  out->push_back(static_cast<char>(TextTag(field)));
  AppendVarint(size, out);
}

inline void AppendText(std::uint32_t field, std::string_view text, std::string* out) {
  if (!text.empty()) {
    AppendLength(field, text.size(), out);
    out->append(text);
  }
}

inline void AppendVarintField(std::uint32_t field, std::uint64_t value,
                              std::string* out) {
  if (value != 0) {
    out->push_back(static_cast<char>(VarintTag(field)));
    AppendVarint(value, out);
  }
}

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_PROTO_WRITER_H_
