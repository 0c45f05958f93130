#include "front/trace_context.h"

#include <gtest/gtest.h>

#include <string>

namespace leeboard::front {
namespace {

const std::string kGood = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

std::string With(std::size_t at, char c) {
  std::string changed = kGood;
  changed[at] = c;
  return changed;
}

TEST(TraceContext, ReadsWhatTheStandardShows) {
  TraceContext context;
  ASSERT_TRUE(ParseTraceparent(kGood, &context));
  EXPECT_EQ(context.trace_high, 0x0AF7651916CD43DDU);
  EXPECT_EQ(context.trace_low, 0x8448EB211C80319CU);
  EXPECT_EQ(context.span, 0xB7AD6B7169203331U);
  EXPECT_TRUE(context.sampled);
}

TEST(TraceContext, WritesWhatItReads) {
  for (const char flag : {'0', '1'}) {
    const std::string header = With(kGood.size() - 1, flag);
    TraceContext context;
    ASSERT_TRUE(ParseTraceparent(header, &context));
    EXPECT_EQ(context.sampled, flag == '1');
    EXPECT_EQ(WriteTraceparent(context), header);
  }
}

TEST(TraceContext, OnlyTheLastFlagIsAboutSampling) {
  TraceContext context;
  std::string header = kGood.substr(0, kGood.size() - 2) + "fe";
  ASSERT_TRUE(ParseTraceparent(header, &context));
  EXPECT_FALSE(context.sampled);
  header = kGood.substr(0, kGood.size() - 2) + "03";
  ASSERT_TRUE(ParseTraceparent(header, &context));
  EXPECT_TRUE(context.sampled);
}

TEST(TraceContext, WhatBreaksARuleIsNone) {
  const std::string zeros(32, '0');
  const std::string bad[] = {
      "",
      "00",
      kGood.substr(1),
      kGood + "-x",  // Version 00 ends there.
      kGood + "0",
      kGood.substr(0, kGood.size() - 1),
      With(2, '_'),
      With(35, '_'),
      With(52, '_'),
      With(0, 'g'),
      With(3, 'A'),  // Upper case.
      With(20, ' '),
      With(40, '\0'),
      With(54, 'x'),
      "ff" + kGood.substr(2),
      "00-" + zeros + kGood.substr(35),
      kGood.substr(0, 36) + zeros.substr(0, 16) + "-01",
  };
  for (const std::string& header : bad) {
    TraceContext context;
    context.span = 7;
    EXPECT_FALSE(ParseTraceparent(header, &context)) << header;
    EXPECT_EQ(context.span, 7u) << header;
  }
}

TEST(TraceContext, AnyByteAnywhereIsRefusedOrMeansWhatItSays) {
  for (std::size_t at = 0; at < kGood.size(); ++at) {
    for (int c = 0; c < 256; ++c) {
      const std::string header = With(at, static_cast<char>(c));
      TraceContext context;
      if (!ParseTraceparent(header, &context)) {
        continue;
      }
      // Versions and other flags are not repeated; all else is.
      EXPECT_EQ(WriteTraceparent(context).substr(2, 51), header.substr(2, 51));
    }
  }
}

TEST(TraceContext, ALaterVersionIsReadAsFarAsThisOneGoes) {
  TraceContext context;
  EXPECT_TRUE(ParseTraceparent("01" + kGood.substr(2), &context));
  EXPECT_TRUE(ParseTraceparent("cc" + kGood.substr(2) + "-what-comes", &context));
  EXPECT_FALSE(ParseTraceparent("01" + kGood.substr(2) + "more", &context));
}

TEST(TraceContext, HalfOfAnIdMayBeZero) {
  TraceContext context;
  const std::string zeros(16, '0');
  EXPECT_TRUE(ParseTraceparent("00-" + zeros + kGood.substr(19), &context));
  EXPECT_EQ(context.trace_high, 0u);
  EXPECT_EQ(WriteTraceparent(context), "00-" + zeros + kGood.substr(19));
}

}  // namespace
}  // namespace leeboard::front
