// Walks the fields of one protobuf message in place, with every read inside its bounds.
//
// Accepts what protobuf accepts: tags of up to 5 bytes, varints of up to 10 (bits past
// the 64th are dropped), unknown fields, and groups, which are skipped whole. Refuses
// field number 0, the wire types 6 and 7, lengths that pass the end, groups that end
// wrongly, and nesting deeper than protobuf's limit.
//
// Thread safety: none; a reader lives on its caller's stack.

#ifndef LEEBOARD_WIRE_PROTO_READER_H_
#define LEEBOARD_WIRE_PROTO_READER_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace leeboard::wire {

enum class WireType : std::uint8_t {
  kVarint = 0,
  kFixed64 = 1,
  kLength = 2,
  kGroupStart = 3,
  kGroupEnd = 4,
  kFixed32 = 5,
};

// A field's tag as it travels; what a parser's `switch` compares with.
constexpr std::uint32_t Tag(std::uint32_t field, WireType type) {
  return field << 3U | static_cast<std::uint32_t>(type);
}
constexpr std::uint32_t TextTag(std::uint32_t field) {
  return Tag(field, WireType::kLength);
}
constexpr std::uint32_t VarintTag(std::uint32_t field) {
  return Tag(field, WireType::kVarint);
}

constexpr std::uint32_t FieldOf(std::uint32_t tag) {
  return tag >> 3U;
}
constexpr WireType WireTypeOf(std::uint32_t tag) {
  return static_cast<WireType>(tag & 7U);
}

inline constexpr int kMaxTagBytes = 5;
inline constexpr int kMaxVarintBytes = 10;
inline constexpr int kMaxNesting =
    100;  // Messages and groups, as protobuf counts them.

enum class VarintEnd : std::uint8_t {
  kComplete,
  kTruncated,  // The bytes ended first.
  kTooLong,    // No end within max_bytes.
};

// ReadVarint for values of more than one byte.
VarintEnd ReadLongVarint(const std::uint8_t** at, const std::uint8_t* end,
                         int max_bytes, std::uint64_t* value);

// Reads a varint at *at and moves *at behind it; on failure *at stays.
inline VarintEnd ReadVarint(const std::uint8_t** at, const std::uint8_t* end,
                            int max_bytes, std::uint64_t* value) {
  if (*at != end && **at < 0x80) {
    *value = *(*at)++;
    return VarintEnd::kComplete;
  }
  return ReadLongVarint(at, end, max_bytes, value);
}

class ProtoReader {
 public:
  // `nesting` counts the messages around this one; only the limit on groups depends on
  // it.
  explicit ProtoReader(std::span<const std::uint8_t> message, int nesting = 0)
      : at_(message.data()), end_(at_ + message.size()), nesting_(nesting) {}

  // Moves to the next field. False at the end and at the first malformed field.
  bool Next() {
    // The common field first: a short text, with a tag and a length of one byte each.
    if (end_ - at_ >= 2 && IsShortTextTag(at_[0]) && at_[1] < 0x80 &&
        at_[1] <= end_ - at_ - 2) {
      tag_ = at_[0];
      payload_ = {at_ + 2, at_[1]};
      at_ += 2 + at_[1];
      return true;
    }
    return NextOfAnyKind();
  }

  // The current field: Tag(number, type).
  [[nodiscard]] std::uint32_t tag() const { return tag_; }
  // REQUIRES: the field's type is kVarint.
  [[nodiscard]] std::uint64_t varint() const { return value_; }
  // The bytes of a kLength, kFixed32 or kFixed64 field.
  [[nodiscard]] std::span<const std::uint8_t> payload() const { return payload_; }
  [[nodiscard]] std::string_view text() const {
    return {reinterpret_cast<const char*>(payload_.data()), payload_.size()};
  }

  // False when Next() stopped at a malformed field; error() then says why.
  [[nodiscard]] bool ok() const { return error_ == nullptr; }
  [[nodiscard]] std::string_view error() const { return error_; }

 private:
  static bool IsShortTextTag(std::uint8_t byte) {
    return (byte & 0x87U) == static_cast<std::uint8_t>(WireType::kLength) && byte >= 8;
  }

  bool NextOfAnyKind();

  // The parts of NextOfAnyKind. Each returns false when the message is malformed there.
  bool ReadTag();
  // Reads the value of the field, or passes over it, as its wire type says.
  bool TakeValue();

  bool TakeVarint();
  bool Take(std::uint64_t size);
  bool Fail(const char* reason) {
    error_ = reason;
    return false;
  }

  // Moves behind the end of the group whose start tag was just read.
  bool SkipGroup();

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  std::uint32_t tag_ = 0;
  int nesting_;
  std::uint64_t value_ = 0;
  std::span<const std::uint8_t> payload_;
  const char* error_ = nullptr;
};

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_PROTO_READER_H_
