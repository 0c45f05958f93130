// HTTP/2 frames and header blocks written by hand, for what no client library would
// send.

#ifndef LEEBOARD_TESTS_NATIVE_HTTP2_RAW_FRAMES_H_
#define LEEBOARD_TESTS_NATIVE_HTTP2_RAW_FRAMES_H_

#include <cstdint>
#include <string>
#include <string_view>

namespace leeboard::http2 {

inline constexpr std::string_view kClientMagic = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
inline constexpr std::uint8_t kDataFrame = 0;
inline constexpr std::uint8_t kHeadersFrame = 1;
inline constexpr std::uint8_t kResetFrame = 3;
inline constexpr std::uint8_t kSettingsFrame = 4;
inline constexpr std::uint8_t kEndStream = 1;
inline constexpr std::uint8_t kEndHeaders = 4;

inline std::string RawFrame(std::uint8_t type, std::uint8_t flags, std::uint32_t id,
                            std::string_view payload) {
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string frame = {static_cast<char>(size >> 16), static_cast<char>(size >> 8),
                       static_cast<char>(size),       static_cast<char>(type),
                       static_cast<char>(flags),      static_cast<char>(id >> 24),
                       static_cast<char>(id >> 16),   static_cast<char>(id >> 8),
                       static_cast<char>(id)};
  return frame.append(payload);
}

// An HPACK string without Huffman coding. REQUIRES: shorter than 16 KiB.
inline std::string RawString(std::string_view text) {
  std::string out;
  if (text.size() < 127) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    const std::size_t rest = text.size() - 127;
    out.push_back(127);
    out.push_back(static_cast<char>(0x80 | (rest & 0x7f)));
    out.push_back(static_cast<char>(rest >> 7));
  }
  return out.append(text);
}

// The headers of a gRPC call, none of which enters the dynamic table.
inline std::string RawCallBlock() {
  std::string block = "\x83\x86";                                  // POST, http
  block.append("\x04").append(RawString("/a/b"));                  // :path
  block.append("\x01").append(RawString("test"));                  // :authority
  block.append("\x0f\x10").append(RawString("application/grpc"));  // content-type
  return block;
}

// A header that enters the dynamic table and can then be named by kNewestHeader.
inline std::string RawIndexed(std::string_view name, std::string_view value) {
  return std::string("\x40").append(RawString(name)).append(RawString(value));
}
inline constexpr char kNewestHeader = static_cast<char>(0x80 | 62);

}  // namespace leeboard::http2

#endif  // LEEBOARD_TESTS_NATIVE_HTTP2_RAW_FRAMES_H_
