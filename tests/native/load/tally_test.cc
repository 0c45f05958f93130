#include "load/tally.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

namespace leeboard::load {
namespace {

constexpr Nanos kMs = 1'000'000;
constexpr Nanos kSecond = 1'000 * kMs;
constexpr Nanos kBegin = 100 * kSecond;

class TallyTest : public testing::Test {
 protected:
  void Measure(Nanos duration) {
    tally.BeginMeasuring(kBegin);
    tally.EndMeasuring(kBegin + duration);
  }
  // Times count from the beginning of the measured part.
  void End(Nanos due, Nanos now, int status = kStatusOk, const std::string& text = "",
           bool wrong = false) {
    tally.OnEnding({status, wrong, kBegin + due, kBegin + now, &text});
  }

  Tally tally;
};

TEST_F(TallyTest, OnlyRequestsThatWereDueInTheMeasuredPartAreMeasured) {
  End(-20 * kMs, -10 * kMs);
  Measure(kSecond);
  End(-1, 5 * kMs);
  End(0, 5 * kMs);
  End(kSecond - 1, 2 * kSecond);
  End(kSecond, 2 * kSecond);
  EXPECT_EQ(tally.ok(), 2u);
  EXPECT_EQ(tally.totals().ok.get(), 5u);
  EXPECT_EQ(tally.answered_within(), 2u);
}

TEST_F(TallyTest, EveryEndingIsKeptWhereRecordsAreWanted) {
  End(0, 1);
  EXPECT_TRUE(tally.records().empty());
  tally.KeepRecords();
  tally.OnEnding({kStatusOk, false, 10, 30, nullptr, 20, 7});
  tally.OnEnding({kStatusOk, true, 11, 31, nullptr, 21, 8});
  tally.OnEnding({kStatusUnavailable, false, 12, 32, nullptr, 0, 0});
  const std::vector<std::array<std::int64_t, 5>> wanted = {
      {10, 20, 30, 7, kStatusOk},
      {11, 21, 31, 8, -1},
      {12, 0, 32, 0, kStatusUnavailable}};
  ASSERT_EQ(tally.records().size(), wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const Record& kept = tally.records()[i];
    EXPECT_EQ((std::array<std::int64_t, 5>{kept.due, kept.sent, kept.ended,
                                           kept.version, kept.outcome}),
              wanted[i]);
  }
}

TEST_F(TallyTest, LatencyIsFromWhenItWasDueToWhenItCame) {
  Measure(kSecond);
  End(10 * kMs, 110 * kMs);
  EXPECT_EQ(tally.latency().min(), 100 * kMs);
  EXPECT_EQ(tally.latency().max(), 100 * kMs);
}

TEST_F(TallyTest, EveryEndingIsExactlyOneOfOkWrongAndItsError) {
  Measure(kSecond);
  End(0, 1);
  End(0, 2, kStatusOk, "", true);
  End(0, 3, kStatusUnavailable, "gone");
  End(0, 4, kStatusUnavailable, "gone again");
  End(0, 5, kHighestStatus);
  tally.OnUnsent(3);
  EXPECT_EQ(tally.ok(), 1u);
  EXPECT_EQ(tally.wrong(), 1u);
  EXPECT_EQ(tally.errors(kStatusUnavailable), 2u);
  EXPECT_EQ(tally.errors(kHighestStatus), 1u);
  EXPECT_EQ(tally.unsent(), 3u);
  EXPECT_EQ(tally.latency().count(), 1u);
  EXPECT_EQ(tally.totals().answered.get(), 5u);
  EXPECT_EQ(tally.totals().failed.get(), 3u);
  EXPECT_EQ(tally.ok_within(), 1u);
}

TEST_F(TallyTest, TheFirstWordsOfACodeAreKept) {
  End(-5, -4, kStatusUnavailable, "");
  End(-5, -4, kStatusUnavailable, "first");
  Measure(kSecond);
  End(0, 1, kStatusUnavailable, "second");
  EXPECT_EQ(tally.words(kStatusUnavailable), "first");
  EXPECT_EQ(tally.words(kStatusInternal), "");
}

TEST_F(TallyTest, LagIsOfWhatNothingHeldBack) {
  Measure(kSecond);
  tally.OnSent(kBegin, kBegin + 3 * kMs, false);
  tally.OnSent(kBegin, kBegin + 500 * kMs, true);
  tally.OnSent(kBegin - 1, kBegin + 9 * kMs, false);
  tally.OnFailedUnsent();
  EXPECT_EQ(tally.lag().count(), 1u);
  EXPECT_EQ(tally.lag().max(), 3 * kMs);
  EXPECT_EQ(tally.held_back(), 1u);
  EXPECT_EQ(tally.totals().sent.get(), 4u);
}

TEST_F(TallyTest, SecondsAreNumberedFromTheBeginningOfTheMeasuredPart) {
  End(-300 * kMs, -200 * kMs);
  Measure(10 * kSecond);
  End(0, 10 * kMs);
  End(0, 999 * kMs);
  End(0, 1'000 * kMs);
  End(3'490 * kMs, 3'500 * kMs, kStatusInternal);
  tally.Finish();
  const auto& series = tally.series();
  ASSERT_EQ(series.size(), 4u);
  for (std::size_t i = 0; i < series.size(); ++i) {
    EXPECT_EQ(series[i].second, static_cast<std::int64_t>(i));
  }
  EXPECT_EQ(series[0].ok, 2u);
  EXPECT_EQ(series[1].ok, 1u);
  EXPECT_EQ(series[2].ok + series[2].failed, 0u);
  EXPECT_EQ(series[3].failed, 1u);
  EXPECT_NEAR(series[0].max_us, 999'000.0, 1.0);
  EXPECT_NEAR(series[1].p50_us, 1'000'000.0, 10'000.0);
}

TEST_F(TallyTest, AnEmptyRestIsNoSecond) {
  Measure(kSecond);
  End(0, 10 * kMs);
  tally.Tick(kBegin + kSecond);
  tally.Finish();
  EXPECT_EQ(tally.series().size(), 1u);
}

TEST_F(TallyTest, TheLastSecondIsTheOneThatEndedBefore) {
  EXPECT_FALSE(tally.has_second());
  tally.Tick(kBegin - 1'500 * kMs);
  End(-1'000 * kMs, -900 * kMs);
  tally.Tick(kBegin - 400 * kMs);
  ASSERT_TRUE(tally.has_second());
  EXPECT_EQ(tally.last_second().second, -1);
  EXPECT_EQ(tally.last_second().ok, 1u);
  EXPECT_TRUE(tally.series().empty());
  Measure(10 * kSecond);
  End(0, 1);
  tally.Tick(kBegin + 2 * kSecond);
  EXPECT_EQ(tally.last_second().second, 1);
  EXPECT_EQ(tally.last_second().ok, 0u);
}

TEST_F(TallyTest, WithoutAMeasuredPartNothingIsMeasured) {
  tally.BeginMeasuring(kBegin);
  tally.EndMeasuring(kBegin);
  End(0, 1);
  tally.OnSent(kBegin, kBegin, false);
  EXPECT_EQ(tally.ok(), 0u);
  EXPECT_EQ(tally.lag().count(), 0u);
  EXPECT_EQ(tally.answered_within(), 0u);
}

}  // namespace
}  // namespace leeboard::load
