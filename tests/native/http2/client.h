// A gRPC client for tests: an nghttp2 client session whose bytes the test moves by
// hand, so that it decides when and in what portions they arrive.

#ifndef LEEBOARD_TESTS_NATIVE_HTTP2_CLIENT_H_
#define LEEBOARD_TESTS_NATIVE_HTTP2_CLIENT_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "framing.h"
#include "http2/nghttp2_api.h"

namespace leeboard::http2 {

struct ClientOptions {
  std::uint32_t stream_window = 1u << 20;
  std::int32_t connection_window = 16 << 20;
};

class Client {
 public:
  explicit Client(const ClientOptions& options = {});
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Starts a request whose body is exactly `body`; half-closes after it unless left
  // open.
  std::int32_t Start(const Fields& fields, std::string body, bool leave_open = false);
  // A whole unary call.
  std::int32_t Call(std::string_view message, const Fields& extra = {}) {
    return Start(CallFields(extra), Framed(message));
  }
  // More of a body that was left open.
  void Send(std::int32_t id, std::string_view body, bool leave_open = true);
  void Reset(std::int32_t id, std::uint32_t code = NGHTTP2_CANCEL);
  void Ping() { nghttp2_submit_ping(session_.get(), NGHTTP2_FLAG_NONE, nullptr); }

  [[nodiscard]] std::string TakeOutput();
  void Consume(std::string_view bytes);

  [[nodiscard]] const Response& response(std::int32_t id) { return responses_[id]; }
  [[nodiscard]] const Goaway& goaway() const { return goaway_; }
  [[nodiscard]] int ping_acks() const { return ping_acks_; }
  [[nodiscard]] std::uint32_t server_setting(nghttp2_settings_id id) const {
    return nghttp2_session_get_remote_settings(session_.get(), id);
  }

 private:
  struct Body {
    std::string bytes;
    std::size_t at = 0;
    bool leave_open = false;
  };

  static SignedSize ReadBody(nghttp2_session*, std::int32_t id, std::uint8_t* to,
                             std::size_t limit, std::uint32_t* flags,
                             nghttp2_data_source*, void* client);
  static nghttp2_session_callbacks* NewCallbacks();
  void OnFrame(const nghttp2_frame* frame);

  std::unique_ptr<nghttp2_session, decltype(&nghttp2_session_del)> session_;
  std::map<std::int32_t, Body> bodies_;
  std::map<std::int32_t, Response> responses_;
  Goaway goaway_;
  int ping_acks_ = 0;
};

inline nghttp2_session_callbacks* Client::NewCallbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(
      callbacks,
      [](nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
         std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
         std::uint8_t, void* client) {
        static_cast<Client*>(client)->responses_[frame->hd.stream_id].fields.emplace(
            std::string(reinterpret_cast<const char*>(name), name_size),
            std::string(reinterpret_cast<const char*>(value), value_size));
        return 0;
      });
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
      callbacks, [](nghttp2_session*, std::uint8_t, std::int32_t id,
                    const std::uint8_t* data, std::size_t size, void* client) {
        static_cast<Client*>(client)->responses_[id].data.append(
            reinterpret_cast<const char*>(data), size);
        return 0;
      });
  nghttp2_session_callbacks_set_on_stream_close_callback(
      callbacks,
      [](nghttp2_session*, std::int32_t id, std::uint32_t code, void* client) {
        static_cast<Client*>(client)->responses_[id].closed = true;
        static_cast<Client*>(client)->responses_[id].error_code = code;
        return 0;
      });
  nghttp2_session_callbacks_set_on_frame_recv_callback(
      callbacks, [](nghttp2_session*, const nghttp2_frame* frame, void* client) {
        static_cast<Client*>(client)->OnFrame(frame);
        return 0;
      });
  return callbacks;
}

inline Client::Client(const ClientOptions& options)
    : session_(nullptr, nghttp2_session_del) {
  nghttp2_session* session = nullptr;
  nghttp2_session_callbacks* callbacks = NewCallbacks();
  nghttp2_session_client_new(&session, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  const std::array<nghttp2_settings_entry, 1> entries = {
      {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window}}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
                                        options.connection_window);
}

inline void Client::OnFrame(const nghttp2_frame* frame) {
  if (frame->hd.type == NGHTTP2_GOAWAY) {
    goaway_ = {goaway_.count + 1, frame->goaway.error_code,
               frame->goaway.last_stream_id};
  } else if (frame->hd.type == NGHTTP2_PING) {
    ping_acks_ += (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0 ? 1 : 0;
  }
}

inline SignedSize Client::ReadBody(nghttp2_session*, std::int32_t id, std::uint8_t* to,
                                   std::size_t limit, std::uint32_t* flags,
                                   nghttp2_data_source*, void* client) {
  Body& body = static_cast<Client*>(client)->bodies_[id];
  const std::size_t size = std::min(limit, body.bytes.size() - body.at);
  std::memcpy(to, body.bytes.data() + body.at, size);
  body.at += size;
  if (body.leave_open && size == 0) {
    return NGHTTP2_ERR_DEFERRED;
  }
  if (body.at == body.bytes.size() && !body.leave_open) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
  }
  return static_cast<SignedSize>(size);
}

inline std::int32_t Client::Start(const Fields& fields, std::string body,
                                  bool leave_open) {
  std::vector<nghttp2_nv> list;
  for (const auto& [name, value] : fields) {
    const auto bytes = [](const std::string& text) {
      return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
    };
    list.push_back({bytes(name), bytes(value), name.size(), value.size(), 0});
  }
#if NGHTTP2_VERSION_NUM >= 0x013c00
  const auto submit = nghttp2_submit_request2;
#else
  const auto submit = nghttp2_submit_request;
#endif
  DataProvider provider{};
  provider.read_callback = ReadBody;
  const bool has_body = !body.empty() || leave_open;
  const std::int32_t id = submit(session_.get(), nullptr, list.data(), list.size(),
                                 has_body ? &provider : nullptr, nullptr);
  bodies_[id] = {std::move(body), 0, leave_open};
  return id;
}

inline void Client::Send(std::int32_t id, std::string_view body, bool leave_open) {
  bodies_[id].bytes.append(body);
  bodies_[id].leave_open = leave_open;
  nghttp2_session_resume_data(session_.get(), id);
}

inline void Client::Reset(std::int32_t id, std::uint32_t code) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, id, code);
}

inline std::string Client::TakeOutput() {
  std::string output;
  const std::uint8_t* data = nullptr;
  for (SignedSize size = 0; (size = MemSend(session_.get(), &data)) > 0;) {
    output.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(size));
  }
  return output;
}

inline void Client::Consume(std::string_view bytes) {
  MemRecv(session_.get(), reinterpret_cast<const std::uint8_t*>(bytes.data()),
          bytes.size());
}

}  // namespace leeboard::http2

#endif  // LEEBOARD_TESTS_NATIVE_HTTP2_CLIENT_H_
