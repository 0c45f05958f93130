#include "batch/close_policy.h"

#include <gtest/gtest.h>

namespace leeboard::batch {
namespace {

struct Case {
  const char* situation;
  BatchView batch;
  Nanos max_delay;
  Nanos now;
  bool ready;
  Nanos look_again_at;
};

TEST(ClosePolicy, DecidesAsTheTableSays) {
  const Case cases[] = {
      {"empty", {0, 4, false, 0}, 0, 1000, false, kNever},
      {"empty though sealed", {0, 4, true, 0}, 0, 1000, false, kNever},
      {"empty and overdue", {0, 4, false, 0}, 10, 1000, false, kNever},
      {"no delay", {1, 4, false, 1000}, 0, 1000, true, kNever},
      {"fresh", {1, 4, false, 1000}, 50, 1000, false, 1050},
      {"almost due", {3, 4, false, 1000}, 50, 1049, false, 1050},
      {"due", {1, 4, false, 1000}, 50, 1050, true, kNever},
      {"overdue", {1, 4, false, 1000}, 50, 9999, true, kNever},
      {"full", {4, 4, false, 1000}, 50, 1000, true, kNever},
      {"sealed", {1, 4, true, 1000}, 50, 1000, true, kNever},
      {"a model that does not batch", {1, 1, false, 1000}, 50, 1000, true, kNever},
  };
  for (const Case& one : cases) {
    const Decision decision = DecideClose(one.batch, one.max_delay, one.now);
    EXPECT_EQ(decision.ready, one.ready) << one.situation;
    EXPECT_EQ(decision.look_again_at, one.look_again_at) << one.situation;
  }
}

}  // namespace
}  // namespace leeboard::batch
