// One client connection: bytes in, calls out, bytes out.
//
// nghttp2 does all of HTTP/2; this class adds gRPC: request headers, the message
// prefix, trailers, limits and byte budgets. It does socket I/O itself (one recv loop,
// one send) and never blocks. The owner tells it when the socket is readable or
// writable and flushes it once per pass of the loop, so that many answers leave in one
// send.
//
// Flow control: everything received is credited at once, on the connection and on the
// stream. What bounds memory is admission: a message is admitted when its 5-byte prefix
// is known, against the connection's and the server's byte budgets, else
// RESOURCE_EXHAUSTED. (Crediting only what has been consumed deadlocks when a batch
// waits for rows that the closed window keeps out.)
//
// Thread safety: none; owned by one I/O thread.

#ifndef LEEBOARD_HTTP2_CONNECTION_H_
#define LEEBOARD_HTTP2_CONNECTION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/status.h"
#include "base/unique_fd.h"
#include "http2/call.h"
#include "http2/lifetime.h"

namespace leeboard::http2 {

class TlsContext;

struct Limits {
  std::uint32_t max_message_bytes = 256u << 20;
  // Admitted and unanswered messages, and answers that the client has not taken.
  std::uint64_t connection_budget_bytes = 512u << 20;
  std::uint64_t server_budget_bytes = 1u << 30;
  // Sum of name + value + 32, as RFC 9113 counts. More: RESOURCE_EXHAUSTED.
  std::uint32_t max_header_list_bytes = 16u << 10;
  std::uint32_t max_concurrent_streams = 1024;
  std::int32_t stream_window_bytes = 1 << 20;
  std::int32_t connection_window_bytes = 16 << 20;
  std::uint64_t idle_reset_burst = 20'000;  // Resets of streams that did no work, then
  std::uint64_t idle_resets_per_s = 5'000;  // this rate; more closes the connection.
  std::uint64_t reply_copy_bytes = 64u << 20;  // Answers copied out for a slow reader.
  // A client has this long to say its SETTINGS, and to send a message; after that a
  // message must come at least this fast. What it promises occupies budgets meanwhile.
  Nanos handshake_timeout = 10'000'000'000;
  Nanos message_grace = 30'000'000'000;
  std::uint64_t least_bytes_per_s = 64u << 10;
  LifetimeLimits lifetime;
  // Answers are compressed for clients that accept it, at this level (1 to 9); 0: none.
  int reply_compression = 0;
};

// Written by the I/O thread (relaxed), read by any thread for metrics.
struct Counters {
  std::atomic<std::uint64_t> connections_opened{0};
  std::atomic<std::uint64_t> connections_closed{0};
  std::atomic<std::uint64_t> calls_started{0};
  std::atomic<std::uint64_t> calls_finished{0};  // Answered, failed, refused or gone.
  std::atomic<std::uint64_t> calls_gone{0};      // Cancelled or lost before the answer.
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> bytes_sent{0};
  std::atomic<std::uint64_t> connections_abused{0};  // Closed for resets or flooding.
  std::atomic<std::uint64_t> connections_silent{0};  // Closed for an unanswered PING.
  std::atomic<std::uint64_t> tls_handshakes{0};
  std::atomic<std::uint64_t> tls_handshakes_failed{0};
};

class Connection;
struct Pool;

// Shared by the connections of one I/O thread and owned by it; outlives them.
struct Shared {
  Limits limits;
  CallHandler* handler = nullptr;
  std::uint64_t admitted_bytes = 0;  // Of server_budget_bytes.
  std::vector<Connection*> dirty;  // Pushed by a connection when dirty() becomes true.
  Counters counters;
  std::shared_ptr<Pool> pool;  // Buffers; made by the first connection.
  // Steps of TLS handshakes until the owner sets it again, once a pass of its loop.
  std::uint32_t handshakes_left = UINT32_MAX;
  std::uint64_t connections_made = 0;
};

class Connection {
 public:
  // Takes a connected, non-blocking socket; with `tls`, the client must speak that.
  // Null when memory ran out.
  static std::unique_ptr<Connection> Create(UniqueFd socket, Peer peer, Shared* shared,
                                            const TlsContext* tls = nullptr);
  virtual ~Connection() = default;

  [[nodiscard]] virtual int fd() const = 0;
  [[nodiscard]] virtual const Peer& peer() const = 0;
  // Reads what has arrived, at most a bounded amount for fairness to other connections,
  // and hands it to the handler. One read for each call: use level-triggered readiness.
  // False: the connection is over; destroy it.
  [[nodiscard]] virtual bool OnReadable(Nanos now) = 0;
  // Sends what is pending until the socket would block. Call it for each of
  // Shared::dirty, after taking the list out, and when the socket becomes writable.
  // False: the connection is over; destroy it.
  [[nodiscard]] virtual bool Flush(Nanos now) = 0;
  // There is output that the socket did not take: wait for writability.
  [[nodiscard]] virtual bool wants_write() const = 0;
  // False: nothing can be read before something was written (TLS).
  [[nodiscard]] virtual bool wants_read() const = 0;
  // Something was queued since the last Flush.
  [[nodiscard]] virtual bool dirty() const = 0;
  // OnReadable stopped at its fairness bound with bytes left unread: call it again.
  [[nodiscard]] virtual bool has_more() const = 0;
  // Starts a graceful end: GOAWAY with the highest stream id now, the final GOAWAY at
  // the next call. New streams are refused after the final one; calls in flight go on.
  virtual void BeginDrain() = 0;
  // Calls that have started and are not completely answered.
  [[nodiscard]] virtual std::uint32_t open_calls() const = 0;
  // Refuses calls whose message comes too slowly, pings and drains (lifetime.h); about
  // once a second. False: the client has not even said its SETTINGS in time, answers no
  // PING, or its time is over; destroy the connection.
  [[nodiscard]] virtual bool Sweep(Nanos now) = 0;
  // Copies what unsent answers still reference into private memory and drops the
  // references. False: over reply_copy_bytes; the connection should be closed.
  [[nodiscard]] virtual bool CopyOutReplies() = 0;
  // Bytes of ReplyMemory that unsent answers still reference.
  [[nodiscard]] virtual std::uint64_t referenced_bytes() const = 0;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_CONNECTION_H_
