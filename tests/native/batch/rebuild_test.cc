// Rows that move from batch to batch: csrc/batch/rebuild.cc.

#include <gtest/gtest.h>

#include "bench.h"

namespace leeboard::batch {
namespace {

using wire::DType;

std::vector<wire::TensorSpec> OneText() {
  return {Spec(DType::kBytes, {1})};
}

// Claims what is published and tells the front end nothing; then rows come too late.
void SendLate(Bench* bench) {
  bench->Pump();
  ASSERT_TRUE(bench->worker().Take());
}

TEST(Rebuild, LateRowsAreInTheNextBatchAndKeepTheirData) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "11").ok());
  SendLate(&bench);
  EXPECT_TRUE(bench.Send("b", "22").ok());
  EXPECT_TRUE(bench.Send("c", "33").ok());
  bench.worker().Finish();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("a"), "11");
  EXPECT_EQ(bench.sink.Said("b"), "22");
  EXPECT_EQ(bench.sink.Said("c"), "33");
  EXPECT_EQ(bench.counters().batches.get(), 2u);
  bench.ExpectIdle();
}

TEST(Rebuild, LateRowsOfEverySortOfSegmentKeepTheirData) {
  Bench bench({.max_batch_size = 64});
  const auto send = [&](const std::string& id, std::uint32_t rows, char fill) {
    const std::string raw(2000UL * rows, fill);
    EXPECT_TRUE(bench.Send(id, rows, {{{2000}, raw}}).ok());
  };
  send("a", 1, 'a');
  SendLate(&bench);
  send("b", 2, 'b');
  send("c", 10, 'c');  // A segment of its own.
  send("d", 1, 'd');
  send("e", 20, 'e');
  send("f", 3, 'f');
  bench.worker().Finish();
  bench.RunAll();
  EXPECT_EQ(bench.counters().batches.get(), 2u);
  EXPECT_EQ(bench.sink.Said("b"), std::string(4000, 'b'));
  EXPECT_EQ(bench.sink.Said("c"), std::string(20'000, 'c'));
  EXPECT_EQ(bench.sink.Said("d"), std::string(2000, 'd'));
  EXPECT_EQ(bench.sink.Said("e"), std::string(40'000, 'e'));
  EXPECT_EQ(bench.sink.Said("f"), std::string(6000, 'f'));
  bench.ExpectIdle();
}

TEST(Rebuild, LateTextsKeepTheirData) {
  Bench bench({.max_batch_size = 16, .tensors = OneText()});
  EXPECT_TRUE(bench.SendText("a", "first").ok());
  SendLate(&bench);
  EXPECT_TRUE(bench.SendText("b", "").ok());
  EXPECT_TRUE(bench.SendText("c", "third").ok());
  EXPECT_TRUE(bench.SendText("d", std::string(10'000, 'd')).ok());
  bench.worker().Finish();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("b"), Element(""));
  EXPECT_EQ(bench.sink.Said("c"), Element("third"));
  EXPECT_EQ(bench.sink.Said("d"), Element(std::string(10'000, 'd')));
  bench.ExpectIdle();
}

TEST(Rebuild, DeadAmongLateRowsArePruned) {
  Bench bench;
  EXPECT_TRUE(bench.Send("a", "1").ok());
  SendLate(&bench);
  EXPECT_TRUE(bench.Send("b", "2").ok());
  EXPECT_TRUE(bench.Send("c", "3").ok());
  bench.Cancel("b");
  bench.worker().Finish();
  bench.RunAll();
  EXPECT_EQ(bench.sink.Said("c"), "3");
  EXPECT_EQ(bench.counters().dead_rows_pruned.get(), 1u);
  EXPECT_EQ(bench.counters().rows.get(), 2u);
  bench.ExpectIdle();
}

TEST(Rebuild, LateRowsBehindAFullBatchAreNotMixedUpWithTheNextOne) {
  Bench bench({.max_batch_size = 3});
  EXPECT_TRUE(bench.Send("a", "1").ok());
  SendLate(&bench);
  for (const char* id : {"b", "c", "d", "e"}) {
    EXPECT_TRUE(bench.Send(id, id).ok());  // d and e are in the batch after it.
  }
  bench.worker().Finish();
  bench.RunAll();
  for (const char* id : {"b", "c", "d", "e"}) {
    EXPECT_EQ(bench.sink.Said(id), id);
  }
  bench.ExpectIdle();
}

// Two slabs that are full by bytes and not by rows: what is left of them after a client
// has gone is more than one slab holds.
TEST(Rebuild, TextsOfSeveralSlabsDoNotOverflowTheNewOne) {
  Bench bench({.max_batch_size = 64, .workers = 0, .tensors = OneText()});
  const auto text = [](int i) {
    return std::string(12 << 10, static_cast<char>('a' + i));
  };
  // The new slab will lie in the hole, right before the victim.
  const std::string victim(20'000, 'v');
  EXPECT_TRUE(bench.SendText("hole", std::string(72 << 10, 'h')).ok());
  EXPECT_TRUE(bench.SendText("victim", victim).ok());
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(bench.SendText(std::to_string(i), text(i)).ok());
  }
  bench.Cancel("hole");
  bench.Cancel("0");
  bench.Cancel("7");
  bench.AddWorker();
  bench.RunAll();
  EXPECT_EQ(bench.counters().batches.get(), 1u);
  EXPECT_EQ(bench.sink.Said("victim"), Element(victim));
  for (int i = 1; i < 20; ++i) {
    if (i != 7) {
      ASSERT_EQ(bench.sink.Said(std::to_string(i)), Element(text(i))) << i;
    }
  }
  bench.ExpectIdle();
}

TEST(Rebuild, RequestsThatCannotBeMovedFailAndTheOthersAreServed) {
  Bench bench({.max_batch_size = 700, .input_bytes = 1500 << 10});
  const auto row = [](int i) { return std::string(1000, static_cast<char>('a' + i)); };
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(bench.Send(std::to_string(i), row(i)).ok());
  }
  bench.Pump();
  bench.Cancel("1");  // The copy needs a second slab of 700 KB, and half is left.
  ASSERT_TRUE(bench.Send("large", 200, {{{1000}, std::string(200'000, 'L')}}).ok());
  bench.RunAll();
  EXPECT_EQ(bench.sink.CodeOf("0"), Code::kResourceExhausted);
  EXPECT_EQ(bench.sink.CodeOf("2"), Code::kResourceExhausted);
  EXPECT_EQ(bench.failed(Reason::kRejected), 2u);
  EXPECT_EQ(bench.sink.Said("large"), std::string(200'000, 'L'));
  bench.ExpectIdle();
}

TEST(Rebuild, ABatchOfManyRowsIsSplitInLittleMemory) {
  Bench bench({.max_batch_size = 1000, .input_bytes = 16 << 20});
  bench.worker().fails_on = std::string(100, 'x');
  for (int i = 0; i < 1000; ++i) {
    const char fill = i == 500 ? 'x' : static_cast<char>('a' + i % 20);
    ASSERT_TRUE(bench.Send(std::to_string(i), std::string(100, fill)).ok());
  }
  bench.RunAll();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(bench.sink.CodeOf(std::to_string(i)),
              i == 500 ? Code::kUnknown : Code::kOk)
        << bench.sink.Said(std::to_string(i));
  }
  bench.ExpectIdle();
}

}  // namespace
}  // namespace leeboard::batch
