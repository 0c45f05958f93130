// gRPC's framing and headers as a client writes and reads them, wrong ones included.

#ifndef LEEBOARD_TESTS_NATIVE_HTTP2_FRAMING_H_
#define LEEBOARD_TESTS_NATIVE_HTTP2_FRAMING_H_

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leeboard::http2 {

using Fields = std::vector<std::pair<std::string, std::string>>;

// A prefix that promises size bytes.
inline std::string Prefix(std::uint32_t size, std::uint8_t flag = 0) {
  return {static_cast<char>(flag), static_cast<char>(size >> 24),
          static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

// The 5-byte prefix and the message.
inline std::string Framed(std::string_view message, std::uint8_t flag = 0) {
  return Prefix(static_cast<std::uint32_t>(message.size()), flag).append(message);
}

// Headers of a gRPC call; extra ones replace those of the same name.
inline Fields CallFields(const Fields& extra = {}) {
  Fields fields = {{":method", "POST"},
                   {":scheme", "http"},
                   {":path", "/inference.GRPCInferenceService/ModelInfer"},
                   {":authority", "test"},
                   {"content-type", "application/grpc"},
                   {"te", "trailers"}};
  for (const auto& field : extra) {
    const auto same =
        std::find_if(fields.begin(), fields.end(),
                     [&](const auto& other) { return other.first == field.first; });
    if (same == fields.end()) {
      fields.push_back(field);
    } else {
      same->second = field.second;
    }
  }
  return fields;
}

// What came back on one stream.
struct Response {
  std::map<std::string, std::string> fields;  // Headers and trailers.
  std::string data;
  bool closed = false;
  std::uint32_t error_code = 0;

  [[nodiscard]] std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? "" : found->second;
  }
  [[nodiscard]] std::string grpc_status() const { return field("grpc-status"); }
  // Without the prefix; "(unframed)" when the prefix is wrong.
  [[nodiscard]] std::string message() const {
    if (data.size() < 5 ||
        data.substr(0, 5) != Prefix(static_cast<std::uint32_t>(data.size() - 5))) {
      return "(unframed)";
    }
    return data.substr(5);
  }
  // All whole messages, without their prefixes.
  [[nodiscard]] std::vector<std::string> messages() const {
    std::vector<std::string> found;
    for (std::size_t at = 0; at + 5 <= data.size();) {
      std::size_t size = 0;
      for (std::size_t i = 1; i < 5; ++i) {
        size = size << 8 | static_cast<std::uint8_t>(data[at + i]);
      }
      if (at + 5 + size > data.size()) {
        break;
      }
      found.push_back(data.substr(at + 5, size));
      at += 5 + size;
    }
    return found;
  }
};

// The GOAWAY frames that came: how many, and the last one.
struct Goaway {
  int count = 0;
  std::uint32_t code = 0;
  std::int32_t last_id = 0;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_TESTS_NATIVE_HTTP2_FRAMING_H_
