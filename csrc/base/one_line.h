// Text of strangers made fit for a sentence in an error or a log.
//
// Thread safety: a pure function.

#ifndef LEEBOARD_BASE_ONE_LINE_H_
#define LEEBOARD_BASE_ONE_LINE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace leeboard {

// `text` with control characters written out ("\n", "\x1B"), those of Latin-1 (U+0080
// to U+009F) included: none can begin a line or move a terminal's cursor.
inline std::string OneLine(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string line;
  line.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<std::uint8_t>(text[i]);
    const bool is_latin1 = byte == 0xC2 && i + 1 < text.size() &&
                           static_cast<std::uint8_t>(text[i + 1]) < 0xA0;
    if (byte >= 0x20 && byte != 0x7F && !is_latin1) {
      line.push_back(text[i]);
    } else if (byte == '\n') {
      line.append("\\n");
    } else {
      const auto shown = is_latin1 ? static_cast<std::uint8_t>(text[++i]) : byte;
      line.append("\\x");
      line.push_back(kHex[shown >> 4]);
      line.push_back(kHex[shown & 15]);
    }
  }
  return line;
}

}  // namespace leeboard

#endif  // LEEBOARD_BASE_ONE_LINE_H_
