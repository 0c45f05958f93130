// One connection of the generator: HTTP/2 by nghttp2, gRPC calls going out.
//
// Two profiles. `packed`: what was started in one pass of the loop leaves in one send,
// windows are so large that hardly any frame is spent on them; a proxy with few
// connections behaves so. `ordinary`: the traffic of a grpc-core client, as traced from
// grpc-core 29 and 1.51 of its C++ library: each request leaves in a send of its own,
// as HEADERS, a WINDOW_UPDATE of 5 for its stream, DATA, and a WINDOW_UPDATE for the
// connection with what was received meanwhile (5 at least); windows of 4 MiB; a PING
// after data that arrives, ever more rarely (grpc-core's bandwidth probe).
//
// Thread safety: none; the generator's thread owns it.
//
// Invariant: an exchange is in live_ of exactly the connection that it names, and its
// end is heard once or, after Cancel, never.

#ifndef LEEBOARD_LOAD_CONNECTION_H_
#define LEEBOARD_LOAD_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/poller.h"
#include "base/status.h"
#include "base/unique_fd.h"
#include "http2/nghttp2_api.h"
#include "http2/pool.h"
#include "http2/send_queue.h"
#include "load/exchange.h"

namespace leeboard::load {

enum class Profile : std::uint8_t { kPacked, kOrdinary };

// What all requests of a generator have in common. Outlives its connections: nghttp2
// reads the headers where they are.
class RequestHead {
 public:
  // `timeout` is a grpc-timeout value, or empty.
  RequestHead(std::string authority, std::string path, std::string timeout,
              std::vector<std::pair<std::string, std::string>> extra);
  ~RequestHead() = default;
  RequestHead(const RequestHead&) = delete;
  RequestHead& operator=(const RequestHead&) = delete;

  [[nodiscard]] const std::vector<nghttp2_nv>& fields() const { return fields_; }

 private:
  std::string authority_;
  std::string path_;
  std::string timeout_;
  std::vector<std::pair<std::string, std::string>> extra_;
  std::vector<nghttp2_nv> fields_;
};

// Hears of every exchange that ends by itself.
class ExchangeListener {
 public:
  virtual void OnEnded(Exchange* exchange, Outcome&& outcome) = 0;

 protected:
  ~ExchangeListener() = default;
};

class Connection;

// What an event of the generator's loop belongs to.
struct ConnectionSource : PollSource {
  Connection* connection = nullptr;
};

struct ConnectionShared {
  // The next connection with something to flush; null when there is none.
  [[nodiscard]] Connection* TakeDirty();

  Profile profile = Profile::kPacked;
  const RequestHead* head = nullptr;
  ExchangeListener* listener = nullptr;
  http2::Pool pool;
  std::int32_t first_stream = 1;  // Higher in tests of what happens at the last one.
  std::vector<Connection*> dirty;
  std::uint64_t bytes_sent = 0;
  std::uint64_t bytes_received = 0;
};

class Connection {
 public:
  // Takes a non-blocking socket, connected or on its way to be.
  Connection(UniqueFd socket, ConnectionShared* shared);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] int fd() const { return socket_.get(); }
  ConnectionSource source;

  // The server's SETTINGS have come and it takes new requests.
  [[nodiscard]] bool is_open() const {
    return has_settings_ && !is_draining_ && !is_over_;
  }
  // Takes no new requests: GOAWAY, or the connection has used up its stream numbers.
  [[nodiscard]] bool is_draining() const { return is_draining_; }
  // Whether one more request may be started now.
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] std::uint32_t in_flight() const { return in_flight_; }

  // Starts an exchange: its message, request, and stamps are set. False: not possible
  // on this connection any more; the exchange is untouched.
  // REQUIRES: has_room().
  [[nodiscard]] bool Start(Exchange* exchange, Nanos now);
  // Gives up an exchange: the server is told, the listener is not.
  void Cancel(Exchange* exchange);

  // Reads what has arrived.
  void OnReadable();
  // Sends what is queued until the socket would block. Exchanges may end in it.
  void Flush();
  [[nodiscard]] bool wants_write() const { return wants_write_; }
  // Nothing more will happen here: call Abandon, then destroy it.
  [[nodiscard]] bool is_over() const { return is_over_; }
  // Why, in words.
  [[nodiscard]] const std::string& why() const { return why_; }
  // Ends every exchange as UNAVAILABLE.
  void Abandon();

  // For nghttp2's callbacks.
  void OnSettings() { has_settings_ = true; }
  void OnGoAway() { is_draining_ = true; }
  [[nodiscard]] bool has_settings() const { return has_settings_; }
  void OnHeadersSent(std::int32_t stream);
  void OnBodySent();
  // The server has said everything on this stream.
  void OnAnswered(std::int32_t stream);
  void OnData(Exchange* exchange, std::span<const std::uint8_t> bytes);
  void OnStreamClosed(std::int32_t stream, std::uint32_t error_code);
  void SendLargeData(Exchange* exchange, const std::uint8_t* frame_header,
                     std::size_t size);
  [[nodiscard]] Exchange* Find(std::int32_t stream);

 private:
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };

  friend struct ConnectionShared;

  void ProbeBandwidth(Nanos now);
  bool Receive();
  void FailToSend(std::string why);
  // Ends it when neither side has anything left to say.
  void EndIfSilent();
  void Forget(Exchange* exchange);
  [[nodiscard]] bool FillQueue();
  void MarkDirty();
  void End(std::string why);

  UniqueFd socket_;
  ConnectionShared* shared_;
  http2::SendQueue queue_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::vector<Exchange*> live_;
  std::uint32_t in_flight_ = 0;
  std::int32_t uncredited_ = 0;  // Received and not yet credited (ordinary).
  Nanos next_probe_ = 0;
  Nanos probe_gap_ = 0;
  bool got_data_ = false;
  bool has_settings_ = false;
  bool is_draining_ = false;
  bool is_dirty_ = false;    // In shared_->dirty, once.
  bool wants_write_ = true;  // Until it is connected.
  bool is_over_ = false;
  std::string why_;
};

// Begins to connect to a numeric address. The socket can be used at once: what is sent
// waits, and a failure shows in the first read.
Status BeginConnect(const std::string& host, std::uint16_t port, UniqueFd* socket);

// nghttp2's side of a client, its first SETTINGS queued. Null when out of memory.
nghttp2_session* NewClientSession(Connection* connection, Profile profile);
// Reads a request's body; for nghttp2_submit_request.
http2::DataProvider RequestBody(Exchange* exchange);

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_CONNECTION_H_
