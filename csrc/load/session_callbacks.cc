// What nghttp2 calls while it reads and writes a client's frames.

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "http2/frames_out.h"
#include "load/connection.h"

namespace leeboard::load {
namespace {

using http2::DataProvider;
using http2::SignedSize;

constexpr std::size_t kPrefixBytes = 5;
// Messages from here on are sent from where they lie.
constexpr std::size_t kLargeMessage = 16u << 10;

Connection* From(void* user_data) {
  return static_cast<Connection*>(user_data);
}

// nghttp2 decides how many parameters its callbacks have.
// NOLINTBEGIN(readability-function-size)
int OnHeader(nghttp2_session* /*session*/, const nghttp2_frame* frame,
             const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value,
             std::size_t value_size, std::uint8_t /*flags*/, void* user_data) {
  if (Exchange* exchange = From(user_data)->Find(frame->hd.stream_id)) {
    exchange->OnHeader({reinterpret_cast<const char*>(name), name_size},
                       {reinterpret_cast<const char*>(value), value_size});
  }
  return 0;
}

// NOLINTEND(readability-function-size)

int OnFrameReceived(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                    void* user_data) {
  if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) {
    From(user_data)->OnSettings();
  } else if (frame->hd.type == NGHTTP2_GOAWAY) {
    From(user_data)->OnGoAway();
  } else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
             (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    From(user_data)->OnAnswered(frame->hd.stream_id);
  }
  return 0;
}

int OnFrameSent(nghttp2_session* /*session*/, const nghttp2_frame* frame,
                void* user_data) {
  if (frame->hd.type == NGHTTP2_HEADERS) {
    From(user_data)->OnHeadersSent(frame->hd.stream_id);
  } else if (frame->hd.type == NGHTTP2_DATA &&
             (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
    From(user_data)->OnBodySent();
  }
  return 0;
}

int OnDataChunk(nghttp2_session* /*session*/, std::uint8_t /*flags*/, std::int32_t id,
                const std::uint8_t* data, std::size_t size, void* user_data) {
  From(user_data)->OnData(From(user_data)->Find(id), {data, size});
  return 0;
}

int OnStreamClose(nghttp2_session* /*session*/, std::int32_t id,
                  std::uint32_t error_code, void* user_data) {
  From(user_data)->OnStreamClosed(id, error_code);
  return 0;
}

int OnSendData(nghttp2_session* /*session*/, nghttp2_frame* /*frame*/,
               const std::uint8_t* frame_header, std::size_t size,
               nghttp2_data_source* source, void* user_data) {
  From(user_data)->SendLargeData(static_cast<Exchange*>(source->ptr), frame_header,
                                 size);
  return NGHTTP2_ERR_PAUSE;  // Back to FillQueue, which knows how much is enough.
}

// NOLINTNEXTLINE(readability-function-size): nghttp2 decides.
SignedSize ReadBody(nghttp2_session* /*session*/, std::int32_t /*id*/, std::uint8_t* to,
                    std::size_t limit, std::uint32_t* flags,
                    nghttp2_data_source* source, void* /*user_data*/) {
  auto* exchange = static_cast<Exchange*>(source->ptr);
  const std::size_t left =
      kPrefixBytes + exchange->request.size() - exchange->request_at;
  const std::size_t size = std::min(limit, left);
  if (size == left) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  if (exchange->request.size() >= kLargeMessage) {
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    return static_cast<SignedSize>(size);
  }
  std::size_t done = 0;
  for (; done < size && exchange->request_at < kPrefixBytes; ++done) {
    const std::size_t byte = exchange->request_at++;
    const std::size_t shift = 8 * (kPrefixBytes - 1 - byte);
    to[done] =
        byte == 0 ? 0 : static_cast<std::uint8_t>(exchange->request.size() >> shift);
  }
  std::memcpy(to + done, exchange->request.data() + exchange->request_at - kPrefixBytes,
              size - done);
  exchange->request_at += size - done;
  return static_cast<SignedSize>(size);
}

nghttp2_session_callbacks* NewCallbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) {
    return nullptr;
  }
  nghttp2_session_callbacks_set_on_header_callback(callbacks, OnHeader);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, OnFrameReceived);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, OnFrameSent);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, OnDataChunk);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, OnStreamClose);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, OnSendData);
  http2::SetFrameSizes(callbacks);
  return callbacks;
}

bool SubmitSettings(nghttp2_session* session, Profile profile) {
  // ordinary: what grpc-core says.
  const bool ordinary = profile == Profile::kOrdinary;
  constexpr std::int32_t kGrpcWindow = 4'194'303;
  const std::int32_t connection_window = ordinary ? kGrpcWindow : 64 << 20;
  const std::array<nghttp2_settings_entry, 4> entries = {{
      {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
       ordinary ? static_cast<std::uint32_t>(kGrpcWindow) : 16u << 20},
      {NGHTTP2_SETTINGS_MAX_FRAME_SIZE,
       ordinary ? static_cast<std::uint32_t>(kGrpcWindow) : 1u << 20},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 16u << 10},
  }};
  return nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(),
                                 entries.size()) == 0 &&
         nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                               connection_window) == 0;
}

}  // namespace

nghttp2_session* NewClientSession(Connection* connection, Profile profile) {
  nghttp2_session* made = nullptr;
  nghttp2_session_callbacks* callbacks = NewCallbacks();
  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) == 0 && callbacks != nullptr) {
    if (profile == Profile::kOrdinary) {
      nghttp2_option_set_no_auto_window_update(option, 1);
    }
    if (nghttp2_session_client_new2(&made, callbacks, connection, option) == 0 &&
        !SubmitSettings(made, profile)) {
      nghttp2_session_del(made);
      made = nullptr;
    }
  }
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  return made;
}

DataProvider RequestBody(Exchange* exchange) {
  DataProvider provider{};
  provider.source.ptr = exchange;
  provider.read_callback = ReadBody;
  return provider;
}

}  // namespace leeboard::load
