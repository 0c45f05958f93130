// Rows into batches: csrc/batch/fill.cc.

#include <gtest/gtest.h>

#include "bench.h"

namespace leeboard::batch {
namespace {

using wire::DType;

TEST(Fill, SmallRowsShareASegment) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "11").ok());
  EXPECT_TRUE(bench.Send("b", "22").ok());
  EXPECT_TRUE(bench.Send("c", "33").ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  const SeenBatch seen = bench.worker().Look();
  EXPECT_EQ(seen.segments, 1u);
  EXPECT_EQ(seen.inputs[0], (std::vector<std::string>{"11", "22", "33"}));
}

TEST(Fill, ARequestsRowsStayTogether) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", 3, {{{2}, "112233"}}).ok());
  EXPECT_TRUE(bench.Send("b", "44").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "112233");
  EXPECT_EQ(bench.sink.Said("b"), "44");
  EXPECT_EQ(bench.counters().batches.get(), 1u);
  EXPECT_EQ(bench.counters().rows.get(), 4u);
  bench.ExpectIdle();
}

TEST(Fill, RowsThatDoNotFitGoIntoTheNextBatch) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", 3, {{{1}, "123"}}).ok());
  EXPECT_TRUE(bench.Send("b", 2, {{{1}, "45"}}).ok());
  EXPECT_TRUE(bench.Send("c", 2, {{{1}, "67"}}).ok());
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 3u);
  EXPECT_EQ(bench.worker().RunOne(), 4u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("a"), "123");
  EXPECT_EQ(bench.sink.Said("c"), "67");
}

TEST(Fill, ABatchIsClosedAtTheSizeThatTheModelRunsBest) {
  Bench bench({.max_batch_size = 8, .close_rows = 2});
  for (const char* id : {"a", "b", "c"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());
  }
  EXPECT_TRUE(bench.Send("large", 5, {{{1}, "12345"}}).ok());
  EXPECT_TRUE(bench.Send("d", "d").ok());
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 2u);
  EXPECT_EQ(bench.worker().RunOne(), 1u);
  bench.Collect();
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 5u) << "a larger request runs alone";
  EXPECT_EQ(bench.worker().RunOne(), 1u);
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("large"), "12345");
  bench.ExpectIdle();
}

TEST(Fill, AModelThatDoesNotBatchRunsRequestsOneByOne) {
  Bench bench({.max_batch_size = 0});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  EXPECT_TRUE(bench.Send("b", "2").ok());
  bench.RunAll();
  EXPECT_EQ(bench.counters().batches.get(), 2u);
  EXPECT_EQ(bench.sink.Said("a"), "1");
  EXPECT_EQ(bench.sink.Said("b"), "2");
  bench.ExpectIdle();
}

TEST(Fill, ALargeRequestHasASegmentOfItsOwn) {
  Bench bench;
  const std::string large(16 << 10, 'L');
  EXPECT_TRUE(bench.Send("a", large).ok());
  EXPECT_TRUE(bench.Send("b", large).ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(bench.worker().Look().segments, 2u);
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("b"), large);
  bench.ExpectIdle();
}

