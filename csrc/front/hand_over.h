// Calls that the control plane answers: what was handed over and who waits for it.
//
// The I/O thread keeps the open calls, the control plane takes their messages and
// answers by number. A call that has ended meanwhile (its client went, its deadline
// passed) is forgotten, so a late answer finds nobody. Both what waits for an answer
// and what waits to be taken is bounded.
//
// Thread safety: Take and has_untaken on the control plane's thread; the rest belongs
// to the I/O thread.

#ifndef LEEBOARD_FRONT_HAND_OVER_H_
#define LEEBOARD_FRONT_HAND_OVER_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "front/mailbox.h"
#include "http2/call.h"

namespace leeboard::front {

// A whole message of a method that the control plane answers.
struct HandedCall {
  std::uint64_t id = 0;
  std::string method;  // "RepositoryModelLoad".
  std::string message;
  std::string identity;  // Who calls; empty where nobody is asked.
};

class HandOver {
 public:
  static constexpr std::size_t kMost = 64;  // Open, and as many that nobody took yet.
  static constexpr std::uint32_t kLargestMessage = 4 << 20;

  // Hands a call over under a number of its own, which is filled in; RESOURCE_EXHAUSTED
  // when kMost are.
  Status Add(http2::Call* call, HandedCall handed, std::uint64_t* id);
  // Takes a call out to be answered; null when it has ended.
  http2::Call* Remove(std::uint64_t id);
  // The number of some call, or of one whose deadline has passed; 0: there is none.
  [[nodiscard]] std::uint64_t Any() const;
  [[nodiscard]] std::uint64_t Expired(Nanos now) const;
  [[nodiscard]] Nanos next_deadline() const;
  [[nodiscard]] bool empty() const { return open_.empty(); }

  // What was handed over since, oldest first.
  std::vector<HandedCall> Take();
  [[nodiscard]] bool has_untaken() const {
    return untaken_.load(std::memory_order_acquire) > 0;
  }

 private:
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, http2::Call*> open_;
  Mailbox<HandedCall> letters_;
  // Raised before a letter is posted and lowered once it was taken.
  std::atomic<std::size_t> untaken_{0};
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_HAND_OVER_H_
