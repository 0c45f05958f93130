// Pages of inputs that a model keeps: csrc/shm/region.cc, Region::Detach.

#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>

#include "pair.h"

namespace leeboard::shm {
namespace {

constexpr std::size_t kPage = 4096;

// Whether anything is mapped at an address.
bool IsMapped(const std::uint8_t* at) {
  const auto page = reinterpret_cast<std::uintptr_t>(at) / kPage * kPage;
  unsigned char resident = 0;
  return mincore(reinterpret_cast<void*>(page), 1, &resident) == 0;
}

TEST(Detach, WhatWasKeptStaysAndLaterInputsAreSeen) {
  Pair pair;
  ASSERT_TRUE(pair.valid);
  std::memset(pair.inputs(), 'a', Pair::kInputs);
  const std::uint8_t* before = pair.worker.inputs();
  ASSERT_TRUE(pair.worker.DetachInputs(3 * kPage + 100, 2 * kPage).ok());
  const std::uint8_t* after = pair.worker.inputs();
  EXPECT_NE(after, before);
  std::memset(pair.inputs(), 'b', Pair::kInputs);
  for (std::size_t at = 3 * kPage; at < 6 * kPage; ++at) {
    ASSERT_EQ(before[at], 'a') << at;
  }
  EXPECT_EQ(after[0], 'b');
  EXPECT_EQ(after[Pair::kInputs - 1], 'b');
}

TEST(Detach, TheRestOfTheOldMappingIsGone) {
  Pair pair;
  ASSERT_TRUE(pair.valid);
  const std::uint8_t* before = pair.worker.inputs();
  ASSERT_TRUE(pair.worker.DetachInputs(3 * kPage + 100, 2 * kPage).ok());
  EXPECT_FALSE(IsMapped(before));
  EXPECT_FALSE(IsMapped(before + 2 * kPage));
  EXPECT_TRUE(IsMapped(before + 3 * kPage));
  EXPECT_TRUE(IsMapped(before + 5 * kPage));
  EXPECT_FALSE(IsMapped(before + 6 * kPage));
  EXPECT_FALSE(IsMapped(before + Pair::kInputs - 1));
}

TEST(Detach, AnyPartMayBeKept) {
  for (const std::size_t size : {std::size_t{0}, Pair::kInputs}) {
    Pair pair;
    ASSERT_TRUE(pair.valid);
    pair.inputs()[0] = 'a';
    const std::uint8_t* before = pair.worker.inputs();
    ASSERT_TRUE(pair.worker.DetachInputs(0, size).ok());
    pair.inputs()[0] = 'b';
    EXPECT_EQ(pair.worker.inputs()[0], 'b');
    EXPECT_EQ(IsMapped(before), size > 0);
    EXPECT_TRUE(size == 0 || before[0] == 'a');
  }
}

TEST(Detach, APartBehindTheEndIsRefusedAndNothingChanges) {
  Pair pair;
  ASSERT_TRUE(pair.valid);
  const std::uint8_t* before = pair.worker.inputs();
  EXPECT_EQ(pair.worker.DetachInputs(Pair::kInputs, 1).code(), Code::kInvalidArgument);
  EXPECT_EQ(pair.worker.DetachInputs(1, Pair::kInputs).code(), Code::kInvalidArgument);
  EXPECT_EQ(pair.worker.inputs(), before);
}

TEST(Detach, BatchesAreTakenAsBefore) {
  Pair pair;
  ASSERT_TRUE(pair.valid);
  auto* header = reinterpret_cast<BatchHeader*>(pair.inputs() + 256);
  header->output_capacity = 77;
  pair.Offer(256, 3);
  const Claim claim = pair.Take();
  ASSERT_TRUE(pair.worker.DetachInputs(0, kPage).ok());
  EXPECT_EQ(pair.worker.header(claim).output_capacity, 77u);
  pair.Complete(claim);
  std::uint32_t seq = 0;
  EXPECT_EQ(pair.Next(&seq), Poll::kCompleted);
  header->output_capacity = 78;
  pair.Offer(256, 2);
  EXPECT_EQ(pair.worker.header(pair.Take()).output_capacity, 78u);
}

}  // namespace
}  // namespace leeboard::shm
