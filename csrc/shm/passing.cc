#include "shm/passing.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

namespace leeboard::shm {
namespace {

union Ancillary {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

}  // namespace

Status SendFd(int socket, int fd) {
  char one = 1;
  iovec part{&one, 1};
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
  if (sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) != 1) {
    return Status::Internal("shared memory: a descriptor could not be sent");
  }
  return {};
}

Status ReceiveFd(int socket, UniqueFd* fd) {
  char one = 0;
  iovec part{&one, 1};
  Ancillary ancillary{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.bytes;
  message.msg_controllen = sizeof ancillary.bytes;
  if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != 1) {
    return Status::Internal("shared memory: no descriptor has arrived");
  }
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET ||
      header->cmsg_type != SCM_RIGHTS || header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return Status::Internal("shared memory: a message came without its descriptor");
  }
  int received = -1;
  std::memcpy(&received, CMSG_DATA(header), sizeof received);
  fd->Reset(received);
  return {};
}

}  // namespace leeboard::shm
