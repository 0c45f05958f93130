// Should a free worker wait a moment, because joining the rows that are about to come
// with those that wait costs less than running them one after the other?
//
// In a closed loop the callers that were just answered ask again at once. Claiming what
// waits without them splits all callers into two groups for good (lock-step), and a
// model whose weights dominate then reads its weights twice. So the policy learns what
// batches cost by their size and holds a claim back for at most what joining would
// save, counted from the last batch's end. A lone caller is never held: nobody else is
// expected. Where the rows do not come (an open loop) a hold is a loss; after each miss
// the next ones are skipped, twice as many each time.
//
// Thread safety: none. Pure: rows and time come in as arguments.

#ifndef LEEBOARD_SHM_HOLD_POLICY_H_
#define LEEBOARD_SHM_HOLD_POLICY_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace leeboard::shm {

class HoldPolicy {
 public:
  static constexpr Nanos kShortest = 30'000;  // Less is not worth a system call.
  static constexpr Nanos kLongest = 5'000'000;
  static constexpr std::uint32_t kMostSkipped = 64;

  // A batch of `rows` took `took` and ended at `now`; `waiting` rows were offered
  // meanwhile. REQUIRES: rows > 0.
  void Ended(std::uint32_t rows, Nanos took, std::uint32_t waiting, Nanos now) {
    Seen& seen = seen_[Bucket(rows)];
    const double per_row = static_cast<double>(took) / rows;
    // Falls at once and rises slowly: a batch is slow for many reasons, fast for one.
    const bool faster = seen.per_row == 0 || per_row < seen.per_row;
    seen.per_row = faster ? per_row : seen.per_row + (per_row - seen.per_row) / 16;
    seen.rows = rows;
    expected_ = rows + waiting;
    ended_at_ = now;
    if (skip_ > 0) {
      --skip_;
    }
  }

  // Until when a claim of `rows` should be held back; what has passed means now.
  [[nodiscard]] Nanos HoldUntil(std::uint32_t rows, std::uint32_t close_rows) const {
    const std::uint32_t target = std::min(expected_, close_rows);
    if (skip_ > 0 || rows == 0 || rows >= target) {
      return 0;
    }
    const double saved = Cost(rows) + Cost(target - rows) - Cost(target);
    if (saved < 2.0 * kShortest) {
      return 0;
    }
    return ended_at_ + std::min(static_cast<Nanos>(saved), kLongest);
  }

  // A hold of a claim of `before` rows ended with `after`: a miss unless at least half
  // of those that were expected came.
  void Held(std::uint32_t before, std::uint32_t after, std::uint32_t close_rows) {
    const std::uint32_t target = std::min(expected_, close_rows);
    if (2 * (after - before) >= target - std::min(before, target)) {
      misses_ = 0;
      return;
    }
    misses_ = std::min(misses_ + 1, std::uint32_t{6});
    skip_ = std::min(1U << misses_, kMostSkipped);
  }

 private:
  struct Seen {
    double per_row = 0;  // Nanoseconds; 0 before the first batch of about this size.
    double rows = 0;
  };

  static std::size_t Bucket(std::uint32_t rows) {
    return std::min<std::size_t>(std::bit_width(rows), 15);
  }

  // What a batch of n rows costs: by its own size if that was seen, else on the line
  // through the smallest and the largest size that were.
  [[nodiscard]] double Cost(std::uint32_t n) const {
    const Seen& own = seen_[Bucket(n)];
    if (own.per_row > 0) {
      return own.per_row * n;
    }
    const Seen* low = nullptr;
    const Seen* high = nullptr;
    for (const Seen& seen : seen_) {
      if (seen.per_row > 0) {
        low = low == nullptr ? &seen : low;
        high = &seen;
      }
    }
    if (low == high) {
      return low == nullptr ? 0 : low->per_row * n;
    }
    const double at_low = low->per_row * low->rows;
    const double slope =
        (high->per_row * high->rows - at_low) / (high->rows - low->rows);
    return std::max(0.0, at_low + slope * (n - low->rows));
  }

  std::array<Seen, 16> seen_{};
  std::uint32_t expected_ = 0;
  std::uint32_t skip_ = 0;    // Batches that are not held.
  std::uint32_t misses_ = 0;  // In a row.
  Nanos ended_at_ = 0;
};

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_HOLD_POLICY_H_
