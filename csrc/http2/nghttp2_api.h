// The few nghttp2 names that differ between releases. 1.60 replaced every function
// whose signature says ssize_t; the old names may be compiled out of later releases.
//
// Lowest release supported: 1.43. The limit on resets is probed by the build
// (LEEBOARD_HAVE_NGHTTP2_RESET_RATE_LIMIT), because distributions have ported it back.

#ifndef LEEBOARD_HTTP2_NGHTTP2_API_H_
#define LEEBOARD_HTTP2_NGHTTP2_API_H_

#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leeboard::http2 {

// A header whose name and value outlive the frame; nghttp2 needs no copies.
inline nghttp2_nv LastingHeader(std::string_view name,
                                std::string_view value) noexcept {
  const auto bytes = [](std::string_view text) noexcept {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

#if NGHTTP2_VERSION_NUM >= 0x013c00

using SignedSize = nghttp2_ssize;
using DataProvider = nghttp2_data_provider2;

inline SignedSize MemRecv(nghttp2_session* session, const std::uint8_t* data,
                          std::size_t size) {
  return nghttp2_session_mem_recv2(session, data, size);
}
inline SignedSize MemSend(nghttp2_session* session, const std::uint8_t** data) {
  return nghttp2_session_mem_send2(session, data);
}
inline int SubmitResponse(nghttp2_session* session, std::int32_t id,
                          const nghttp2_nv* fields, std::size_t count,
                          const DataProvider* provider) {
  return nghttp2_submit_response2(session, id, fields, count, provider);
}
inline std::int32_t SubmitRequest(nghttp2_session* session, const nghttp2_nv* fields,
                                  std::size_t count, const DataProvider* provider,
                                  void* user_data) {
  return nghttp2_submit_request2(session, nullptr, fields, count, provider, user_data);
}
inline void SetReadLengthCallback(nghttp2_session_callbacks* callbacks,
                                  nghttp2_data_source_read_length_callback2 callback) {
  nghttp2_session_callbacks_set_data_source_read_length_callback2(callbacks, callback);
}

#else

using SignedSize = ssize_t;
using DataProvider = nghttp2_data_provider;

inline SignedSize MemRecv(nghttp2_session* session, const std::uint8_t* data,
                          std::size_t size) {
  return nghttp2_session_mem_recv(session, data, size);
}
inline SignedSize MemSend(nghttp2_session* session, const std::uint8_t** data) {
  return nghttp2_session_mem_send(session, data);
}
inline int SubmitResponse(nghttp2_session* session, std::int32_t id,
                          const nghttp2_nv* fields, std::size_t count,
                          const DataProvider* provider) {
  return nghttp2_submit_response(session, id, fields, count, provider);
}
inline std::int32_t SubmitRequest(nghttp2_session* session, const nghttp2_nv* fields,
                                  std::size_t count, const DataProvider* provider,
                                  void* user_data) {
  return nghttp2_submit_request(session, nullptr, fields, count, provider, user_data);
}
inline void SetReadLengthCallback(nghttp2_session_callbacks* callbacks,
                                  nghttp2_data_source_read_length_callback callback) {
  nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, callback);
}

#endif

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_NGHTTP2_API_H_
