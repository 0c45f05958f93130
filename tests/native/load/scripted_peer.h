// One connection of a scripted gRPC server: an nghttp2 session and what it was asked.
//
// Thread safety: none; the server's thread owns it.

#ifndef LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_PEER_H_
#define LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_PEER_H_

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "http2/framing.h"
#include "http2/nghttp2_api.h"

namespace leeboard::load {

// What the server does with one request.
struct Act {
  enum class Kind { kAnswer, kReset, kSilent, kHangUp, kGarbage };
  Kind kind = Kind::kAnswer;
  Nanos delay = 0;
  int http_status = 200;
  int status = 0;  // grpc-status; below 0 there is none.
  std::string message = {};
  std::string body = http2::Framed("");  // What travels in DATA.
  bool trailers_only = false;
  std::uint32_t reset_code = NGHTTP2_REFUSED_STREAM;
  bool then_goaway = false;
};

inline Act Failure(int status, std::string message) {
  return {.status = status, .message = std::move(message), .trailers_only = true};
}

struct ServerOptions {
  std::uint32_t max_streams = UINT32_MAX;  // That: says nothing about it.
  std::uint32_t window = 0;                // 0: says nothing about it.
  bool gives_window = true;
  bool asks_at_headers = false;  // The script decides before the message has come.
  std::string greeting = {};     // Raw bytes instead of HTTP/2.
  bool is_silent = false;        // Accepts, and that is all.
  bool turns_away = false;       // GOAWAY to every new connection.
};

struct Asked {
  std::uint64_t number = 0;  // Over all connections; set by the server.
  std::uint64_t connection = 0;
  std::int32_t stream = 0;
  Nanos came = 0;
  std::map<std::string, std::string> headers;
  std::string body;
};

struct SeenFrame {
  std::uint8_t type = 0;
  std::int32_t stream = 0;
  std::int64_t size = 0;  // A window update's increment.
};

class Peer {
 public:
  struct Listener {
    std::function<void(Peer*, Asked)> on_asked;
    std::function<void(Peer*, SeenFrame)> on_frame;
    std::function<void(std::int32_t stream, std::uint32_t code)> on_reset;
  };

  Peer(UniqueFd socket, const ServerOptions& options, Listener* listener);
  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool wants_write() const {
    return !output_.empty() || nghttp2_session_want_write(session_.get()) != 0;
  }
  // False: it is over.
  bool Read();
  bool Write();
  void Do(std::int32_t stream, const Act& act);
  void SendRaw(const std::string& bytes) { output_ += bytes; }
  void Goaway() {
    const std::int32_t last = nghttp2_session_get_last_proc_stream_id(session_.get());
    nghttp2_submit_goaway(session_.get(), 0, last, NGHTTP2_NO_ERROR, nullptr, 0);
  }

 private:
  struct Stream {
    Asked asked;
    Act act;
    std::size_t at = 0;
  };

  static Peer* From(void* data) { return static_cast<Peer*>(data); }
  static nghttp2_session* NewSession(Peer* peer, const ServerOptions& options);
  static http2::SignedSize ReadBody(nghttp2_session* session, std::int32_t id,
                                    std::uint8_t* to, std::size_t limit,
                                    std::uint32_t* flags, nghttp2_data_source*,
                                    void* data);
  int OnFrame(const nghttp2_frame* frame);
  void Answer(std::int32_t id, const Act& act);

  UniqueFd socket_;
  ServerOptions options_;
  Listener* listener_;
  std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)> session_;
  std::map<std::int32_t, Stream> streams_;
  std::string output_;
};

// The texts are copied when the field is submitted.
inline nghttp2_nv Field(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), 0};
}

inline nghttp2_session* Peer::NewSession(Peer* peer, const ServerOptions& options) {
  nghttp2_session_callbacks* calls = nullptr;
  nghttp2_session_callbacks_new(&calls);
  nghttp2_session_callbacks_set_on_header_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                std::size_t name_size, const std::uint8_t* value, std::size_t size,
                std::uint8_t, void* data) {
        From(data)->streams_[frame->hd.stream_id].asked.headers.emplace(
            std::string(reinterpret_cast<const char*>(name), name_size),
            std::string(reinterpret_cast<const char*>(value), size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      calls, [](nghttp2_session*, std::uint8_t, std::int32_t id,
                const std::uint8_t* bytes, std::size_t size, void* data) {
        From(data)->streams_[id].asked.body.append(reinterpret_cast<const char*>(bytes),
                                                   size);
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      calls, [](nghttp2_session*, const nghttp2_frame* frame, void* data) {
        return From(data)->OnFrame(frame);
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      calls, [](nghttp2_session*, std::int32_t id, std::uint32_t, void* data) {
        From(data)->streams_.erase(id);
        return 0;
      });
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, options.gives_window ? 0 : 1);
  nghttp2_session* session = nullptr;
  nghttp2_session_server_new2(&session, calls, peer, option);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(calls);
  return session;
}

}  // namespace leeboard::load

#include "load/scripted_peer_inl.h"

#endif  // LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_PEER_H_
