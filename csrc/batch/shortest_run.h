// The least time that a batch took lately: what no request can be answered within.
//
// A request whose deadline comes sooner is not run: its answer would be for nobody, and
// others would wait for it. The least of the last kLast batches, less a margin, is a
// bound that only a model whose speed changes can break; so that such a change is
// noticed, one hopeless request every kProbeEvery is run all the same.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_BATCH_SHORTEST_RUN_H_
#define LEEBOARD_BATCH_SHORTEST_RUN_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "base/clock.h"

namespace leeboard::batch {

class ShortestRun {
 public:
  static constexpr std::size_t kLast = 16;
  static constexpr Nanos kProbeEvery = 1'000'000'000;

  // A batch took this long.
  void Learn(Nanos took) {
    runs_[next_] = took;
    next_ = (next_ + 1) % kLast;
    count_ = std::min(count_ + 1, kLast);
    shortest_ = *std::min_element(runs_.begin(),
                                  runs_.begin() + static_cast<std::ptrdiff_t>(count_));
  }

  // 0 until kLast batches are known.
  [[nodiscard]] Nanos bound() const {
    return count_ < kLast ? 0 : shortest_ - shortest_ / 8;
  }

  // When a request with this deadline must have begun to run; never later than the
  // deadline.
  Nanos LatestStart(Nanos deadline, Nanos now) {
    if (deadline == kNever || bound() == 0) {
      return deadline;
    }
    const Nanos start = deadline - bound();
    if (start <= now && now >= next_probe_) {
      next_probe_ = now + kProbeEvery;
      return deadline;
    }
    return start;
  }

 private:
  std::array<Nanos, kLast> runs_{};
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  Nanos shortest_ = 0;
  Nanos next_probe_ = 0;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_SHORTEST_RUN_H_
