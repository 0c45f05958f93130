#include "shm/passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>
#include <utility>

namespace leeboard::shm {
namespace {

union Ancillary {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

}  // namespace

Status SendFd(int socket, int fd, std::uint32_t tag) {
  iovec part{&tag, sizeof tag};
  Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes;
  message.msg_controllen = sizeof ancillary.bytes;
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
  if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof tag) {
    return Status::Internal("shared memory: a descriptor could not be sent");
  }
  return {};
}

Status ReceiveFd(int socket, UniqueFd* fd, std::uint32_t* tag) {
  iovec part{tag, sizeof *tag};
  Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes;
  // Not CMSG_SPACE: its padding has room for a second descriptor, which nobody would
  // close.
  message.msg_controllen = CMSG_LEN(sizeof(int));
  const ssize_t size = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0) {
    return Status::Internal("shared memory: no descriptor has arrived");
  }
  UniqueFd received;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_level == SOL_SOCKET &&
      header->cmsg_type == SCM_RIGHTS && header->cmsg_len == CMSG_LEN(sizeof(int))) {
    int number = -1;
    std::memcpy(&number, CMSG_DATA(header), sizeof number);
    received.Reset(number);
  }
  const bool whole = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
  if (!received.valid() || !whole || size != sizeof *tag) {
    return Status::Internal("shared memory: a message is not one descriptor's");
  }
  *fd = std::move(received);
  return {};
}

}  // namespace leeboard::shm
