#include "base/poller.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace leeboard {
namespace {

class PollerTest : public testing::Test {
 protected:
  void Ring() {
    const std::uint64_t one = 1;
    ASSERT_EQ(write(bell.get(), &one, sizeof one), 8);
  }

  Poller poller;
  UniqueFd bell{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  PollSource source;
};

TEST_F(PollerTest, TellsWhoseDescriptorIsReady) {
  ASSERT_TRUE(poller.Set(bell.get(), &source, EPOLLIN));
  EXPECT_TRUE(poller.Wait(0).empty());
  Ring();
  const auto events = poller.Wait(kNever);
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(events[0].data.ptr, &source);
}

TEST_F(PollerTest, WaitsInNanosecondsAndReturnsWithNothing) {
  ASSERT_TRUE(poller.Set(bell.get(), &source, EPOLLIN));
  const Nanos before = MonotonicNow();
  EXPECT_TRUE(poller.Wait(50'000).empty());
  EXPECT_GE(MonotonicNow() - before, 50'000);
}

TEST_F(PollerTest, ForgetsARemovedDescriptor) {
  ASSERT_TRUE(poller.Set(bell.get(), &source, EPOLLIN));
  Ring();
  poller.Remove(bell.get(), &source);
  EXPECT_TRUE(poller.Wait(0).empty());
  poller.Remove(bell.get(), &source);
  ASSERT_TRUE(poller.Set(bell.get(), &source, EPOLLIN));
  EXPECT_EQ(poller.Wait(0).size(), 1u);
}

TEST_F(PollerTest, ADescriptorThatCannotBeWatchedIsReported) {
  EXPECT_FALSE(poller.Set(-1, &source, EPOLLIN));
  EXPECT_EQ(source.events, 0u);
}

}  // namespace
}  // namespace leeboard
