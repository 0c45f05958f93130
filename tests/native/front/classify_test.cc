#include "front/classify.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

namespace leeboard::front {
namespace {

using wire::DType;

template <typename T>
std::vector<std::string> Top(DType dtype, const std::vector<T>& values,
                             std::uint64_t most, std::uint64_t rows = 1,
                             const std::vector<std::string>& labels = {}) {
  Scores scores;
  scores.dtype = dtype;
  scores.raw = {reinterpret_cast<const std::uint8_t*>(values.data()),
                values.size() * sizeof(T)};
  scores.rows = rows;
  scores.classes = values.size() / rows;
  std::string raw;
  const Status status = Classify(scores, most, labels, &raw);
  EXPECT_TRUE(status.ok()) << status.message();
  std::vector<std::string> elements;
  for (std::size_t at = 0; at < raw.size();) {
    std::uint32_t length = 0;
    std::memcpy(&length, raw.data() + at, sizeof length);
    elements.push_back(raw.substr(at + sizeof length, length));
    at += sizeof length + length;
  }
  return elements;
}

using Texts = std::vector<std::string>;

TEST(Classify, GivesTheHighestByFallingValue) {
  EXPECT_EQ(Top<float>(DType::kFp32, {0.25F, 3.5F, -1.0F, 2.0F}, 3),
            (Texts{"3.500000:1", "2.000000:3", "0.250000:0"}));
}

TEST(Classify, EqualValuesComeByRisingIndex) {
  EXPECT_EQ(Top<std::int32_t>(DType::kInt32, {7, 9, 7, 9, 7}, 4),
            (Texts{"9:1", "9:3", "7:0", "7:2"}));
}

TEST(Classify, AsksForNoMoreThanThereAre) {
  EXPECT_EQ(Top<std::uint8_t>(DType::kUint8, {1, 2}, UINT32_MAX),
            (Texts{"2:1", "1:0"}));
  EXPECT_EQ(Top<float>(DType::kFp32, {}, 3), Texts{});
}

TEST(Classify, EachRowHasItsOwn) {
  EXPECT_EQ(Top<std::int64_t>(DType::kInt64, {1, 2, 4, 3}, 1, 2),
            (Texts{"2:1", "4:0"}));
}

TEST(Classify, ClassesMayHaveNames) {
  EXPECT_EQ(Top<std::int8_t>(DType::kInt8, {-5, 3, 2}, 3, 1, {"cat", "dog"}),
            (Texts{"3:1:dog", "2:2", "-5:0:cat"}));
  EXPECT_EQ(Top<std::int8_t>(DType::kInt8, {1}, 1, 1, {""}), (Texts{"1:0"}));
}

TEST(Classify, HalvesAreWidened) {
  // 1.5, -2, the smallest subnormal, infinity; then NaN.
  EXPECT_EQ(
      Top<std::uint16_t>(DType::kFp16, {0x3E00, 0xC000, 0x0001, 0x7C00, 0x7E00}, 5),
      (Texts{"inf:3", "1.500000:0", "0.000000:2", "-2.000000:1", "nan:4"}));
  EXPECT_EQ(Top<std::uint16_t>(DType::kBf16, {0x3FC0, 0xC000, 0x4000}, 2),
            (Texts{"2.000000:2", "1.500000:0"}));
}

TEST(Classify, WhatIsNoNumberComesLast) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(Top<double>(DType::kFp64, {nan, 1.0, nan, -HUGE_VAL}, 4),
            (Texts{"1.000000:1", "-inf:3", "nan:0", "nan:2"}));
}

TEST(Classify, ValuesArePrintedAsCDoes) {
  for (const double value : {0.1, 1e300, -1e-9, 123456.7891011, -0.0, 2.5e-7}) {
    char text[512];
    std::snprintf(text, sizeof text, "%f:0", value);
    EXPECT_EQ(Top<double>(DType::kFp64, {value}, 1), Texts{text});
  }
  EXPECT_EQ(Top<std::uint64_t>(DType::kUint64, {UINT64_MAX}, 1),
            (Texts{"18446744073709551615:0"}));
  EXPECT_EQ(Top<std::uint8_t>(DType::kBool, {0, 1}, 1), (Texts{"1:1"}));
}

TEST(Classify, TooMuchWorkIsRefused) {
  const std::vector<std::uint8_t> values(kMostScores + 1);
  Scores scores{DType::kUint8, values, 1, values.size()};
  std::string raw;
  EXPECT_EQ(Classify(scores, 1, {}, &raw).code(), Code::kResourceExhausted);
  scores.raw = wire::Bytes(values).first(kMostScores);
  scores.rows = kMostNamed;
  scores.classes = kMostScores / kMostNamed;
  EXPECT_TRUE(Classify(scores, 1, {}, &raw).ok());
  EXPECT_EQ(Classify(scores, 2, {}, &raw).code(), Code::kResourceExhausted);
}

}  // namespace
}  // namespace leeboard::front
