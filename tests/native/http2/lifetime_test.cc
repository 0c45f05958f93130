// When time alone pings, drains and closes a connection.

#include "http2/lifetime.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace leeboard::http2 {
namespace {

using Step = Lifetime::Step;

constexpr Nanos kSecond = 1'000'000'000;
constexpr Lifetime::Seen kSilence{};
constexpr Lifetime::Seen kSound{true, 0, 0};

LifetimeLimits Off() {
  LifetimeLimits limits;
  limits.keepalive_time = 0;
  return limits;
}

// Looks once a second from 1 s on.
class Looking {
 public:
  explicit Looking(const LifetimeLimits& limits, std::uint64_t jitter = 0)
      : lifetime_(limits, jitter) {}

  Step Look(const Lifetime::Seen& seen) {
    now_ += kSecond;
    return lifetime_.Look(now_, seen);
  }
  // The seconds until a step other than none, and that step; -1 when there is none.
  int Until(const Lifetime::Seen& seen, Step* step, int at_most = 10'000) {
    for (int i = 1; i <= at_most; ++i) {
      *step = Look(seen);
      if (*step != Step::kNone) {
        return i;
      }
    }
    return -1;
  }

 private:
  Lifetime lifetime_;
  Nanos now_ = 0;
};

TEST(Lifetime, ASilentConnectionIsPingedAndThenClosed) {
  Looking looking({});
  Step step{};
  ASSERT_EQ(looking.Look(kSound), Step::kNone);
  EXPECT_EQ(looking.Until(kSilence, &step), 60);
  EXPECT_EQ(step, Step::kPing);
  EXPECT_EQ(looking.Until(kSilence, &step), 20);
  EXPECT_EQ(step, Step::kCloseSilent);
}

TEST(Lifetime, AnythingHeardAnswersThePing) {
  Looking looking({});
  Step step{};
  looking.Until(kSilence, &step);
  ASSERT_EQ(step, Step::kPing);
  EXPECT_EQ(looking.Look(kSound), Step::kNone);
  EXPECT_EQ(looking.Until(kSilence, &step), 60);
  EXPECT_EQ(step, Step::kPing);
}

TEST(Lifetime, SilenceIsNothingWithoutKeepalive) {
  Looking looking(Off());
  Step step{};
  EXPECT_EQ(looking.Until(kSilence, &step), -1);
}

TEST(Lifetime, AnOldConnectionDrainsAndGoesWhenItsCallsAreDone) {
  LifetimeLimits limits = Off();
  limits.max_age = 1000 * kSecond;
  Looking looking(limits);
  Step step{};
  const Lifetime::Seen busy{true, 3, 5};
  EXPECT_EQ(looking.Until(busy, &step), 901);
  EXPECT_EQ(step, Step::kDrain);
  EXPECT_EQ(looking.Look(busy), Step::kDrain);
  EXPECT_EQ(looking.Look(busy), Step::kNone);
  EXPECT_EQ(looking.Look(kSound), Step::kClose);
}

TEST(Lifetime, CallsThatOutliveTheGraceAreCut) {
  LifetimeLimits limits = Off();
  limits.max_age = 1000 * kSecond;
  limits.drain_grace = 30 * kSecond;
  Looking looking(limits);
  Step step{};
  const Lifetime::Seen busy{true, 1, 1};
  looking.Until(busy, &step);
  ASSERT_EQ(looking.Look(busy), Step::kDrain);
  EXPECT_EQ(looking.Until(busy, &step), 29);
  EXPECT_EQ(step, Step::kClose);
}

TEST(Lifetime, AgesDifferByATenthAtMost) {
  LifetimeLimits limits = Off();
  limits.max_age = 1000 * kSecond;
  int youngest = 10'000;
  int oldest = 0;
  for (const std::uint64_t jitter : {0U, 511U, 1023U, 1024U, 4'000'000'000U}) {
    Looking looking(limits, jitter);
    Step step{};
    const int age = looking.Until(kSilence, &step) - 1;
    youngest = std::min(youngest, age);
    oldest = std::max(oldest, age);
  }
  EXPECT_EQ(youngest, 900);
  EXPECT_EQ(oldest, 1100);
}

TEST(Lifetime, OnlyCallsKeepAConnectionFromBeingIdle) {
  LifetimeLimits limits = Off();
  limits.max_idle = 100 * kSecond;
  Looking looking(limits);
  Step step{};
  ASSERT_EQ(looking.Look(kSound), Step::kNone);
  EXPECT_EQ(looking.Until({true, 1, 1}, &step, 500), -1) << "a long call";
  EXPECT_EQ(looking.Until({true, 0, 1}, &step, 99), -1);
  EXPECT_EQ(looking.Look({true, 0, 3}), Step::kNone) << "a call between two looks";
  EXPECT_EQ(looking.Until({true, 0, 3}, &step), 100) << "pings are no calls";
  EXPECT_EQ(step, Step::kDrain);
}

}  // namespace
}  // namespace leeboard::http2
