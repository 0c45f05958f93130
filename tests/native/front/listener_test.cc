#include "front/listener.h"

#include <gtest/gtest.h>

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

TEST(Listener, AcceptsNobodyWhenNobodyCame) {
  UniqueFd listener;
  std::uint16_t port = 0;
  ASSERT_TRUE(Listen("127.0.0.1", 0, &listener, &port).ok());
  bool exhausted = true;
  EXPECT_FALSE(Accept(listener.get(), &exhausted).valid());
  EXPECT_FALSE(exhausted);
}

}  // namespace
}  // namespace leeboard::front
