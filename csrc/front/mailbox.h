// Letters from any thread to one: commands to the I/O thread, notices from it.
//
// A stack that producers push onto with a compare-and-swap and the consumer takes
// whole: a producer that is descheduled half-way never makes the other side wait.
//
// Thread safety: Post and Ring on any thread; TakeAll on one.

#ifndef LEEBOARD_FRONT_MAILBOX_H_
#define LEEBOARD_FRONT_MAILBOX_H_

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace leeboard::front {

template <typename T>
class Mailbox {
 public:
  Mailbox() : bell_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() { TakeAll(); }

  [[nodiscard]] int fd() const { return bell_.get(); }

  void Post(T content) {
    auto letter = std::make_unique<Letter>(Letter{std::move(content), nullptr});
    letter->next = top_.load(std::memory_order_relaxed);
    // Release pairs with the acquire in TakeAll: the content is whole when it is seen.
    while (!top_.compare_exchange_weak(letter->next, letter.get(),
                                       std::memory_order_release,
                                       std::memory_order_relaxed)) {
    }
    [[maybe_unused]] Letter* posted = letter.release();
    Ring();
  }

  // Makes the descriptor readable though nothing was posted.
  void Ring() {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = write(bell_.get(), &one, sizeof one);
  }

  // All that was posted so far, oldest first. Silences the bell.
  std::vector<T> TakeAll() {
    std::uint64_t rings = 0;
    [[maybe_unused]] const ssize_t size = read(bell_.get(), &rings, sizeof rings);
    std::vector<T> contents;
    std::unique_ptr<Letter> letter(top_.exchange(nullptr, std::memory_order_acquire));
    while (letter != nullptr) {
      contents.push_back(std::move(letter->content));
      letter.reset(letter->next);
    }
    std::reverse(contents.begin(), contents.end());
    return contents;
  }

 private:
  struct Letter {
    T content;
    Letter* next;
  };

  UniqueFd bell_;
  std::atomic<Letter*> top_{nullptr};
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_MAILBOX_H_
