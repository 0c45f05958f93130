// What is seen of answered batches: csrc/batch/watch.cc.

#include "batch/watch.h"

#include <gtest/gtest.h>

#include "base/xxhash64.h"
#include "bench.h"
#include "watching.h"

namespace leeboard::batch {
namespace {

using wire::DType;

TEST(Watch, InputsAndOutputsOfAllRowsAreCounted) {
  Watched watched(All(Of(false, 0, 2), Of(true, 0, 2)));
  Bench bench({.max_batch_size = 8, .watch = watched.slot});
  EXPECT_TRUE(bench.Send("a", 2, {{{2}, "\x01\x02\x03\x04"}}).ok());
  EXPECT_TRUE(bench.Send("b", 1, {{{2}, "\x05\x06"}}).ok());
  bench.RunAll();
  EXPECT_EQ(watched.watch->rows(), 3u);
  EXPECT_EQ(watched.watch->kept(), 3u);
  for (const std::size_t tensor : {0, 1}) {
    EXPECT_EQ(watched.profile(tensor).rows(), 3u);
    EXPECT_EQ(watched.profile(tensor).mean()[0], 3.0);
    EXPECT_EQ(watched.profile(tensor).max()[1], 6.0);
  }
  EXPECT_TRUE(watched.watch->journal().empty());
}

TEST(Watch, TheDeadAreNotCounted) {
  Watched watched(All(Of(false, 0, 1), Of(true, 0, 1)));
  Bench bench({.max_batch_size = 8, .watch = watched.slot});
  for (const char* row : {"1", "9", "3"}) {
    EXPECT_TRUE(bench.Send(row, row).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  bench.Cancel("9");
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(watched.watch->rows(), 2u);
  for (const std::size_t tensor : {0, 1}) {
    EXPECT_EQ(watched.profile(tensor).rows(), 2u);
    EXPECT_EQ(watched.profile(tensor).max()[0], '3');
  }
}

TEST(Watch, WhatFailedIsNotCounted) {
  Watched watched(All(Of(false, 0, 3)));
  Bench bench({.watch = watched.slot});
  bench.worker().fails_on = "bad";
  EXPECT_TRUE(bench.Send("a", "bad").ok());
  EXPECT_TRUE(bench.Send("b", "big").ok());
  bench.RunAll();
  EXPECT_EQ(watched.watch->rows(), 1u);
  EXPECT_EQ(watched.profile(0).max()[1], 'i');
}

// Small rows lie in slabs that grow; large ones have segments of their own.
TEST(Watch, RowsOfSeveralSegmentsAreFound) {
  constexpr std::uint32_t kWidth = 20'000;
  constexpr int kRequests = 6;
  Watched watched(All(Of(false, 0, kWidth), Of(true, 0, kWidth)));
  Bench bench({.max_batch_size = 64, .watch = watched.slot});
  double sum = 0;
  std::uint32_t rows = 0;
  for (std::uint32_t i = 0; i < kRequests; ++i) {
    const std::uint32_t count = 1 + i % 3;
    std::string data;
    for (std::uint32_t row = 0; row < count; ++row) {
      data.append(kWidth, static_cast<char>(rows + 1));
      sum += ++rows;
    }
    EXPECT_TRUE(bench.Send(std::to_string(i), count, {{{kWidth}, data}}).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_GT(bench.worker().Look().segments, 1u);
  bench.worker().Finish();
  bench.RunAll();
  for (const std::size_t tensor : {0, 1}) {
    const stats::TensorProfile& profile = watched.profile(tensor);
    EXPECT_EQ(profile.rows(), rows);
    EXPECT_EQ(profile.max()[kWidth - 1], rows);
    EXPECT_NEAR(profile.mean()[kWidth / 2], sum / rows, 1e-9);
  }
}

TEST(Watch, RowsOfAnotherLengthArePassedOverAndCounted) {
  Watched watched(All(Of(false, 0, 2)));
  Bench bench({.watch = watched.slot});
  EXPECT_TRUE(bench.Send("a", "12").ok());
  EXPECT_TRUE(bench.Send("b", "123").ok());
  bench.RunAll();
  EXPECT_EQ(watched.watch->rows(), 2u);
  EXPECT_EQ(watched.profile(0).rows(), 1u);
  EXPECT_EQ(watched.watch->tensors()[0].other_length, 1u);
}

TEST(Watch, SummariesTakeRowsOfAnyLength) {
  Watched watched(All(Of(true, 0, 5, /*is_summary=*/true)));
  Bench bench({.watch = watched.slot});
  EXPECT_TRUE(bench.Send("a", 1, {{{3}, "\x01\x02\x03"}}).ok());
  EXPECT_TRUE(bench.Send("b", 1, {{{1}, "\x08"}}).ok());
  EXPECT_TRUE(bench.Send("c", 1, {{{0}, ""}}).ok());
  bench.RunAll();
  const stats::TensorProfile& profile = watched.profile(0);
  EXPECT_EQ(profile.rows(), 3u);
  EXPECT_EQ(profile.mean()[0], 5.0);
  EXPECT_EQ(profile.counts()[0], 2u);
  EXPECT_EQ(profile.nan()[0], 1u);
  EXPECT_EQ(profile.min()[2], 1.0);
  EXPECT_EQ(profile.max()[3], 8.0);
  EXPECT_EQ(watched.watch->tensors()[0].other_length, 0u);
}

TEST(Watch, TheJournalHasEachRowOfSampledRequests) {
  Watched watched(All(), {.below = kAll, .outputs = {1}, .inputs = {0, 7}});
  Bench bench({.watch = watched.slot,
               .tensors = {Spec(DType::kBytes, {2}), Spec(DType::kUint8, {2})}});
  const std::string texts =
      Element("north") + Element("") + Element("s") + Element("west");
  EXPECT_TRUE(bench.Send("id", 2, {{{2}, texts}, {{2}, "abcd"}}).ok());
  EXPECT_TRUE(
      bench.Send("x", 1, {{{2}, Element("e") + Element("f")}, {{2}, "ef"}}).ok());
  bench.RunAll();
  const std::vector<Noted> noted = Read(watched.watch->journal(), 3);
  ASSERT_EQ(noted.size(), 3u);
  EXPECT_EQ(noted[0].id, "id");
  EXPECT_EQ(noted[1].row, 1u);
  EXPECT_EQ(noted[2].id, "x");
  EXPECT_EQ(noted[0].tensors[0], "ab");
  EXPECT_EQ(noted[1].tensors[0], "cd");
  EXPECT_EQ(noted[0].tensors[1], Element("north") + Element(""));
  EXPECT_EQ(noted[1].tensors[1], Element("s") + Element("west"));
  EXPECT_EQ(noted[2].tensors[1], Element("e") + Element("f"));
  EXPECT_EQ(noted[0].tensors[2], kLeftOut);
  EXPECT_GT(noted[0].wall_ns, 1'600'000'000'000'000'000u);
}

TEST(Watch, RequestsAreChosenByTheirIdsAndOthersCounted) {
  const std::uint64_t half = 1ULL << 52;
  Watched watched(All(), {.below = half, .outputs = {0}});
  Bench bench({.max_batch_size = 64, .watch = watched.slot});
  std::uint64_t chosen = 0;
  for (int i = 0; i < 40; ++i) {
    const std::string id = "request " + std::to_string(i);
    chosen += XxHash64(id) >> 11 < half ? 1 : 0;
    EXPECT_TRUE(bench.Send(id, "1").ok());
  }
  EXPECT_TRUE(bench.Send("", 2, {{{1}, "12"}}).ok());
  bench.RunAll();
  EXPECT_EQ(Read(watched.watch->journal(), 1).size(), chosen);
  EXPECT_EQ(watched.watch->unsampled(), 40 - chosen);
  EXPECT_EQ(watched.watch->without_id(), 2u);
  EXPECT_EQ(watched.watch->dropped(), 0u);
}

TEST(Watch, AFullJournalDropsWholeRecordsAndLargeRowsAreLeftOut) {
  Watched watched(
      All(),
      {.below = kAll, .most_bytes = 100, .most_tensor_bytes = 8, .outputs = {0}});
  Bench bench({.max_batch_size = 64, .watch = watched.slot});
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    EXPECT_TRUE(bench.Send(id, "12345678").ok());
  }
  EXPECT_TRUE(bench.Send("f", "123456789").ok());
  bench.RunAll();
  const std::vector<Noted> noted = Read(watched.watch->journal(), 1);
  EXPECT_LE(watched.watch->journal().size(), 100u);
  EXPECT_EQ(noted.size() + watched.watch->dropped(), 6u);
  ASSERT_EQ(noted.size(), 3u);
  EXPECT_EQ(noted[2].tensors[0], noted[2].id == "f" ? kLeftOut : "12345678");
}

TEST(Watch, OfADecoupledModelInputsAreSeen) {
  Watched watched(All(Of(false, 0, 2), Of(true, 0, 2)),
                  {.below = kAll, .outputs = {0}});
  Bench bench({.max_batch_size = 1, .decoupled = true, .watch = watched.slot});
  EXPECT_TRUE(bench.Send("a", "12").ok());
  bench.worker().spoil = [](shm::Completion* record) { record->output_count = 0; };
  bench.RunAll();
  EXPECT_EQ(watched.profile(0).rows(), 1u);
  EXPECT_EQ(watched.profile(1).rows(), 0u);
  const std::vector<Noted> noted = Read(watched.watch->journal(), 1);
  ASSERT_EQ(noted.size(), 1u);
  EXPECT_EQ(noted[0].tensors[0], kLeftOut);
}

}  // namespace
}  // namespace leeboard::batch
