// Shapes and the memory behind them: csrc/batch/shapes.cc and shape.cc.

#include <gtest/gtest.h>

#include "bench.h"

namespace leeboard::batch {
namespace {

TEST(Shapes, RowsOfDifferentShapesAreNeverInOneBatch) {
  Bench bench({.max_batch_size = 8});
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(bench.Send("two" + std::to_string(i), "22").ok());
    EXPECT_TRUE(bench.Send("three" + std::to_string(i), "333").ok());
  }
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 4u);
  EXPECT_EQ(bench.worker().RunOne(), 4u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("two3"), "22");
  EXPECT_EQ(bench.sink.Said("three0"), "333");
  EXPECT_EQ(bench.counters().shapes.get(), 2u);
  bench.ExpectIdle();
}

TEST(Shapes, DimsThatMultiplyAlikeAreStillDifferent) {
  const wire::TensorSpec any = Spec(wire::DType::kUint8, {-1, -1});
  Bench bench({.tensors = {any}});
  EXPECT_TRUE(bench.Send("a", 1, {{{2, 3}, "abcdef"}}).ok());
  EXPECT_TRUE(bench.Send("b", 1, {{{3, 2}, "ghijkl"}}).ok());
  EXPECT_TRUE(bench.Send("c", 1, {{{6, 1}, "mnopqr"}}).ok());
  bench.RunAll();
  EXPECT_EQ(bench.counters().batches.get(), 3u);
}

TEST(Shapes, TheLeastRecentlyUsedIdleShapeMakesRoom) {
  Bench bench({.max_shapes = 2});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.Send("b", "22").ok());
  bench.RunAll();
  EXPECT_TRUE(bench.Send("c", "1").ok());
  EXPECT_TRUE(bench.Send("d", "333").ok()) << "the shape of b is idle";
  EXPECT_EQ(bench.counters().shapes.get(), 2u);
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("d"), "333");
  bench.ExpectIdle();
}

TEST(Shapes, ANewShapeIsRefusedWhileAllAreInUse) {
  Bench bench({.max_shapes = 2});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.Send("b", "22").ok());
  const Status status = bench.Send("c", "333");
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_NE(status.message().find("2 different shapes"), std::string::npos);
  bench.RunAll();
  EXPECT_TRUE(bench.Send("c", "333").ok());
  bench.RunAll();
  bench.ExpectIdle();
}

TEST(Shapes, AShapeStaysWhileItsTensorsArrive) {
  Bench bench({.max_shapes = 1});
  wire::RowInput input;
  input.dtype = wire::DType::kUint8;
  input.shape = {{20'000}, 1};
  input.elements = input.row_bytes = 20'000;
  const std::vector<std::uint64_t> sizes = {20'000};
  Landing landing;
  ASSERT_TRUE(bench.queue->Reserve({{&input, 1}, {}, 1}, sizes, &landing).ok());
  EXPECT_FALSE(bench.Send("other", "1").ok());
  bench.queue->Abandon(landing);
  EXPECT_TRUE(bench.Send("other", "1").ok());
  bench.RunAll();
  bench.ExpectIdle();
}

TEST(Shapes, ManyShapesComeAndGoWithoutLeavingMemory) {
  Bench bench({.max_shapes = 3});
  for (int i = 0; i < 200; ++i) {
    const std::string row(1 + static_cast<std::size_t>(i * 37 % 50), 'r');
    ASSERT_TRUE(bench.Send(std::to_string(i), row).ok());
    bench.RunAll();
    ASSERT_EQ(bench.sink.Said(std::to_string(i)), row);
  }
  EXPECT_EQ(bench.counters().shapes.get(), 3u);
  bench.ExpectIdle();
}

TEST(Shapes, CachedMemoryIsGivenBackToALargerRequest) {
  Bench bench({.input_bytes = 4 << 20});
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(
        bench.Send("small", std::string(1 + static_cast<std::size_t>(i), 's')).ok());
    bench.RunAll();
  }
  const std::string large((4 << 20) - (64 << 10), 'L');
  EXPECT_TRUE(bench.Send("large", large).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("large"), large);
}

}  // namespace
}  // namespace leeboard::batch