TEST(Fill, SmallAndLargeRequestsOfOneShapeShareABatch) {
  Bench bench({.max_batch_size = 40});
  const auto rows = [](char fill, std::uint32_t count) {
    return std::vector<Tensor>{{{1000}, std::string(1000UL * count, fill)}};
  };
  EXPECT_TRUE(bench.Send("a", 1, rows('a', 1)).ok());
  EXPECT_TRUE(bench.Send("b", 17, rows('b', 17)).ok());
  EXPECT_TRUE(bench.Send("c", 2, rows('c', 2)).ok());
  EXPECT_TRUE(bench.Send("d", 1, rows('d', 1)).ok());
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  const SeenBatch seen = bench.worker().Look();
  EXPECT_EQ(seen.rows, 21u);
  EXPECT_EQ(seen.segments, 3u);
  bench.worker().Finish();
  bench.Collect();
  EXPECT_EQ(bench.sink.Said("b"), std::string(17'000, 'b'));
  EXPECT_EQ(bench.sink.Said("d"), std::string(1000, 'd'));
  bench.ExpectIdle();
}

TEST(Fill, EveryTensorOfARowKeepsItsPlace) {
  Bench bench({.tensors = {Spec(DType::kUint8, {-1}), Spec(DType::kBytes, {2}),
                           Spec(DType::kInt32, {})}});
  EXPECT_TRUE(
      bench
          .Send("a", 1, {{{3}, "abc"}, {{2}, Element("x") + Element("")}, {{}, "AAAA"}})
          .ok());
  EXPECT_TRUE(
      bench
          .Send("b", 2,
                {{{3}, "defghi"},
                 {{2}, Element("1") + Element("22") + Element("333") + Element("")},
                 {{}, "BBBBCCCC"}})
          .ok());
  bench.RunAll();
  EXPECT_EQ(bench.counters().batches.get(), 1u);
  EXPECT_EQ(bench.sink.ends["a"].outputs,
            (std::vector<std::string>{"abc", Element("x") + Element(""), "AAAA"}));
  EXPECT_EQ(bench.sink.ends["b"].outputs[1],
            Element("1") + Element("22") + Element("333") + Element(""));
  EXPECT_EQ(bench.sink.ends["b"].outputs[2], "BBBBCCCC");
  bench.ExpectIdle();
}

TEST(Fill, BytesThatFillASegmentGoIntoTheNextOne) {
  Bench bench({.max_batch_size = 64, .tensors = {Spec(DType::kBytes, {1})}});
  const std::string text(12 << 10, 't');
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(bench.SendText(std::to_string(i), text + std::to_string(i)).ok());
  }
  bench.Pump();
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_EQ(bench.worker().Look().segments, 3u);
  bench.worker().Finish();
  bench.Collect();
  for (int i = 0; i < 12; ++i) {
    EXPECT_EQ(bench.sink.Said(std::to_string(i)), Element(text + std::to_string(i)));
  }
  bench.ExpectIdle();
}

TEST(Fill, TensorsWithoutElementsAreServed) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "").ok());
  EXPECT_TRUE(bench.Send("b", 3, {{{0}, ""}}).ok());
  bench.RunAll();
  EXPECT_EQ(bench.counters().batches.get(), 1u);
  EXPECT_EQ(bench.sink.Said("a"), "");
  EXPECT_EQ(bench.sink.CodeOf("b"), Code::kOk);
}

TEST(Fill, ABatchHasNoMoreSegmentsThanItsHeader) {
  Bench bench({.max_batch_size = 300});
  const std::string large(16 << 10, 'L');
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(bench.Send(std::to_string(i), large).ok());
  }
  bench.Pump();
  EXPECT_EQ(bench.worker().RunOne(), 256u);
  EXPECT_EQ(bench.worker().RunOne(), 44u);
  bench.Collect();
  EXPECT_EQ(bench.sink.ends.size(), 300u);
  bench.ExpectIdle();
}

TEST(Fill, AFullQueueRefusesExactlyBeyondItsSize) {
  Bench bench({.max_queue_size = 6});
  for (int i = 0; i < 6; ++i) {
    EXPECT_TRUE(bench.Send(std::to_string(i), "x").ok());
  }
  const Status status = bench.Send("one more", "x");
  EXPECT_EQ(status.code(), Code::kResourceExhausted);
  EXPECT_EQ(status.message(),
            "model 'm' version 1: the queue is full (6 requests wait); exceeds maximum "
            "queue size");
  bench.RunAll();
  EXPECT_EQ(bench.sink.ends.size(), 6u);
  bench.ExpectIdle();
}

TEST(Fill, RequestsThatRunNoLongerCountAsWaiting) {
  Bench bench({.max_queue_size = 4});
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(bench.Send(std::to_string(i), "x").ok());
  }
  bench.Pump();
  EXPECT_FALSE(bench.Send("too early", "x").ok());
  ASSERT_TRUE(bench.worker().Take());
  EXPECT_TRUE(bench.Send("in time", "x").ok());
  EXPECT_EQ(bench.counters().queued.get(), 1u);
}

TEST(Fill, ALargeRequestIsRefusedByAFullQueueAndLeavesNothing) {
  Bench bench({.max_queue_size = 1});
  EXPECT_TRUE(bench.Send("a", "x").ok());
  EXPECT_EQ(bench.Send("b", std::string(20'000, 'x')).code(), Code::kResourceExhausted);
  bench.RunAll();
  bench.ExpectIdle();
}

TEST(Fill, ARequestThatDoesNotFitTheMemoryIsRefusedAndTheNextOneServed) {
  Bench bench({.input_bytes = 1 << 20});
  EXPECT_EQ(bench.Send("a", std::string(1 << 20, 'x')).code(),
            Code::kResourceExhausted);
  EXPECT_TRUE(bench.Send("b", std::string(500'000, 'y')).ok());
  EXPECT_FALSE(bench.Send("c", std::string(600'000, 'z')).ok());
  EXPECT_TRUE(bench.Send("d", "small").ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("b"), std::string(500'000, 'y'));
  EXPECT_EQ(bench.sink.Said("d"), "small");
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
