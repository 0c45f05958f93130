#include "stats/row_summary.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

namespace leeboard::stats {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr std::uint64_t kBlock = 16;

// Half of a float's upper bits, as bfloat16 has them, and those of IEEE's binary16.
float FromBfloat16(std::uint16_t bits) {
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

float FromFloat16(std::uint16_t bits) {
  constexpr int kExponentBias = 15;
  constexpr int kFractionBits = 10;
  const int exponent = bits >> kFractionBits & 0x1F;
  const auto fraction = static_cast<float>(bits & 0x3FF);
  const float sign = (bits & 0x8000) != 0 ? -1.0F : 1.0F;
  if (exponent == 0x1F) {
    return fraction == 0 ? sign * std::numeric_limits<float>::infinity()
                         : std::numeric_limits<float>::quiet_NaN();
  }
  const float whole = exponent == 0 ? fraction : fraction + 1024.0F;
  return sign *
         std::ldexp(whole, std::max(exponent, 1) - kExponentBias - kFractionBits);
}

// Sums of a block's lanes, which do not wait for each other.
struct Sums {
  double first = 0;  // The first finite value: sums are about it.
  bool any = false;
  std::array<double, kBlock> sum{};
  std::array<double, kBlock> squares{};
  double least = std::numeric_limits<double>::infinity();
  double largest = -std::numeric_limits<double>::infinity();
  std::uint64_t finite = 0;

  void Add(double value, std::uint64_t lane) {
    if (!std::isfinite(value)) {
      return;
    }
    if (!any) {
      any = true;
      first = value;
    }
    const double from_first = value - first;
    sum[lane] += from_first;
    squares[lane] += from_first * from_first;
    least = std::min(least, value);
    largest = std::max(largest, value);
    ++finite;
  }
};

template <typename T, typename Convert>
RowSummary Summarise(const std::uint8_t* row, std::uint64_t count, Convert convert) {
  Sums sums;
  for (std::uint64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, row + i * sizeof value, sizeof value);
    sums.Add(static_cast<double>(convert(value)), i % kBlock);
  }
  const double not_finite =
      count > 0 ? static_cast<double>(count - sums.finite) / static_cast<double>(count)
                : kNone;
  if (!sums.any) {
    return {kNone, kNone, kNone, kNone, not_finite};
  }
  const auto n = static_cast<double>(sums.finite);
  double sum = 0;
  double squares = 0;
  for (std::uint64_t lane = 0; lane < kBlock; ++lane) {
    sum += sums.sum[lane];
    squares += sums.squares[lane];
  }
  const double mean = sum / n;
  const double variance = std::max(squares / n - mean * mean, 0.0);
  return {sums.first + mean, std::sqrt(variance), sums.least, sums.largest, not_finite};
}

template <typename T>
RowSummary Plain(const std::uint8_t* row, std::uint64_t count) {
  return Summarise<T>(row, count, [](T value) { return value; });
}

}  // namespace

RowSummary SummariseRow(Kind kind, const std::uint8_t* row, std::uint64_t count) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kUint8:
      return Plain<std::uint8_t>(row, count);
    case Kind::kUint16:
      return Plain<std::uint16_t>(row, count);
    case Kind::kUint32:
      return Plain<std::uint32_t>(row, count);
    case Kind::kUint64:
      return Plain<std::uint64_t>(row, count);
    case Kind::kInt8:
      return Plain<std::int8_t>(row, count);
    case Kind::kInt16:
      return Plain<std::int16_t>(row, count);
    case Kind::kInt32:
      return Plain<std::int32_t>(row, count);
    case Kind::kInt64:
      return Plain<std::int64_t>(row, count);
    case Kind::kFloat16:
      return Summarise<std::uint16_t>(row, count, FromFloat16);
    case Kind::kBfloat16:
      return Summarise<std::uint16_t>(row, count, FromBfloat16);
    case Kind::kFloat32:
      return Plain<float>(row, count);
    case Kind::kFloat64:
      return Plain<double>(row, count);
  }
  return {kNone, kNone, kNone, kNone, kNone};
}

}  // namespace leeboard::stats
