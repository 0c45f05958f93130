#include "http2/frames_out.h"

#include <algorithm>

namespace leeboard::http2 {
namespace {

constexpr std::uint64_t kQueueEnough = 256u << 10;
constexpr std::size_t kMaxFrameSent = 64u << 10;

// NOLINTNEXTLINE(readability-function-size): nghttp2 decides.
SignedSize FrameSizeToSend(nghttp2_session* /*session*/, std::uint8_t /*frame_type*/,
                           std::int32_t /*id*/, std::int32_t session_window,
                           std::int32_t stream_window, std::uint32_t max_frame,
                           void* /*user_data*/) {
  const std::int32_t window = std::min(session_window, stream_window);
  return std::min({static_cast<SignedSize>(window), static_cast<SignedSize>(max_frame),
                   static_cast<SignedSize>(kMaxFrameSent)});
}

}  // namespace

bool MoveFrames(nghttp2_session* session, SendQueue* queue) {
  while (queue->unsent_bytes() < kQueueEnough) {
    const std::uint8_t* data = nullptr;
    const std::uint64_t before = queue->unsent_bytes();
    const SignedSize size = MemSend(session, &data);
    if (size < 0) {
      return false;
    }
    if (size > 0) {
      queue->Append(data, static_cast<std::size_t>(size));
    } else if (queue->unsent_bytes() == before) {
      return true;
    }
  }
  return true;
}

void SetFrameSizes(nghttp2_session_callbacks* callbacks) {
  SetReadLengthCallback(callbacks, FrameSizeToSend);
}

}  // namespace leeboard::http2
