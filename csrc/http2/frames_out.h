// How frames leave nghttp2, the same for servers and clients: into a queue that holds
// enough for one send, in DATA frames of a size that is fair to other streams.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_FRAMES_OUT_H_
#define LEEBOARD_HTTP2_FRAMES_OUT_H_

#include <cstdint>

#include "http2/nghttp2_api.h"
#include "http2/send_queue.h"

namespace leeboard::http2 {

// Moves frames to the queue until it holds enough or there are no more; what is beyond
// waits inside nghttp2, where a stream can still be reset. False: nghttp2 cannot go on.
[[nodiscard]] bool MoveFrames(nghttp2_session* session, SendQueue* queue);

// Has a session cut DATA frames as the windows allow, at most 64 KiB each: larger ones
// cost fewer headers and callbacks, and delay other streams for longer.
void SetFrameSizes(nghttp2_session_callbacks* callbacks);

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_FRAMES_OUT_H_
