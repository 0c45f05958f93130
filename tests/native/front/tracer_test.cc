#include "front/tracer.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace leeboard::front {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr const char* kSampled =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
constexpr const char* kNotSampled =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

class TracerTest : public testing::Test {
 protected:
  void Set(const TraceOptions& options) {
    tracer.Prepare();
    tracer.Set(options);
  }
  Trace Begin(const char* traceparent = "", Nanos now = kSecond) {
    Trace trace;
    tracer.Begin(traceparent, now, &trace);
    return trace;
  }
  TraceRecord EndAndTake(const Trace& trace, const TraceEnd& end, Nanos now) {
    EXPECT_TRUE(tracer.Wants(trace, now));
    tracer.End(trace, end, now);
    const auto records = tracer.Take();
    EXPECT_EQ(records.size(), 1u);
    return records.empty() ? TraceRecord{} : records[0];
  }

  Tracer tracer;
  TraceOptions all{.on = true, .share = 1.0, .most_per_s = 1e9};
};

TEST_F(TracerTest, OffItSamplesNothingWhateverTheCallerWants) {
  const Trace trace = Begin(kSampled);
  EXPECT_FALSE(trace.sampled);
  EXPECT_FALSE(tracer.Wants(trace, 3600 * kSecond));
  EXPECT_EQ(tracer.counters().sampled.get(), 0u);
  EXPECT_TRUE(tracer.Take().empty());
}

TEST_F(TracerTest, ACallersFlagDecidesAndItsTraceGoesOn) {
  Set({.on = true, .share = 0.0});
  const Trace trace = Begin(kSampled);
  ASSERT_TRUE(trace.sampled);
  EXPECT_EQ(trace.trace_high, 0x0AF7651916CD43DDU);
  EXPECT_EQ(trace.trace_low, 0x8448EB211C80319CU);
  EXPECT_EQ(trace.parent, 0xB7AD6B7169203331U);
  EXPECT_NE(trace.span, trace.parent);
  Set(all);
  EXPECT_FALSE(Begin(kNotSampled).sampled);
}

TEST_F(TracerTest, WithoutTheCallersSayTheShareDecidesInItsTrace) {
  all.parent_based = false;
  Set(all);
  const Trace trace = Begin(kNotSampled);
  ASSERT_TRUE(trace.sampled);
  EXPECT_EQ(trace.parent, 0xB7AD6B7169203331U);
  all.share = 0.0;
  Set(all);
  EXPECT_FALSE(Begin(kSampled).sampled);
}

TEST_F(TracerTest, ABadHeaderIsNone) {
  Set(all);
  const Trace trace = Begin("00-junk");
  ASSERT_TRUE(trace.sampled);
  EXPECT_EQ(trace.parent, 0u);
}

TEST_F(TracerTest, IdsOfItsOwnAllDiffer) {
  Set(all);
  std::set<std::uint64_t> ids;
  constexpr int kTraces = 10'000;
  for (int i = 0; i < kTraces; ++i) {
    const Trace trace = Begin();
    EXPECT_TRUE(trace.sampled);
    ids.insert({trace.trace_high, trace.trace_low, trace.span});
  }
  EXPECT_EQ(ids.size(), 3u * kTraces);
}

TEST_F(TracerTest, AShareOfTracesIsSampledByTheirIds) {
  constexpr int kTraces = 100'000;
  all.share = 0.25;
  Set(all);
  int sampled = 0;
  for (int i = 0; i < kTraces; ++i) {
    const Trace trace = Begin();
    EXPECT_TRUE(!trace.sampled || trace.trace_low < 1ULL << 62);
    sampled += trace.sampled ? 1 : 0;
  }
  // Six standard deviations.
  EXPECT_NEAR(sampled, kTraces / 4, 6 * 137);
}

TEST_F(TracerTest, OverTheRateNothingIsSampledAndThatIsCounted) {
  all.most_per_s = 10;
  Set(all);
  int own = 0;
  for (int i = 0; i < 30; ++i) {
    own += Begin().sampled ? 1 : 0;
  }
  EXPECT_EQ(own, 5);
  int asked = 0;
  for (int i = 0; i < 30; ++i) {
    asked += Begin(kSampled).sampled ? 1 : 0;
  }
  EXPECT_EQ(asked, 5);  // What is kept for callers.
  EXPECT_EQ(tracer.counters().sampled.get(), 10u);
  EXPECT_EQ(tracer.counters().over_rate.get(), 50u);
}

