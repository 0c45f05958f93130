#include "load/exchange.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace leeboard::load {
namespace {

// Which gRPC code an HTTP status stands for when a proxy answered instead of gRPC.
// Source: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
int StatusOfHttp(int http) {
  switch (http) {
    case 400:
      return kStatusInternal;
    case 401:
      return kStatusUnauthenticated;
    case 403:
      return kStatusPermissionDenied;
    case 404:
      return kStatusUnimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return kStatusUnavailable;
    default:
      return kStatusUnknown;
  }
}

// Source: https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md ("Errors").
int StatusOfReset(std::uint32_t error_code) {
  switch (error_code) {
    case NGHTTP2_REFUSED_STREAM:
      return kStatusUnavailable;
    case NGHTTP2_CANCEL:
      return kStatusCancelled;
    case NGHTTP2_ENHANCE_YOUR_CALM:
      return kStatusResourceExhausted;
    case NGHTTP2_INADEQUATE_SECURITY:
      return kStatusPermissionDenied;
    default:
      return kStatusInternal;
  }
}

int Digits(std::string_view text, int otherwise) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), value);
  return error == std::errc() && end == text.end() && value >= 0 ? value : otherwise;
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace

void Exchange::Clear() {
  connection = nullptr;
  stream = 0;
  request_at = 0;
  http_status = 0;
  grpc_status = -1;
  grpc_message.clear();
  prefix_have = 0;
  received = 0;
  reply.clear();
}

void Exchange::OnBody(std::span<const std::uint8_t> bytes) {
  const std::size_t n = std::min(prefix.size() - prefix_have, bytes.size());
  std::copy_n(bytes.begin(), n,
              prefix.begin() + static_cast<std::ptrdiff_t>(prefix_have));
  prefix_have += n;
  bytes = bytes.subspan(n);
  received += bytes.size();
  if (keeps_reply) {
    reply.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
}

void Exchange::OnHeader(std::string_view name, std::string_view value) {
  if (name == "grpc-status") {
    grpc_status = std::min(Digits(value, kStatusUnknown), kHighestStatus + 1);
  } else if (name == "grpc-message") {
    grpc_message = PercentDecode(value);
  } else if (name == ":status") {
    http_status = Digits(value, 0);
  }
}

Outcome Exchange::Conclude(std::uint32_t error_code) const {
  if (grpc_status > kHighestStatus) {
    return {kStatusUnknown, grpc_message, false};
  }
  if (grpc_status > 0) {
    return {grpc_status, grpc_message, false};
  }
  if (grpc_status < 0) {
    if (http_status != 0 && http_status != 200) {
      return {StatusOfHttp(http_status),
              "the answer is HTTP status " + std::to_string(http_status), false};
    }
    if (error_code != NGHTTP2_NO_ERROR) {
      return {
          StatusOfReset(error_code),
          std::string("the stream was reset: ") + nghttp2_http2_strerror(error_code),
          error_code == NGHTTP2_REFUSED_STREAM};
    }
    return {kStatusUnknown, "the answer has no grpc-status", false};
  }
  const std::uint64_t size = std::uint64_t{prefix[1]} << 24U |
                             std::uint64_t{prefix[2]} << 16U |
                             std::uint64_t{prefix[3]} << 8U | std::uint64_t{prefix[4]};
  if (prefix_have < prefix.size() || received != size) {
    return {kStatusInternal, "the answer is not one whole message", false};
  }
  if (prefix[0] != 0) {
    return {kStatusInternal, "the answer is compressed, which was not asked for",
            false};
  }
  return {};
}

std::string PercentDecode(std::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool may_be_escape = text[i] == '%' && i + 2 < text.size();
    const int high = may_be_escape ? HexDigit(text[i + 1]) : -1;
    const int low = may_be_escape ? HexDigit(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      decoded.push_back(text[i]);
    } else {
      decoded.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return decoded;
}

}  // namespace leeboard::load
