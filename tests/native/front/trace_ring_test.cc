#include "front/trace_ring.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

namespace leeboard::front {
namespace {

bool Put(TraceRing* ring, std::uint32_t rows) {
  TraceRecord* record = ring->Reserve();
  if (record == nullptr) {
    return false;
  }
  record->rows = rows;
  record->model = "a model with a name of some length " + std::to_string(rows);
  ring->Publish();
  return true;
}

TEST(TraceRing, GivesBackWhatCameInOrderAndInParts) {
  const auto ring = std::make_unique<TraceRing>();
  EXPECT_TRUE(ring->Take(10).empty());
  for (std::uint32_t i = 0; i < 5; ++i) {
    EXPECT_TRUE(Put(ring.get(), i));
  }
  const auto first = ring->Take(3);
  const auto rest = ring->Take(10);
  ASSERT_EQ(first.size(), 3u);
  ASSERT_EQ(rest.size(), 2u);
  EXPECT_EQ(first[0].rows, 0u);
  EXPECT_EQ(rest[1].rows, 4u);
  EXPECT_TRUE(ring->Take(10).empty());
}

TEST(TraceRing, AFullOneTakesNothingUntilSomethingWasTaken) {
  const auto ring = std::make_unique<TraceRing>();
  for (std::uint32_t i = 0; i < TraceRing::kSlots; ++i) {
    ASSERT_TRUE(Put(ring.get(), i));
  }
  EXPECT_FALSE(Put(ring.get(), 0));
  EXPECT_EQ(ring->Take(1).size(), 1u);
  EXPECT_TRUE(Put(ring.get(), 7));
  EXPECT_FALSE(Put(ring.get(), 0));
  EXPECT_EQ(ring->Take(TraceRing::kSlots * 2).back().rows, 7u);
}

TEST(TraceRing, TwoThreadsSeeWholeRecords) {
  const auto ring = std::make_unique<TraceRing>();
  constexpr std::uint32_t kMany = 50'000;
  std::thread writer([&ring] {
    for (std::uint32_t i = 0; i < kMany;) {
      i += Put(ring.get(), i) ? 1 : 0;
    }
  });
  std::uint32_t next = 0;
  while (next < kMany) {
    for (const TraceRecord& record : ring->Take(64)) {
      ASSERT_EQ(record.rows, next);
      ASSERT_EQ(record.model,
                "a model with a name of some length " + std::to_string(next));
      ++next;
    }
  }
  writer.join();
}

}  // namespace
}  // namespace leeboard::front
