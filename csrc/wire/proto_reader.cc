#include "wire/proto_reader.h"

#include <array>

namespace leeboard::wire {

VarintEnd ReadLongVarint(const std::uint8_t** at, const std::uint8_t* end,
                         int max_bytes, std::uint64_t* value) {
  const std::uint8_t* next = *at;
  std::uint64_t result = 0;
  for (unsigned i = 0; i < static_cast<unsigned>(max_bytes); ++i) {
    if (next == end) {
      return VarintEnd::kTruncated;
    }
    const std::uint32_t byte = *next++;
    result |= static_cast<std::uint64_t>(byte & 0x7fU) << (7U * i);
    if (byte < 0x80) {
      *value = result;
      *at = next;
      return VarintEnd::kComplete;
    }
  }
  return VarintEnd::kTooLong;
}

bool ProtoReader::NextOfAnyKind() {
  if (at_ == end_) {
    return false;
  }
  if (!ReadTag()) {
    return false;
  }
  return WireTypeOf(tag_) == WireType::kGroupStart ? SkipGroup() : TakeValue();
}

bool ProtoReader::ReadTag() {
  std::uint64_t tag = 0;
  if (ReadVarint(&at_, end_, kMaxTagBytes, &tag) != VarintEnd::kComplete ||
      tag > UINT32_MAX) {
    return Fail("a tag is cut off or too long");
  }
  tag_ = static_cast<std::uint32_t>(tag);
  return FieldOf(tag_) != 0 || Fail("a field has the number 0");
}

bool ProtoReader::TakeValue() {
  switch (WireTypeOf(tag_)) {
    case WireType::kVarint:
      return TakeVarint();
    case WireType::kLength:
      return TakeVarint() && Take(value_);
    case WireType::kFixed32:
      return Take(4);
    case WireType::kFixed64:
      return Take(8);
    default:
      return Fail("a field has a wire type that cannot stand here");
  }
}

bool ProtoReader::TakeVarint() {
  return ReadVarint(&at_, end_, kMaxVarintBytes, &value_) == VarintEnd::kComplete ||
         Fail("a varint is cut off or longer than 10 bytes");
}

bool ProtoReader::Take(std::uint64_t size) {
  if (size > static_cast<std::uint64_t>(end_ - at_)) {
    return Fail("a field passes the end of its message");
  }
  payload_ = {at_, static_cast<std::size_t>(size)};
  at_ += size;
  return true;
}

// A loop with the open groups on the stack: hostile nesting must not become recursion.
bool ProtoReader::SkipGroup() {
  const std::uint32_t outer_tag = tag_;
  const auto limit = static_cast<std::size_t>(kMaxNesting - nesting_);
  std::array<std::uint32_t, kMaxNesting> open{FieldOf(tag_)};
  std::size_t depth = 1;
  while (depth > 0) {
    if (at_ == end_) {
      return Fail("a group has no end");
    }
    if (!ReadTag()) {
      return false;
    }
    if (WireTypeOf(tag_) == WireType::kGroupStart) {
      if (depth >= limit) {
        return Fail("groups are nested too deeply");
      }
      open[depth++] = FieldOf(tag_);
    } else if (WireTypeOf(tag_) == WireType::kGroupEnd) {
      if (open[--depth] != FieldOf(tag_)) {
        return Fail("a group ends with another's number");
      }
    } else if (!TakeValue()) {
      return false;
    }
  }
  tag_ = outer_tag;
  return true;
}

}  // namespace leeboard::wire
