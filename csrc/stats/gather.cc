#include "stats/gather.h"

#include <bit>
#include <cstring>

namespace leeboard::stats {
namespace {

struct Bool {
  std::uint8_t byte;
  explicit operator float() const { return byte != 0 ? 1.0F : 0.0F; }
};

struct Half {
  std::uint16_t bits;
  explicit operator float() const {
    const std::uint32_t sign = (bits & 0x8000U) << 16;
    const std::uint32_t size = bits & 0x7fffU;
    if (size >= 0x7c00U) {  // Infinity and NaN keep their fraction.
      return std::bit_cast<float>(sign | 0x7f800000U | ((size & 0x3ffU) << 13));
    }
    // A float of the same bits, 2^112 too small; subnormal halves become normal floats.
    const float scaled = std::bit_cast<float>(size << 13) * 0x1p112F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(scaled));
  }
};

struct Brain {
  std::uint16_t bits;
  explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

template <typename From>
From ValueAt(const std::uint8_t* from) {
  From value{};
  std::memcpy(&value, from, sizeof(value));
  return value;
}

template <typename From, typename T>
void GatherAs(const GatherFrom& from, Lanes<T>* out) {
  const std::uint8_t* row = from.rows;
  if (from.lanes == kLanes) {
    for (std::uint32_t i = 0; i < from.count; ++i, row += from.stride) {
      for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
        out[i].at[lane] = static_cast<T>(ValueAt<From>(row + lane * sizeof(From)));
      }
    }
    return;
  }
  std::memset(out, 0, from.count * sizeof(Lanes<T>));
  for (std::uint32_t i = 0; i < from.count; ++i, row += from.stride) {
    for (std::uint32_t lane = 0; lane < from.lanes; ++lane) {
      out[i].at[lane] = static_cast<T>(ValueAt<From>(row + lane * sizeof(From)));
    }
  }
}

template <typename From>
std::uint64_t As(const std::uint8_t* value) {
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(ValueAt<From>(value)));
}

}  // namespace

void Gather(Kind kind, const GatherFrom& from, Lanes<float>* out) {
  switch (kind) {
    case Kind::kBool:
      return GatherAs<Bool>(from, out);
    case Kind::kUint8:
      return GatherAs<std::uint8_t>(from, out);
    case Kind::kUint16:
      return GatherAs<std::uint16_t>(from, out);
    case Kind::kInt8:
      return GatherAs<std::int8_t>(from, out);
    case Kind::kInt16:
      return GatherAs<std::int16_t>(from, out);
    case Kind::kFloat16:
      return GatherAs<Half>(from, out);
    case Kind::kBfloat16:
      return GatherAs<Brain>(from, out);
    default:
      return GatherAs<float>(from, out);
  }
}

void Gather(Kind kind, const GatherFrom& from, Lanes<double>* out) {
  switch (kind) {
    case Kind::kUint32:
      return GatherAs<std::uint32_t>(from, out);
    case Kind::kUint64:
      return GatherAs<std::uint64_t>(from, out);
    case Kind::kInt32:
      return GatherAs<std::int32_t>(from, out);
    case Kind::kInt64:
      return GatherAs<std::int64_t>(from, out);
    default:
      return GatherAs<double>(from, out);
  }
}

std::uint64_t WholeValue(Kind kind, const std::uint8_t* value) {
  switch (kind) {
    case Kind::kBool:
      return *value != 0 ? 1 : 0;
    case Kind::kUint8:
      return *value;
    case Kind::kUint16:
      return As<std::uint16_t>(value);
    case Kind::kUint32:
      return As<std::uint32_t>(value);
    case Kind::kInt8:
      return As<std::int8_t>(value);
    case Kind::kInt16:
      return As<std::int16_t>(value);
    case Kind::kInt32:
      return As<std::int32_t>(value);
    default:
      return As<std::uint64_t>(value);
  }
}

}  // namespace leeboard::stats
