// One version after another: what the old one has taken is answered first.
//
// Both have workers of their own. On processors that are busy anyway they would only
// slow each other down, and every request of both would wait for longer than without a
// swap.
//
// Thread safety: none; the I/O thread owns it, as it does the queues.

#ifndef LEEBOARD_FRONT_SUCCESSIONS_H_
#define LEEBOARD_FRONT_SUCCESSIONS_H_

#include <vector>

#include "base/clock.h"
#include "batch/version_queue.h"
#include "route/table.h"

namespace leeboard::front {

class Successions {
 public:
  // A version with a long queue, or one that hangs, does not keep its successor for
  // longer.
  static constexpr Nanos kLongestHold = 250'000'000;

  // Holds every version that answers for a model from here on and did not before, until
  // the one before it has nothing to do.
  void Add(const route::Table& before, const route::Table& after, Nanos now);
  // Once a pass: lets go whoever need not wait any more.
  void Release(Nanos now);
  // Lets go whoever waits for this queue, and this queue.
  void Forget(const batch::VersionQueue* queue);
  // When to look again though nothing happens.
  [[nodiscard]] Nanos next_time() const;

 private:
  struct Succession {
    batch::VersionQueue* from;
    batch::VersionQueue* to;
    Nanos release_at;
  };

  void Hold(batch::VersionQueue* from, batch::VersionQueue* to, Nanos now);

  std::vector<Succession> all_;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_SUCCESSIONS_H_
