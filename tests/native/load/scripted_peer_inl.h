// The larger functions of Peer, apart for the sake of length.

#ifndef LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_PEER_INL_H_
#define LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_PEER_INL_H_

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "load/scripted_peer.h"

namespace leeboard::load {

inline Peer::Peer(UniqueFd socket, const ServerOptions& options, Listener* listener)
    : socket_(std::move(socket)),
      options_(options),
      listener_(listener),
      session_(NewSession(this, options), nghttp2_session_del) {
  std::vector<nghttp2_settings_entry> entries;
  if (options.max_streams != UINT32_MAX) {
    entries.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.max_streams});
  }
  if (options.window > 0) {
    entries.push_back({NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.window});
  }
  nghttp2_submit_settings(session_.get(), 0, entries.data(), entries.size());
}

inline int Peer::OnFrame(const nghttp2_frame* frame) {
  const std::int32_t id = frame->hd.stream_id;
  const bool is_window = frame->hd.type == NGHTTP2_WINDOW_UPDATE;
  listener_->on_frame(this, {frame->hd.type, id,
                             is_window ? frame->window_update.window_size_increment
                                       : static_cast<std::int64_t>(frame->hd.length)});
  if (frame->hd.type == NGHTTP2_RST_STREAM) {
    listener_->on_reset(id, frame->rst_stream.error_code);
  }
  const bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  const bool decides = options_.asks_at_headers
                           ? frame->hd.type == NGHTTP2_HEADERS
                           : is_end && (frame->hd.type == NGHTTP2_DATA ||
                                        frame->hd.type == NGHTTP2_HEADERS);
  if (decides) {
    Asked& asked = streams_[id].asked;
    asked.stream = id;
    asked.came = MonotonicNow();
    listener_->on_asked(this, asked);
  }
  return 0;
}

inline http2::SignedSize Peer::ReadBody(nghttp2_session* session, std::int32_t id,
                                        std::uint8_t* to, std::size_t limit,
                                        std::uint32_t* flags, nghttp2_data_source*,
                                        void* data) {
  Stream& stream = From(data)->streams_[id];
  const std::size_t size = std::min(limit, stream.act.body.size() - stream.at);
  std::memcpy(to, stream.act.body.data() + stream.at, size);
  stream.at += size;
  if (stream.at == stream.act.body.size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (stream.act.status >= 0) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      const std::string status = std::to_string(stream.act.status);
      const std::array<nghttp2_nv, 2> trailers = {
          {Field("grpc-status", status), Field("grpc-message", stream.act.message)}};
      nghttp2_submit_trailer(session, id, trailers.data(), trailers.size());
    }
  }
  return static_cast<http2::SignedSize>(size);
}

inline void Peer::Do(std::int32_t id, const Act& act) {
  if (streams_.count(id) == 0) {
    return;  // Given up meanwhile.
  }
  if (act.then_goaway) {
    Goaway();
  }
  switch (act.kind) {
    case Act::Kind::kSilent:
      break;
    case Act::Kind::kReset:
      nghttp2_submit_rst_stream(session_.get(), 0, id, act.reset_code);
      break;
    case Act::Kind::kHangUp:
      shutdown(socket_.get(), SHUT_RDWR);
      break;
    case Act::Kind::kGarbage:
      SendRaw(std::string(64, '\x7f'));
      break;
    case Act::Kind::kAnswer:
      Answer(id, act);
  }
}

inline void Peer::Answer(std::int32_t id, const Act& act) {
  streams_[id].act = act;
  const std::string http_status = std::to_string(act.http_status);
  const std::string status = std::to_string(act.status);
  std::vector<nghttp2_nv> fields = {Field(":status", http_status),
                                    Field("content-type", "application/grpc")};
  if (act.trailers_only) {
    if (act.status >= 0) {
      fields.push_back(Field("grpc-status", status));
      fields.push_back(Field("grpc-message", act.message));
    }
    http2::SubmitResponse(session_.get(), id, fields.data(), fields.size(), nullptr);
    return;
  }
  http2::DataProvider provider{};
  provider.read_callback = ReadBody;
  http2::SubmitResponse(session_.get(), id, fields.data(), fields.size(), &provider);
}

inline bool Peer::Read() {
  std::array<std::uint8_t, 65536> buffer{};
  const ssize_t n = recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (n <= 0) {
    return n < 0 && (errno == EAGAIN || errno == EINTR);
  }
  return http2::MemRecv(session_.get(), buffer.data(), static_cast<std::size_t>(n)) >=
         0;
}

inline bool Peer::Write() {
  const std::uint8_t* data = nullptr;
  for (http2::SignedSize n = 0; (n = http2::MemSend(session_.get(), &data)) > 0;) {
    output_.append(reinterpret_cast<const char*>(data), static_cast<std::size_t>(n));
  }
  while (!output_.empty()) {
    const ssize_t n = send(socket_.get(), output_.data(), output_.size(), MSG_NOSIGNAL);
    if (n < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    output_.erase(0, static_cast<std::size_t>(n));
  }
  return true;
}

}  // namespace leeboard::load

#endif  // LEEBOARD_TESTS_NATIVE_LOAD_SCRIPTED_PEER_INL_H_
