// How a connection's bytes get into and out of its socket: as they are, or through TLS.
// Neither ever blocks.
//
// Thread safety: none; belongs to the connection's thread.

#ifndef LEEBOARD_HTTP2_TRANSPORT_H_
#define LEEBOARD_HTTP2_TRANSPORT_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "base/unique_fd.h"
#include "http2/call.h"
#include "http2/send_queue.h"
#include "http2/tls.h"

namespace leeboard::http2 {

struct Shared;

class Transport {
 public:
  struct Received {
    std::size_t size = 0;
    bool is_over = false;   // The other end has gone; `size` bytes came before that.
    bool has_more = false;  // There may be more that no event of the socket tells of.
  };

  virtual ~Transport() = default;

  [[nodiscard]] virtual int fd() const = 0;
  // Takes what has arrived, as far as it fits.
  virtual Received Receive(std::span<std::uint8_t> to) = 0;
  // Sends until the socket would block; *sent grows by the bytes it took.
  virtual SendQueue::Outcome Send(SendQueue* queue, std::uint64_t* sent) = 0;
  // The socket must become writable before Receive can go on: call it again then.
  [[nodiscard]] virtual bool wants_write() const { return false; }
};

std::unique_ptr<Transport> NewSocketTransport(UniqueFd socket);

// `peer` is filled in when the handshake is over, before Receive yields a first byte. A
// handshake costs the I/O thread some 0.5 ms with a P-256 key and 0.8 ms with RSA 2048,
// in which nobody else is served; so one pass of the loop takes at most
// Shared::handshakes_left steps of them, and what is left over waits for the next.
std::unique_ptr<Transport> NewTlsTransport(UniqueFd socket, const TlsContext& tls,
                                           Peer* peer, Shared* shared);

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_TRANSPORT_H_
