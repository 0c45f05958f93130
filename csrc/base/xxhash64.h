// XXH64 of a text, seed 0: a hash that clients can compute in any language.
//
// Reference: "xxHash fast digest algorithm", version 0.1.1, XXH64.
//
// Thread safety: a pure function.

#ifndef LEEBOARD_BASE_XXHASH64_H_
#define LEEBOARD_BASE_XXHASH64_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace leeboard {
namespace xxhash {

inline constexpr std::uint64_t kPrime1 = 11400714785074694791ULL;
inline constexpr std::uint64_t kPrime2 = 14029467366897019727ULL;
inline constexpr std::uint64_t kPrime3 = 1609587929392839161ULL;
inline constexpr std::uint64_t kPrime4 = 9650029242287828579ULL;
inline constexpr std::uint64_t kPrime5 = 2870177450012600261ULL;

template <typename T>
T Load(const char* at) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

inline std::uint64_t Round(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * kPrime2, 31) * kPrime1;
}

inline std::uint64_t Merge(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ Round(0, lane)) * kPrime1 + kPrime4;
}

// Whole stripes of 32 bytes; moves `at` behind them.
inline std::uint64_t Stripes(const char*& at, const char* end) {
  std::uint64_t lanes[4] = {kPrime1 + kPrime2, kPrime2, 0, 0 - kPrime1};
  for (; end - at >= 32; at += 32) {
    for (std::size_t i = 0; i < 4; ++i) {
      lanes[i] = Round(lanes[i], Load<std::uint64_t>(at + 8 * i));
    }
  }
  std::uint64_t hash = std::rotl(lanes[0], 1) + std::rotl(lanes[1], 7) +
                       std::rotl(lanes[2], 12) + std::rotl(lanes[3], 18);
  for (const std::uint64_t lane : lanes) {
    hash = Merge(hash, lane);
  }
  return hash;
}

}  // namespace xxhash

inline std::uint64_t XxHash64(std::string_view text) {
  using namespace xxhash;
  const char* at = text.data();
  const char* end = at + text.size();
  std::uint64_t hash = text.size() >= 32 ? Stripes(at, end) : kPrime5;
  hash += text.size();
  for (; end - at >= 8; at += 8) {
    hash ^= Round(0, Load<std::uint64_t>(at));
    hash = std::rotl(hash, 27) * kPrime1 + kPrime4;
  }
  if (end - at >= 4) {
    hash ^= Load<std::uint32_t>(at) * kPrime1;
    hash = std::rotl(hash, 23) * kPrime2 + kPrime3;
    at += 4;
  }
  for (; at != end; ++at) {
    hash ^= static_cast<std::uint8_t>(*at) * kPrime5;
    hash = std::rotl(hash, 11) * kPrime1;
  }
  hash = (hash ^ (hash >> 33)) * kPrime2;
  hash = (hash ^ (hash >> 29)) * kPrime3;
  return hash ^ (hash >> 32);
}

}  // namespace leeboard

#endif  // LEEBOARD_BASE_XXHASH64_H_
