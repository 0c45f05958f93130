#include "shm/passing.h"

#include <dirent.h>
#include <gtest/gtest.h>
#include <sys/uio.h>

#include <memory>
#include <vector>

#include "pair.h"

namespace leeboard::shm {
namespace {

struct Sockets {
  Sockets() {
    std::array<int, 2> ends{};
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    one.Reset(ends[0]);
    other.Reset(ends[1]);
  }
  UniqueFd one;
  UniqueFd other;
};

std::size_t OpenDescriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir("/proc/self/fd"), closedir);
  std::size_t count = 0;
  while (readdir(folder.get()) != nullptr) {
    ++count;
  }
  return count;
}

// A message of `size` bytes with several descriptors, as no sender of ours makes it.
void SendMany(int socket, std::size_t size, const std::vector<int>& fds) {
  std::vector<char> bytes(size, 0);
  std::vector<char> control(CMSG_SPACE(fds.size() * sizeof(int)), 0);
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
  std::copy(fds.begin(), fds.end(), reinterpret_cast<int*>(CMSG_DATA(header)));
  ASSERT_EQ(sendmsg(socket, &message, 0), static_cast<ssize_t>(size));
}

TEST(Passing, ADescriptorArrivesWithItsTag) {
  const Sockets sockets;
  const UniqueFd sent(eventfd(5, EFD_CLOEXEC | EFD_NONBLOCK));
  ASSERT_TRUE(SendFd(sockets.one.get(), sent.get(), 1234).ok());
  UniqueFd received;
  std::uint32_t tag = 0;
  ASSERT_TRUE(ReceiveFd(sockets.other.get(), &received, &tag).ok());
  EXPECT_EQ(tag, 1234u);
  EXPECT_NE(received.get(), sent.get());
  EXPECT_TRUE(Rang(received.get()));
  EXPECT_FALSE(Rang(sent.get())) << "both name the same eventfd";
}

TEST(Passing, TheReceivedDescriptorClosesOnExec) {
  const Sockets sockets;
  ASSERT_TRUE(SendFd(sockets.one.get(), sockets.one.get(), 0).ok());
  UniqueFd received;
  std::uint32_t tag = 0;
  ASSERT_TRUE(ReceiveFd(sockets.other.get(), &received, &tag).ok());
  EXPECT_EQ(fcntl(received.get(), F_GETFD), FD_CLOEXEC);
}

TEST(Passing, AnEmptySocketIsAnErrorAndNotAWait) {
  const Sockets sockets;
  UniqueFd received;
  std::uint32_t tag = 0;
  EXPECT_FALSE(ReceiveFd(sockets.other.get(), &received, &tag).ok());
  EXPECT_FALSE(received.valid());
}

TEST(Passing, AMessageWithoutADescriptorIsAnError) {
  const Sockets sockets;
  const std::uint32_t bytes = 0;
  ASSERT_EQ(send(sockets.one.get(), &bytes, sizeof bytes, 0), 4);
  UniqueFd received;
  std::uint32_t tag = 0;
  EXPECT_FALSE(ReceiveFd(sockets.other.get(), &received, &tag).ok());
}

TEST(Passing, AHungUpSocketIsAnError) {
  Sockets sockets;
  sockets.one.Reset();
  UniqueFd received;
  std::uint32_t tag = 0;
  EXPECT_FALSE(ReceiveFd(sockets.other.get(), &received, &tag).ok());
  EXPECT_FALSE(SendFd(sockets.other.get(), 0, 0).ok());
}

TEST(Passing, StrangeMessagesLeaveNoDescriptorBehind) {
  const Sockets sockets;
  const std::size_t before = OpenDescriptors();
  const UniqueFd sent(eventfd(0, EFD_CLOEXEC));
  const int fd = sent.get();
  SendMany(sockets.one.get(), 4, {fd, fd});
  SendMany(sockets.one.get(), 4, {fd, fd, fd, fd, fd});
  SendMany(sockets.one.get(), 0, {fd});
  SendMany(sockets.one.get(), 1, {fd});
  SendMany(sockets.one.get(), 4000, {fd});
  for (int i = 0; i < 5; ++i) {
    UniqueFd received;
    std::uint32_t tag = 0;
    EXPECT_FALSE(ReceiveFd(sockets.other.get(), &received, &tag).ok()) << i;
    EXPECT_FALSE(received.valid());
  }
  EXPECT_EQ(OpenDescriptors(), before + 1);
}

}  // namespace
}  // namespace leeboard::shm
