// The listening socket.
//
// Thread safety: none.

#ifndef LEEBOARD_FRONT_LISTENER_H_
#define LEEBOARD_FRONT_LISTENER_H_

#include <cstdint>
#include <string>

#include "base/status.h"
#include "base/unique_fd.h"

namespace leeboard::front {

// Binds host:port (port 0: a free one) and listens. SO_REUSEPORT stays off: with it a
// forgotten server would silently keep half of the connections; so an address in use is
// an error that names it.
Status Listen(const std::string& host, std::uint16_t port, UniqueFd* listener,
              std::uint16_t* bound_port);

// Accepts one connection, non-blocking and close-on-exec; invalid when none waits.
// `exhausted` tells that descriptors or memory ran out.
UniqueFd Accept(int listener, bool* exhausted);

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_LISTENER_H_