TEST_F(TracerTest, ARecordHasWhatIsKnown) {
  Set(all);
  Trace trace = Begin(kSampled, 100);
  trace.complete = 200;
  trace.queued = 300;
  TraceEnd end;
  end.model = "m";
  end.version = "2";
  end.request_id = "id";
  end.tracestate = "a=b";
  end.claimed = 400;
  end.run_began = 500;
  end.run_ended = 600;
  end.rows = 3;
  end.batch_rows = 8;
  const TraceRecord record = EndAndTake(trace, end, 700);
  EXPECT_EQ(record.trace.arrived, 100);
  EXPECT_EQ(record.trace.complete, 200);
  EXPECT_EQ(record.trace.queued, 300);
  EXPECT_EQ(record.claimed, 400);
  EXPECT_EQ(record.run_began, 500);
  EXPECT_EQ(record.run_ended, 600);
  EXPECT_EQ(record.replied, 700);
  EXPECT_EQ(record.rows, 3u);
  EXPECT_EQ(record.batch_rows, 8u);
  EXPECT_EQ(record.model, "m");
  EXPECT_EQ(record.version, "2");
  EXPECT_EQ(record.route, "stable");
  EXPECT_EQ(record.request_id, "id");
  EXPECT_EQ(record.tracestate, "a=b");
  EXPECT_TRUE(record.was_claimed);
  EXPECT_FALSE(record.slow);
}

TEST_F(TracerTest, AWorkersWordIsKeptInOrder) {
  Set(all);
  Trace trace = Begin("", 100);
  trace.complete = 200;
  TraceEnd end;
  end.claimed = 5000;
  end.run_began = -7;
  end.run_ended = 50;
  const TraceRecord record = EndAndTake(trace, end, 700);
  EXPECT_EQ(record.claimed, 700);
  EXPECT_EQ(record.run_began, 700);
  EXPECT_EQ(record.run_ended, 700);
}

TEST_F(TracerTest, LongWordsOfClientsAreCut) {
  Set(all);
  const std::string text(100'000, 'x');
  TraceEnd end;
  end.model = end.request_id = end.tracestate = text;
  const TraceRecord record = EndAndTake(Begin(), end, 2 * kSecond);
  EXPECT_EQ(record.model.size(), 256u);
  EXPECT_EQ(record.request_id.size(), 128u);
  EXPECT_EQ(record.tracestate.size(), 512u);
}

TEST_F(TracerTest, WhereThereIsNoRoomRecordsAreDroppedAndCounted) {
  Set(all);
  constexpr std::uint64_t kMore = 10;
  for (std::uint64_t i = 0; i < TraceRing::kSlots + kMore; ++i) {
    tracer.End(Begin(), {}, 2 * kSecond);
  }
  EXPECT_EQ(tracer.counters().dropped.get(), kMore);
  std::size_t taken = 0;
  for (std::size_t some = 1; some > 0; taken += some) {
    some = tracer.Take().size();
  }
  EXPECT_EQ(taken, TraceRing::kSlots);
}

TEST_F(TracerTest, ASlowRequestIsRecordedWithItsCallersIds) {
  Set({.slow_after = 1000});
  Trace trace = Begin(kSampled, kSecond);
  EXPECT_FALSE(trace.sampled);
  EXPECT_FALSE(tracer.Wants(trace, kSecond + 999));
  TraceEnd end;
  end.traceparent = kSampled;
  const TraceRecord record = EndAndTake(trace, end, kSecond + 1000);
  EXPECT_TRUE(record.slow);
  EXPECT_FALSE(record.trace.sampled);
  EXPECT_EQ(record.trace.trace_low, 0x8448EB211C80319CU);
  EXPECT_EQ(tracer.counters().slow.get(), 1u);
}

TEST_F(TracerTest, SlowRequestsAreAllCountedAndTenASecondSaid) {
  Set({.slow_after = 1000});
  for (int i = 0; i < 25; ++i) {
    tracer.End(Begin("", kSecond), {}, 2 * kSecond);
  }
  EXPECT_EQ(tracer.Take().size(), 10u);
  EXPECT_EQ(tracer.counters().slow.get(), 25u);
  EXPECT_EQ(tracer.counters().slow_unsaid.get(), 15u);
  EXPECT_EQ(tracer.counters().dropped.get(), 0u);
}

TEST_F(TracerTest, TurnedOffAgainItForgetsNothingThatWasTaken) {
  Set(all);
  const Trace trace = Begin();
  tracer.Set({});
  tracer.End(trace, {}, 2 * kSecond);
  EXPECT_EQ(tracer.Take().size(), 1u);
  EXPECT_FALSE(Begin().sampled);
}

}  // namespace
}  // namespace leeboard::front
