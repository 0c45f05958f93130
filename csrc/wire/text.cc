#include "wire/text.h"

#include <cstddef>

namespace leeboard::wire {
namespace {

constexpr std::size_t kLongestQuote = 80;

bool IsContinuation(std::uint8_t byte) {
  return (byte & 0xc0U) == 0x80U;
}

// Bytes of the character that begins at `at`, or 0 when it is not well-formed.
std::size_t CharacterSize(const std::uint8_t* at, std::size_t left) {
  const std::uint8_t first = at[0];
  if (first < 0x80) {
    return 1;
  }
  if (first < 0xc2 || first > 0xf4) {
    return 0;
  }
  const std::size_t size = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (left < size) {
    return 0;
  }
  for (std::size_t i = 1; i < size; ++i) {
    if (!IsContinuation(at[i])) {
      return 0;
    }
  }
  const bool overlong =
      (first == 0xe0 && at[1] < 0xa0) || (first == 0xf0 && at[1] < 0x90);
  const bool surrogate = first == 0xed && at[1] >= 0xa0;
  const bool too_large = first == 0xf4 && at[1] >= 0x90;
  return overlong || surrogate || too_large ? 0 : size;
}

}  // namespace

bool IsUtf8Slowly(std::string_view text) {
  const auto* at = reinterpret_cast<const std::uint8_t*>(text.data());
  std::size_t left = text.size();
  while (left > 0) {
    const std::size_t size = CharacterSize(at, left);
    if (size == 0) {
      return false;
    }
    at += size;
    left -= size;
  }
  return true;
}

std::string Quoted(std::string_view name) {
  std::string quoted = "'";
  if (name.size() <= kLongestQuote) {
    quoted.append(name);
  } else {
    std::size_t end = kLongestQuote;
    while (end > 0 && IsContinuation(static_cast<std::uint8_t>(name[end]))) {
      --end;
    }
    quoted.append(name.substr(0, end)).append("...");
  }
  return quoted.append("'");
}

Status Malformed(std::string_view message, std::string_view reason) {
  std::string sentence = "malformed ";
  sentence.append(message).append(": ").append(reason);
  return Status::InvalidArgument(std::move(sentence));
}

Status NotUtf8(std::string_view field) {
  std::string sentence(field);
  sentence.append(" is not valid UTF-8, as a protobuf string must be");
  return Status::InvalidArgument(std::move(sentence));
}

}  // namespace leeboard::wire
