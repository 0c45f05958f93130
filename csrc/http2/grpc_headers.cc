#include "http2/grpc_headers.h"

#include <array>
#include <cstddef>

namespace leeboard::http2 {
namespace {

constexpr std::size_t kMaxTimeoutDigits = 8;
constexpr std::size_t kMaxEncodedMessage = 4096;

// Nanoseconds in one unit of grpc-timeout; 0 for a letter that is no unit.
Nanos UnitOf(char letter) {
  switch (letter) {
    case 'H':
      return Nanos{3'600'000'000'000};
    case 'M':
      return Nanos{60'000'000'000};
    case 'S':
      return Nanos{1'000'000'000};
    case 'm':
      return Nanos{1'000'000};
    case 'u':
      return Nanos{1'000};
    case 'n':
      return Nanos{1};
    default:
      return 0;
  }
}

}  // namespace

std::optional<Nanos> ParseTimeout(std::string_view text) {
  if (text.size() < 2 || text.size() > kMaxTimeoutDigits + 1) {
    return std::nullopt;
  }
  const Nanos unit = UnitOf(text.back());
  if (unit == 0) {
    return std::nullopt;
  }
  Nanos count = 0;
  for (const char digit : text.substr(0, text.size() - 1)) {
    if (digit < '0' || digit > '9') {
      return std::nullopt;
    }
    count = count * 10 + (digit - '0');
  }
  return count > kNever / unit ? kNever : count * unit;
}

Nanos DeadlineAfter(Nanos now, Nanos timeout) {
  return timeout > kNever - now ? kNever : now + timeout;
}

bool IsGrpcContentType(std::string_view value) {
  constexpr std::string_view kType = "application/grpc";
  constexpr std::string_view kProto = "+proto";
  if (!value.starts_with(kType)) {
    return false;
  }
  value.remove_prefix(kType.size());
  if (value.starts_with(kProto)) {
    value.remove_prefix(kProto.size());
  }
  return value.empty() || value.front() == ';' || value.front() == ' ';
}

void PercentEncode(std::string_view message, std::string* encoded) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  encoded->clear();
  for (const char c : message) {
    if (encoded->size() + 3 > kMaxEncodedMessage) {
      return;
    }
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded->push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded->push_back('%');
    encoded->push_back(kHex[byte >> 4]);
    encoded->push_back(kHex[byte & 15]);
  }
}

std::string_view StatusDigits(Code code) {
  static constexpr std::array<std::string_view, 17> kDigits = {
      "0", "1",  "2",  "3",  "4",  "5",  "6",  "7", "8",
      "9", "10", "11", "12", "13", "14", "15", "16"};
  return kDigits[static_cast<std::size_t>(code)];
}

}  // namespace leeboard::http2
