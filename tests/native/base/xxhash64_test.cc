// XXH64 against known answers: csrc/base/xxhash64.h.

#include "base/xxhash64.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace leeboard {
namespace {

constexpr std::size_t kLongest = 100;

// Of the first n of the bytes (37 i + 11) mod 256, as the Python package xxhash 4.1.0
// has them.
// clang-format off
constexpr std::array<std::uint64_t, kLongest + 1> kAnswers = {
    0xef46db3751d8e999ULL, 0xf592c0c7639c4cb6ULL, 0x78f1ae91e3b05e99ULL, 0x22c08528601d4f27ULL,
    0xfb1e5cf2f1ae4d95ULL, 0x9d213eca1f68f273ULL, 0x0f28996d1449561eULL, 0x5613ac510496c04eULL,
    0x57cb2b7521f3e21aULL, 0xc3f1d09775257b66ULL, 0x920f407f474903ffULL, 0x1bef4539443a2d5aULL,
    0x2f53b00266039e64ULL, 0xaed0293a7bb13c7aULL, 0x393648aa0a97d46fULL, 0x90a9714eb00e8d29ULL,
    0xc6843cef99721174ULL, 0xf72e5e622b272ad6ULL, 0xade42c5775a43c96ULL, 0xc3bdab4626258ceaULL,
    0xa62c18328d2d838dULL, 0x2f04ff79d78f8827ULL, 0x1e5b0540defc3911ULL, 0x5e6a1fe05d7c06f8ULL,
    0xfa2d58b357e1565eULL, 0x8adefb8c854b47a5ULL, 0x2b085f5f9da33210ULL, 0x87b80516e95cbbbcULL,
    0xff5c77ef1446f7e5ULL, 0x8b15b1001a84dbdbULL, 0x6077f1ac1f080751ULL, 0xe4a0e629e519a4aeULL,
    0xcc6b8aaada790b2dULL, 0x35ec49850475a832ULL, 0xf56a57787fd5fe4eULL, 0x59de01e65b64555bULL,
    0xbebb6d8c24fb3cfaULL, 0x5f313a6790502101ULL, 0x9ffd421ba9cd1babULL, 0x22984e41b53c1210ULL,
    0x3b21ed23eea85c2dULL, 0x25c2b9e2f81a6a9dULL, 0x126f6f74a01c7118ULL, 0x03c47edf3964bb63ULL,
    0xa9a8f93ce6f588d3ULL, 0xfc003d355fa58a61ULL, 0x2af21f2c679a3b30ULL, 0x16fdd9ca22942ddaULL,
    0xf6c2a2407a06c116ULL, 0x1951edf80e0e88a1ULL, 0x8966cf42dc674cb9ULL, 0xca011706caf89aa3ULL,
    0xc97263946e120e53ULL, 0xf540a55131f40746ULL, 0xab9a21d36f37bce2ULL, 0x66a3eed6214e51ffULL,
    0xd44977c91550cf3bULL, 0x52f38f5975796217ULL, 0x9996904218108a75ULL, 0xd8213a1477e2e240ULL,
    0x2bafa54dfa33d5a4ULL, 0xcdc4536663934e01ULL, 0x57b94e18c6b9173fULL, 0xbf9f0ba3cf95b28aULL,
    0x155ccce4bf32befcULL, 0xda5ee441a595cfb8ULL, 0x4b4fc775ab6cf0fbULL, 0x5e65106afea9135eULL,
    0x775582f16a463143ULL, 0x122f5c97b04ed270ULL, 0x0d74d36bafb8d9c7ULL, 0x81e0a52b9c0e1651ULL,
    0x657fc372b173aae2ULL, 0x228f4f53c6795c5fULL, 0xedc247c39e343f66ULL, 0x63cda54c687966f2ULL,
    0x53eeb7aa7ae1400fULL, 0x531f82751546d548ULL, 0x3327a98236e094b4ULL, 0x87a81e99c6449abdULL,
    0x300315c0f7a0f0b0ULL, 0x5619f4db22b243eaULL, 0x65ac6e53a063f323ULL, 0x55d8dc41d1396942ULL,
    0x60702868c96e3a02ULL, 0xf430229a7aecf3b7ULL, 0x1c8d22476fe60724ULL, 0xfec57d71abc854a6ULL,
    0x628311773e689fb4ULL, 0x4d6b4b10c1e8b188ULL, 0x54d428d7dc5ed523ULL, 0xc5cbef261c0d081aULL,
    0x2986290ac486b8dcULL, 0x48244111593dd776ULL, 0xc741b3e62620b360ULL, 0xeb8fa2edc9550675ULL,
    0x7c874b795fa7ab0cULL, 0x665aae9ff64096d9ULL, 0x7d4e4c0f94ce3a1cULL, 0xd5fd0ba4e8ed1ac5ULL,
    0x4826e367566ea023ULL,
};
// clang-format on

TEST(XxHash64, KnownAnswersOfAllLengths) {
  std::string text;
  for (std::size_t n = 0; n <= kLongest; ++n) {
    EXPECT_EQ(XxHash64(text), kAnswers[n]) << n << " bytes";
    text.push_back(static_cast<char>(37 * n + 11));
  }
}

TEST(XxHash64, TheTextMayLieAnywhere) {
  const std::string text = "0123456789abcdef0123456789abcdef0123456789abcdef";
  for (std::size_t shift = 1; shift < 8; ++shift) {
    const std::string moved = std::string(shift, 'x') + text;
    EXPECT_EQ(XxHash64(std::string_view(moved).substr(shift)), XxHash64(text));
  }
}

}  // namespace
}  // namespace leeboard
