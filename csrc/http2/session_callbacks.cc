// What nghttp2 calls while it reads and writes frames.

#include <array>
#include <string_view>

#include "http2/frames_out.h"
#include "http2/session.h"

namespace leeboard::http2 {
namespace {

// Larger frames cost fewer headers and callbacks, and delay other streams for longer.
constexpr std::uint32_t kMaxFrameReceived = 256u << 10;

Session* From(void* user_data) {
  return static_cast<Session*>(user_data);
}

bool EndsStream(const nghttp2_frame* frame) {
  return (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

int OnBeginHeaders(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                   void* user_data) {
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    From(user_data)->OpenStream(frame->hd.stream_id);
  }
  return 0;
}

// nghttp2 decides how many parameters its callbacks have.
// NOLINTBEGIN(readability-function-size)
int OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* frame,
             const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
             std::size_t value_size, std::uint8_t /*flags*/, void* user_data) {
  Session* owner = From(user_data);
  Stream* stream = owner->Find(frame->hd.stream_id);
  if (stream == nullptr) {
    return 0;
  }
  const bool expected_compressed = owner->expects_compressed();
  stream->OnHeader({reinterpret_cast<const char*>(name), name_size},
                   {reinterpret_cast<const char*>(value), value_size});
  // The rest of a bomb is decompressed, as HPACK must be, and no longer looked at.
  if (!stream->has_header_bomb()) {
    // From here on the connection is read in smaller bites.
    return expected_compressed == owner->expects_compressed() ? 0 : NGHTTP2_ERR_PAUSE;
  }
  stream->counted_useless = true;
  owner->CountUselessStream();
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}
// NOLINTEND(readability-function-size)

int OnFrameReceived(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                    void* user_data) {
  if (frame->hd.type == NGHTTP2_SETTINGS) {
    From(user_data)->OnSettings((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0);
  }
  const bool is_headers = frame->hd.type == NGHTTP2_HEADERS;
  if (!is_headers && !(frame->hd.type == NGHTTP2_DATA && EndsStream(frame))) {
    return 0;
  }
  Stream* stream = From(user_data)->Find(frame->hd.stream_id);
  if (stream == nullptr) {
    return 0;
  }
  if (is_headers) {
    stream->OnHeaders(EndsStream(frame));
  }
  if (EndsStream(frame)) {
    stream->OnEnd();
  }
  return 0;
}

int OnDataChunk(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t id,
                const std::uint8_t* data, std::size_t size, void* user_data) {
  if (Stream* stream = From(user_data)->Find(id); stream != nullptr) {
    stream->OnData({data, size});
  }
  return 0;
}

int OnStreamClose(nghttp2_session* /*session*/, std::int32_t id,
                  std::uint32_t error_code, void* user_data) {
  From(user_data)->CloseStream(id, error_code);
  return 0;
}

int OnFrameSent(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                void* user_data) {
  if (frame->hd.type == NGHTTP2_HEADERS && EndsStream(frame)) {
    From(user_data)->OnAnswerSent(frame->hd.stream_id);
  }
  return 0;
}

int OnSendData(nghttp2_session* /*session*/, nghttp2_frame* /*frame*/,
               const std::uint8_t* frame_header, std::size_t size,
               nghttp2_data_source* source, void* user_data) {
  From(user_data)->SendAnswerData(static_cast<Stream*>(source->ptr), frame_header,
                                  size);
  // Back to FillOutput, which knows how much is enough.
  return NGHTTP2_ERR_PAUSE;
}

nghttp2_session_callbacks* NewCallbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    return nullptr;
  }
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, OnBeginHeaders);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrameReceived);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnDataChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnFrameSent);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, OnSendData);
  SetFrameSizes(callbacks);
  return callbacks;
}

nghttp2_option* NewOption() {
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) {
    return nullptr;
  }
#if defined(LEEBOARD_HAVE_NGHTTP2_RESET_RATE_LIMIT)
  // It counts every reset, and so would close the connections of innocent clients whose
  // deadlines expire. CountUselessStream counts only the streams that did no work.
  constexpr std::uint64_t kNoLimit = 1'000'000'000'000;
  nghttp2_option_set_stream_reset_rate_limit(option, kNoLimit, kNoLimit);
#endif
  return option;
}

bool SubmitSettings(nghttp2_session* session, const Limits& limits) {
  const std::array<nghttp2_settings_entry, 4> entries = {{
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.max_concurrent_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
       static_cast<std::uint32_t>(limits.stream_window_bytes)},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, kMaxFrameReceived},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.max_header_list_bytes},
  }};
  return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(),
                                 entries.size()) == 0 &&
         nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                               limits.connection_window_bytes) == 0;
}

}  // namespace

nghttp2_session* NewServerSession(Session* session, const Limits& limits) {
  nghttp2_session* made = nullptr;
  nghttp2_session_callbacks* callbacks = NewCallbacks();
  nghttp2_option* option = NewOption();
  if (callbacks != nullptr && option != nullptr &&
      nghttp2_session_server_new2(&made, callbacks, session, option) == 0 &&
      !SubmitSettings(made, limits)) {
    nghttp2_session_del(made);
    made = nullptr;
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return made;
}

}  // namespace leeboard::http2
