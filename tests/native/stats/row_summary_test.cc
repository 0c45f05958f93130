// Summaries of rows against plain loops: csrc/stats/row_summary.cc.

#include "stats/row_summary.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace leeboard::stats {
namespace {

enum Place { kMean, kDeviation, kLeast, kLargest, kNotFinite };

// At an odd address: rows have any alignment.
template <typename T>
RowSummary Of(Kind kind, const std::vector<T>& values) {
  std::vector<std::uint8_t> bytes(values.size() * sizeof(T) + 1);
  if (!values.empty()) {
    std::memcpy(bytes.data() + 1, values.data(), values.size() * sizeof(T));
  }
  return SummariseRow(kind, bytes.data() + 1, values.size());
}

void ExpectLike(const RowSummary& found, const std::vector<double>& values) {
  double sum = 0;
  std::size_t finite = 0;
  double least = std::numeric_limits<double>::infinity();
  double largest = -least;
  for (const double value : values) {
    if (std::isfinite(value)) {
      sum += value;
      ++finite;
      least = std::min(least, value);
      largest = std::max(largest, value);
    }
  }
  const double mean = sum / static_cast<double>(finite);
  double squares = 0;
  for (const double value : values) {
    squares += std::isfinite(value) ? (value - mean) * (value - mean) : 0;
  }
  const double deviation = std::sqrt(squares / static_cast<double>(finite));
  const double close = 1e-9 * (std::fabs(mean) + deviation + 1);
  EXPECT_NEAR(found[kMean], mean, close);
  EXPECT_NEAR(found[kDeviation], deviation, close);
  EXPECT_EQ(found[kLeast], least);
  EXPECT_EQ(found[kLargest], largest);
  const auto others = static_cast<double>(values.size() - finite);
  EXPECT_DOUBLE_EQ(found[kNotFinite], others / static_cast<double>(values.size()));
}

template <typename T>
void ExpectWhole(Kind kind) {
  std::vector<T> values = {std::numeric_limits<T>::min(),
                           std::numeric_limits<T>::max()};
  for (int i = 0; i < 35; ++i) {
    values.push_back(static_cast<T>(i * 7));
  }
  ExpectLike(Of(kind, values), {values.begin(), values.end()});
}

TEST(RowSummary, WholeNumbersOfEachKind) {
  ExpectWhole<std::uint8_t>(Kind::kUint8);
  ExpectWhole<std::uint16_t>(Kind::kUint16);
  ExpectWhole<std::uint32_t>(Kind::kUint32);
  ExpectWhole<std::uint64_t>(Kind::kUint64);
  ExpectWhole<std::int8_t>(Kind::kInt8);
  ExpectWhole<std::int16_t>(Kind::kInt16);
  ExpectWhole<std::int32_t>(Kind::kInt32);
  ExpectWhole<std::int64_t>(Kind::kInt64);
  ExpectLike(Of<std::uint8_t>(Kind::kBool, {0, 1, 1, 0, 1}), {0, 1, 1, 0, 1});
}

template <typename T>
void ExpectFloating(Kind kind) {
  std::vector<T> values;
  for (int i = 0; i < 50; ++i) {
    values.push_back(static_cast<T>(i % 7) * static_cast<T>(0.37) - 1);
  }
  values[3] = std::numeric_limits<T>::quiet_NaN();
  values[20] = std::numeric_limits<T>::infinity();
  values[33] = -std::numeric_limits<T>::infinity();
  for (std::size_t count = 1; count <= values.size(); ++count) {
    const std::vector<T> some(values.begin(),
                              values.begin() + static_cast<std::ptrdiff_t>(count));
    ExpectLike(Of(kind, some), {some.begin(), some.end()});
  }
}

TEST(RowSummary, FloatsOfEachLengthWithHolesInThem) {
  ExpectFloating<float>(Kind::kFloat32);
  ExpectFloating<double>(Kind::kFloat64);
}

TEST(RowSummary, AMeanFarFromNoughtKeepsItsDeviation) {
  std::vector<double> values;
  for (int i = 0; i < 64; ++i) {
    values.push_back(1e9 + i % 2);
  }
  EXPECT_NEAR(Of(Kind::kFloat64, values)[kDeviation], 0.5, 1e-9);
}

TEST(RowSummary, WithoutValuesAllIsNotANumber) {
  for (const double one : Of<float>(Kind::kFloat32, {})) {
    EXPECT_TRUE(std::isnan(one));
  }
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const RowSummary found = Of<float>(Kind::kFloat32, {nan, nan});
  EXPECT_TRUE(std::isnan(found[kMean]));
  EXPECT_TRUE(std::isnan(found[kLargest]));
  EXPECT_EQ(found[kNotFinite], 1.0);
}

TEST(RowSummary, OneValueHasNoDeviation) {
  const RowSummary found = Of<float>(Kind::kFloat32, {1e30F});
  EXPECT_EQ(found[kMean], static_cast<double>(1e30F));
  EXPECT_EQ(found[kDeviation], 0.0);
}

double Half(std::uint16_t bits) {
  return Of<std::uint16_t>(Kind::kFloat16, {bits})[kMean];
}

TEST(RowSummary, CornersOfFloat16) {
  EXPECT_EQ(Half(0x3C00), 1.0);
  EXPECT_EQ(Half(0xC000), -2.0);
  EXPECT_EQ(Half(0x7BFF), 65504.0);
  EXPECT_EQ(Half(0x0400), std::ldexp(1.0, -14));
  EXPECT_EQ(Half(0x0001), std::ldexp(1.0, -24));
  EXPECT_EQ(Half(0x83FF), -std::ldexp(1023.0, -24));
  EXPECT_EQ(Half(0x8000), 0.0);
  EXPECT_EQ(Half(0x3555), 0.333251953125);
  for (const std::uint16_t bits : {0x7C00, 0xFC00, 0x7E00, 0x7C01}) {
    EXPECT_EQ(Of<std::uint16_t>(Kind::kFloat16, {bits})[kNotFinite], 1.0) << bits;
  }
}

TEST(RowSummary, Bfloat16IsTheUpperHalfOfAFloat) {
  const RowSummary found =
      Of<std::uint16_t>(Kind::kBfloat16, {0x3F80, 0xC000, 0x7F80, 0x7FC0});
  EXPECT_EQ(found[kMean], -0.5);
  EXPECT_EQ(found[kLeast], -2.0);
  EXPECT_EQ(found[kLargest], 1.0);
  EXPECT_EQ(found[kNotFinite], 0.5);
}

}  // namespace
}  // namespace leeboard::stats
