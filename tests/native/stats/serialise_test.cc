// Bytes of profiles: there and back, and whatever else may come.

#include <random>

#include "stats/plain.h"

namespace leeboard::stats {
namespace {

std::span<const std::uint8_t> SpanOf(const std::string& bytes) {
  return {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()};
}

Status Parsed(const std::string& bytes, std::unique_ptr<TensorProfile>* out) {
  return TensorProfile::Parse(SpanOf(bytes), out);
}

std::string Written(const TensorProfile& profile) {
  std::string bytes;
  profile.Serialise(&bytes);
  return bytes;
}

// The same checksum as in csrc/stats/serialise.cc, so that damage gets past it.
std::string WithChecksum(std::string bytes) {
  const std::size_t size = bytes.size() - 8;
  std::uint64_t sum = 0xcbf29ce484222325ULL ^ size;
  for (std::size_t at = 0; at < size; at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, std::min<std::size_t>(8, size - at));
    sum = (sum ^ word) * 0x100000001b3ULL;
    sum ^= sum >> 29;
  }
  std::memcpy(bytes.data() + size, &sum, 8);
  return bytes;
}

std::unique_ptr<TensorProfile> Whole() {
  ProfileOptions options;
  options.kind = Kind::kInt16;
  options.features = 3;
  options.edge_count = 2;
  options.edges = {0, 1, 5, 5, -9, 9};
  options.low.assign(3, -50.0);
  options.high.assign(3, 50.0);
  options.histogram_low.assign(3, -100.0);
  options.histogram_high.assign(3, 100.0);
  options.quantiles = true;
  options.categories = true;
  options.known = {{1, 2, 3}, {}, {9}};
  auto profile = Make(options);
  std::mt19937 rng(1);
  std::vector<std::int16_t> values(3 * 500);
  for (auto& value : values) {
    value = static_cast<std::int16_t>(static_cast<int>(rng() % 300) - 150);
  }
  profile->Add(BytesOf(values), 500);
  return profile;
}

TEST(Serialise, GivesBackWhatWasWritten) {
  const auto profile = Whole();
  const std::string bytes = Written(*profile);
  std::unique_ptr<TensorProfile> back;
  const Status status = Parsed(bytes, &back);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(back->options(), profile->options());
  ExpectSame(*back, *profile, 0.0);
  for (std::uint32_t f = 0; f < 3; ++f) {
    EXPECT_EQ(back->categories(f).top, profile->categories(f).top);
    EXPECT_EQ(back->categories(f).error, profile->categories(f).error);
    EXPECT_EQ(back->distinct(f), profile->distinct(f));
  }
  EXPECT_EQ(Written(*back), bytes);
  ASSERT_TRUE(back->Merge(*profile).ok());
  EXPECT_EQ(back->rows(), 1000U);
}

TEST(Serialise, WritesTheSameWhateverTheInstructions) {
  ProfileOptions options;
  options.features = 20;
  const std::vector<float> values(20 * 50, 0.25F);
  std::vector<std::string> written;
  for (const char* name : SimdNames()) {
    const Simd simd(name);
    const auto profile = Make(options);
    profile->Add(BytesOf(values), 50);
    written.push_back(Written(*profile));
  }
  EXPECT_EQ(written[0], written[1]);
  EXPECT_EQ(written[0], written[2]);
}

TEST(Serialise, RefusesEveryTruncation) {
  const std::string bytes = Written(*Whole());
  std::unique_ptr<TensorProfile> out;
  for (std::size_t size = 0; size < bytes.size(); size += 1 + size / 64) {
    EXPECT_FALSE(Parsed(bytes.substr(0, size), &out).ok()) << size;
    if (size >= 8) {
      EXPECT_FALSE(Parsed(WithChecksum(bytes.substr(0, size)), &out).ok()) << size;
    }
  }
  EXPECT_EQ(out, nullptr);
}

TEST(Serialise, RefusesEveryFlippedBit) {
  const std::string bytes = Written(*Whole());
  std::unique_ptr<TensorProfile> out;
  for (std::size_t at = 0; at < bytes.size(); at += 1 + at / 200) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    EXPECT_FALSE(Parsed(flipped, &out).ok()) << at;
  }
}

TEST(Serialise, SurvivesDamageThatTheChecksumDoesNotShow) {
  const std::string bytes = Written(*Whole());
  std::mt19937 rng(2);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string damaged = bytes;
    const std::size_t near = round % 2 == 0 ? 600 : damaged.size() - 8;
    for (unsigned i = 0; i <= rng() % 4; ++i) {
      damaged[rng() % near] = static_cast<char>(rng());
    }
    std::unique_ptr<TensorProfile> out;
    if (!Parsed(WithChecksum(damaged), &out).ok()) {
      ++refused;
      continue;
    }
    // What is taken must be of use.
    const std::vector<std::uint8_t> row(ValueSize(out->options().kind) *
                                        out->options().features);
    out->Add(row.data(), 1);
    EXPECT_TRUE(out->Merge(*out->Fresh()).ok());
    EXPECT_FALSE(Written(*out).empty());
  }
  EXPECT_GT(refused, 1000);
}

TEST(Serialise, NamesAVersionThatItDoesNotKnow) {
  std::string bytes = Written(*Whole());
  bytes[4] = 9;
  std::unique_ptr<TensorProfile> out;
  const Status status = Parsed(WithChecksum(bytes), &out);
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_NE(status.message().find("version"), std::string::npos);
}

}  // namespace
}  // namespace leeboard::stats
