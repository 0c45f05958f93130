// Descriptors over a Unix socket (SCM_RIGHTS), one with each message.
//
// Thread safety: pure functions on the given socket.

#ifndef LEEBOARD_SHM_PASSING_H_
#define LEEBOARD_SHM_PASSING_H_

#include "base/status.h"
#include "base/unique_fd.h"

namespace leeboard::shm {

// Sends a duplicate of `fd`. Does not block: a full socket is an error.
Status SendFd(int socket, int fd);
// Receives one descriptor, close-on-exec. Does not block: an empty socket is an error.
Status ReceiveFd(int socket, UniqueFd* fd);

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_PASSING_H_
