#include "wire/proto_reader.h"

#include <array>

namespace leeboard::wire {

VarintEnd ReadLongVarint(const std::uint8_t** at, const std::uint8_t* end,
                         int max_bytes, std::uint64_t* value) {
  const std::uint8_t* next = *at;
  std::uint64_t result = 0;
  for (int i = 0; i < max_bytes; ++i) {
    if (next == end) {
      return VarintEnd::kTruncated;
    }
    const std::uint8_t byte = *next++;
    result |= static_cast<std::uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) {
      *value = result;
      *at = next;
      return VarintEnd::kComplete;
    }
  }
  return VarintEnd::kTooLong;
}

// A loop with the open groups on the stack: hostile nesting must not become recursion.
bool ProtoReader::SkipGroup() {
  const std::uint32_t outer_tag = tag_;
  std::array<std::uint32_t, kMaxNesting> open{};
  const auto limit = static_cast<std::size_t>(kMaxNesting - nesting_);
  std::size_t depth = 0;
  open[depth++] = tag_ >> 3;
  while (depth > 0) {
    if (at_ == end_) {
      return Fail("a group has no end");
    }
    if (!ReadTag()) {
      return false;
    }
    bool good = true;
    switch (static_cast<WireType>(tag_ & 7)) {
      case WireType::kVarint:
        good = TakeVarint();
        break;
      case WireType::kLength:
        good = TakeVarint() && Take(value_);
        break;
      case WireType::kFixed32:
        good = Take(4);
        break;
      case WireType::kFixed64:
        good = Take(8);
        break;
      case WireType::kGroupStart:
        good = depth < limit || Fail("groups are nested too deeply");
        if (good) {
          open[depth++] = tag_ >> 3;
        }
        break;
      case WireType::kGroupEnd:
        good = open[--depth] == tag_ >> 3 || Fail("a group ends with another's number");
        break;
      default:
        good = Fail("a field has an unknown wire type");
    }
    if (!good) {
      return false;
    }
  }
  tag_ = outer_tag;
  return true;
}

}  // namespace leeboard::wire
