#include "front/trace_context.h"

#include <cstddef>

namespace leeboard::front {
namespace {

// 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
constexpr std::size_t kLength = 2 + 1 + 32 + 1 + 16 + 1 + 2;
constexpr std::size_t kTrace = 3;
constexpr std::size_t kSpan = 36;
constexpr std::size_t kFlags = 53;
constexpr std::uint64_t kSampledFlag = 1;

// Lower-case digits only, as the header demands.
bool ReadHex(std::string_view digits, std::uint64_t* value) {
  std::uint64_t read = 0;
  for (const char c : digits) {
    if (c >= '0' && c <= '9') {
      read = read << 4 | static_cast<std::uint64_t>(c - '0');
    } else if (c >= 'a' && c <= 'f') {
      read = read << 4 | static_cast<std::uint64_t>(c - 'a' + 10);
    } else {
      return false;
    }
  }
  *value = read;
  return true;
}

void WriteHex(std::uint64_t value, std::string* out) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    out->push_back("0123456789abcdef"[value >> shift & 0xF]);
  }
}

bool HasLength(std::string_view header, std::uint64_t version) {
  constexpr std::uint64_t kForbidden = 0xFF;
  if (version == 0) {
    return header.size() == kLength;
  }
  return version != kForbidden && (header.size() == kLength || header[kLength] == '-');
}

}  // namespace

bool ParseTraceparent(std::string_view header, TraceContext* context) {
  if (header.size() < kLength || header[kTrace - 1] != '-' ||
      header[kSpan - 1] != '-' || header[kFlags - 1] != '-') {
    return false;
  }
  TraceContext read;
  std::uint64_t version = 0;
  std::uint64_t flags = 0;
  if (!ReadHex(header.substr(0, 2), &version) || !HasLength(header, version) ||
      !ReadHex(header.substr(kTrace, 16), &read.trace_high) ||
      !ReadHex(header.substr(kTrace + 16, 16), &read.trace_low) ||
      !ReadHex(header.substr(kSpan, 16), &read.span) ||
      !ReadHex(header.substr(kFlags, 2), &flags)) {
    return false;
  }
  if ((read.trace_high == 0 && read.trace_low == 0) || read.span == 0) {
    return false;
  }
  read.sampled = (flags & kSampledFlag) != 0;
  *context = read;
  return true;
}

std::string WriteTraceparent(const TraceContext& context) {
  std::string out;
  out.reserve(kLength);
  out += "00-";
  WriteHex(context.trace_high, &out);
  WriteHex(context.trace_low, &out);
  out += '-';
  WriteHex(context.span, &out);
  out += context.sampled ? "-01" : "-00";
  return out;
}

}  // namespace leeboard::front
