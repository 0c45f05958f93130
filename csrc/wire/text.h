// Text of clients: the UTF-8 check that proto3 demands of string fields, and names
// quoted in sentences for the client.
//
// Thread safety: pure functions.

#ifndef LEEBOARD_WIRE_TEXT_H_
#define LEEBOARD_WIRE_TEXT_H_

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/status.h"

namespace leeboard::wire {

// The check without its ASCII short cut.
bool IsUtf8Slowly(std::string_view text);

// Whether text is well-formed UTF-8: shortest forms, no surrogates, nothing past
// U+10FFFF.
inline bool IsUtf8(std::string_view text) {
  const char* at = text.data();
  std::size_t left = text.size();
  std::uint64_t high_bits = 0;
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, at, 8);
    high_bits |= word;
  }
  for (; left > 0; ++at, --left) {
    high_bits |= static_cast<std::uint8_t>(*at);
  }
  return (high_bits & 0x8080808080808080) == 0 || IsUtf8Slowly(text);
}

// 'name' for a sentence. Long names are cut: a client must not choose the size of
// errors. REQUIRES: name is UTF-8 (the result then is, too).
std::string Quoted(std::string_view name);

// INVALID_ARGUMENT: "malformed <message>: <reason>".
Status Malformed(std::string_view message, std::string_view reason);
// INVALID_ARGUMENT: a string field that is not UTF-8, e.g. "ModelInferRequest.id".
Status NotUtf8(std::string_view field);

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_TEXT_H_
