#include "front/mailbox.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <array>
#include <memory>
#include <thread>

namespace leeboard::front {
namespace {

bool Rings(int bell) {
  pollfd wait{bell, POLLIN, 0};
  return poll(&wait, 1, 0) == 1;
}

TEST(Mailbox, LettersComeInTheOrderOfTheirPosting) {
  Mailbox<int> mailbox;
  mailbox.Post(1);
  mailbox.Post(2);
  mailbox.Post(3);
  EXPECT_EQ(mailbox.TakeAll(), (std::vector<int>{1, 2, 3}));
  EXPECT_TRUE(mailbox.TakeAll().empty());
}

TEST(Mailbox, TheBellRingsUntilAllWasTaken) {
  Mailbox<int> mailbox;
  EXPECT_FALSE(Rings(mailbox.fd()));
  mailbox.Post(1);
  mailbox.Post(2);
  EXPECT_TRUE(Rings(mailbox.fd()));
  mailbox.TakeAll();
  EXPECT_FALSE(Rings(mailbox.fd()));
}

TEST(Mailbox, LettersThatNobodyTookAreDropped) {
  const auto content = std::make_shared<int>(1);
  {
    Mailbox<std::shared_ptr<int>> mailbox;
    mailbox.Post(content);
    EXPECT_EQ(content.use_count(), 2);
  }
  EXPECT_EQ(content.use_count(), 1);
}

TEST(Mailbox, NothingIsLostBetweenThreads) {
  constexpr std::uint32_t kLetters = 20'000;
  constexpr std::uint32_t kThreads = 3;
  Mailbox<std::pair<std::uint32_t, std::uint32_t>> mailbox;
  std::array<std::thread, kThreads> senders;
  for (std::uint32_t sender = 0; sender < kThreads; ++sender) {
    senders[sender] = std::thread([&mailbox, sender] {
      for (std::uint32_t i = 0; i < kLetters; ++i) {
        mailbox.Post({sender, i});
      }
    });
  }
  std::array<std::uint32_t, kThreads> next{};
  std::uint32_t taken = 0;
  while (taken < kThreads * kLetters) {
    pollfd wait{mailbox.fd(), POLLIN, 0};
    poll(&wait, 1, -1);  // A bell that is lost hangs the test.
    for (const auto& [sender, number] : mailbox.TakeAll()) {
      EXPECT_EQ(number, next[sender]) << "out of order";
      next[sender] = number + 1;
      ++taken;
    }
  }
  for (std::thread& sender : senders) {
    sender.join();
  }
  EXPECT_TRUE(mailbox.TakeAll().empty());
}

}  // namespace
}  // namespace leeboard::front
