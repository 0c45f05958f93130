// Descriptors over a Unix socket (SCM_RIGHTS), one with each message, and a number that
// says what the descriptor is for.
//
// Thread safety: pure functions on the given socket.

#ifndef LEEBOARD_SHM_PASSING_H_
#define LEEBOARD_SHM_PASSING_H_

#include <cstdint>

#include "base/status.h"
#include "base/unique_fd.h"

namespace leeboard::shm {

// Sends a duplicate of `fd`. Does not block: a full socket is an error.
Status SendFd(int socket, int fd, std::uint32_t tag);
// Receives one descriptor, close-on-exec. Does not block: an empty socket is an error.
// The sender may be hostile: a message of another form is an error and leaves nothing
// open.
Status ReceiveFd(int socket, UniqueFd* fd, std::uint32_t* tag);

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_PASSING_H_
