#include "front/listener.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string>

namespace leeboard::front {
namespace {

TEST(Listener, PicksAFreePortAndSaysWhich) {
  UniqueFd listener;
  std::uint16_t port = 0;
  ASSERT_TRUE(Listen("127.0.0.1", 0, &listener, &port).ok());
  EXPECT_TRUE(listener.valid());
  EXPECT_GT(port, 0);
}

TEST(Listener, AnAddressInUseIsNamed) {
  UniqueFd first;
  std::uint16_t port = 0;
  ASSERT_TRUE(Listen("127.0.0.1", 0, &first, &port).ok());
  UniqueFd second;
  std::uint16_t other = 0;
  const Status status = Listen("127.0.0.1", port, &second, &other);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(), "cannot listen on 127.0.0.1:" + std::to_string(port) +
                                  ": Address already in use");
  EXPECT_FALSE(second.valid());
}

TEST(Listener, AHostThatIsNoneIsNamed) {
  UniqueFd listener;
  std::uint16_t port = 0;
  const Status status = Listen("no such host", 1, &listener, &port);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(status.message().rfind("cannot listen on no such host:1: ", 0), 0u);
}

// A folder for sockets, away at the end.
class UnixListener : public testing::Test {
 protected:
  UnixListener() : folder_(mkdtemp(name_)), path(folder_ + "/socket") {}
  ~UnixListener() override {
    unlink(path.c_str());
    rmdir(folder_.c_str());
  }
  [[nodiscard]] Status Open(std::unique_ptr<Listener>* out) const {
    return Listener::Open({"", 0, path, false}, out);
  }
  [[nodiscard]] bool exists() const { return access(path.c_str(), F_OK) == 0; }
  [[nodiscard]] UniqueFd Connect() const {
    UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address),
                sizeof address) != 0) {
      fd.Reset();
    }
    return fd;
  }

 private:
  char name_[30] = "/tmp/leeboard-test-XXXXXX";
  std::string folder_;

 protected:
  std::string path;
};

TEST_F(UnixListener, IsForOwnerAndGroupAndGoesWithItsServer) {
  const mode_t before = umask(077);
  std::unique_ptr<Listener> listener;
  const Status status = Open(&listener);
  umask(before);
  ASSERT_TRUE(status.ok()) << status.message();
  struct stat found{};
  ASSERT_EQ(stat(path.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0777U, 0660U);
  EXPECT_EQ(listener->port(), 0);
  const UniqueFd client = Connect();
  ASSERT_TRUE(client.valid());
  http2::Peer peer;
  bool exhausted = false;
  EXPECT_TRUE(listener->Accept(&peer, &exhausted).valid());
  EXPECT_EQ(peer.address, "unix:" + path);
  listener->Close();
  EXPECT_FALSE(exists());
  EXPECT_FALSE(listener->Accept(&peer, &exhausted).valid());
}

TEST_F(UnixListener, TheFileOfADeadServerIsReplaced) {
  UniqueFd dead(socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(
      bind(dead.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  dead.Reset();
  ASSERT_TRUE(exists());
  std::unique_ptr<Listener> listener;
  EXPECT_TRUE(Open(&listener).ok());
  EXPECT_TRUE(Connect().valid());
}

TEST_F(UnixListener, ALiveServerIsNotPushedAside) {
  std::unique_ptr<Listener> first;
  ASSERT_TRUE(Open(&first).ok());
  std::unique_ptr<Listener> second;
  const Status status = Open(&second);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_EQ(status.message(),
            "cannot listen on unix:" + path + ": another server answers there");
  EXPECT_TRUE(Connect().valid());
}

TEST_F(UnixListener, AFileThatIsNoSocketStays) {
  UniqueFd file(open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  std::unique_ptr<Listener> listener;
  const Status status = Open(&listener);
  EXPECT_EQ(status.code(), Code::kUnavailable);
  EXPECT_NE(status.message().find("no socket"), std::string::npos);
  EXPECT_TRUE(exists());
}

TEST_F(UnixListener, ASuccessorsFileStays) {
  std::unique_ptr<Listener> first;
  ASSERT_TRUE(Open(&first).ok());
  const std::string kept = path + ".kept";
  ASSERT_EQ(rename(path.c_str(), kept.c_str()), 0);
  std::unique_ptr<Listener> second;
  ASSERT_TRUE(Open(&second).ok());
  first.reset();
  EXPECT_TRUE(exists());
  unlink(kept.c_str());
}

TEST_F(UnixListener, APathThatIsTooLongIsNamed) {
  std::unique_ptr<Listener> listener;
  const Status status =
      Listener::Open({"", 0, "/tmp/" + std::string(200, 'x'), false}, &listener);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("107 bytes"), std::string::npos);
}

TEST(Listener, AcceptsNobodyWhenNobodyCame) {
  std::unique_ptr<Listener> listener;
  ASSERT_TRUE(Listener::Open({"127.0.0.1", 0, "", false}, &listener).ok());
  EXPECT_GT(listener->port(), 0);
  bool exhausted = true;
  http2::Peer peer;
  EXPECT_FALSE(listener->Accept(&peer, &exhausted).valid());
  EXPECT_FALSE(exhausted);
}

}  // namespace
}  // namespace leeboard::front
