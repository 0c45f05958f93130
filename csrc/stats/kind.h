// Types of the values that profiles take.
//
// Thread safety: pure functions.

#ifndef LEEBOARD_STATS_KIND_H_
#define LEEBOARD_STATS_KIND_H_

#include <cstddef>
#include <cstdint>

namespace leeboard::stats {

// The numbers are written into serialised profiles.
enum class Kind : std::uint8_t {
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFloat16,
  kBfloat16,
  kFloat32,
  kFloat64,
};
inline constexpr std::uint8_t kKinds = 13;

// Bytes of one value.
constexpr std::size_t ValueSize(Kind kind) {
  switch (kind) {
    case Kind::kBool:
    case Kind::kUint8:
    case Kind::kInt8:
      return 1;
    case Kind::kUint16:
    case Kind::kInt16:
    case Kind::kFloat16:
    case Kind::kBfloat16:
      return 2;
    case Kind::kUint32:
    case Kind::kInt32:
    case Kind::kFloat32:
      return 4;
    case Kind::kUint64:
    case Kind::kInt64:
    case Kind::kFloat64:
      return 8;
  }
  return 0;
}

constexpr bool IsWhole(Kind kind) {
  return kind <= Kind::kInt64;
}

// Whether a kind is widened to double; all others fit into a float.
constexpr bool NeedsDouble(Kind kind) {
  return kind == Kind::kUint32 || kind == Kind::kUint64 || kind == Kind::kInt32 ||
         kind == Kind::kInt64 || kind == Kind::kFloat64;
}

}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_KIND_H_
