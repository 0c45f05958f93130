// What holds whatever the cut, the order, the type and the alignment.

#include <algorithm>
#include <numeric>
#include <random>

#include "stats/plain.h"

namespace leeboard::stats {
namespace {

ProfileOptions Some(std::uint32_t features) {
  ProfileOptions options;
  options.features = features;
  options.edge_count = 9;
  for (std::uint32_t f = 0; f < features; ++f) {
    for (int e = -4; e <= 4; ++e) {
      options.edges.push_back(e * 0.5);
    }
  }
  options.low.assign(features, -2.0);
  options.high.assign(features, 2.5);
  options.histogram_low.assign(features, -4.0);
  options.histogram_high.assign(features, 4.0);
  options.quantiles = true;
  return options;
}

std::vector<float> Data(std::size_t size, unsigned seed) {
  std::mt19937 rng(seed);
  std::normal_distribution<float> normal(100.0F, 3.0F);
  std::vector<float> values(size);
  for (float& value : values) {
    value = normal(rng) - (rng() % 2 == 0 ? 100.0F : 0.0F);
    if (rng() % 100 == 0) {
      value = rng() % 2 == 0 ? std::numeric_limits<float>::quiet_NaN()
                             : std::numeric_limits<float>::infinity();
    }
  }
  return values;
}

TEST(Properties, AnyCutGivesTheSame) {
  constexpr std::uint32_t kFeatures = 37;
  constexpr std::size_t kRows = 4000;
  const std::vector<float> values = Data(kRows * kFeatures, 1);
  std::mt19937 rng(2);
  for (const char* name : SimdNames()) {
    const Simd simd(name);
    const auto whole = Make(Some(kFeatures));
    whole->Add(BytesOf(values), kRows);
    for (const std::uint32_t most : {1U, 9U, 300U, 2000U}) {
      const auto cut = Make(Some(kFeatures));
      for (std::size_t at = 0; at < kRows;) {
        const std::size_t n = std::min<std::size_t>(kRows - at, 1 + rng() % most);
        cut->Add(BytesOf(values) + at * kFeatures * sizeof(float), n);
        at += n;
      }
      ExpectSame(*cut, *whole, 1e-11);
    }
  }
}

TEST(Properties, AnyOrderAndAnyMergeGiveTheSame) {
  constexpr std::uint32_t kFeatures = 5;
  constexpr std::size_t kRows = 3000;
  const std::vector<float> values = Data(kRows * kFeatures, 3);
  const auto whole = Make(Some(kFeatures));
  whole->Add(BytesOf(values), kRows);
  std::mt19937 rng(4);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::size_t> order(kRows);
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), rng);
    const auto merged = whole->Fresh();
    for (std::size_t at = 0; at < kRows;) {
      const auto part = whole->Fresh();
      const std::size_t n = std::min<std::size_t>(kRows - at, rng() % 700);
      for (std::size_t i = at; i < at + n; ++i) {
        part->Add(BytesOf(values) + order[i] * kFeatures * sizeof(float), 1);
      }
      at += n;
      ASSERT_TRUE(merged->Merge(*part).ok());
    }
    ExpectSame(*merged, *whole, 1e-11);
  }
}

TEST(Properties, AddingAfterAMergeAndBetweenReadsGivesTheSame) {
  const std::vector<float> values = Data(4 * 900, 5);
  const auto whole = Make(Some(4));
  whole->Add(BytesOf(values), 900);
  const auto first = Make(Some(4));
  const auto second = Make(Some(4));
  first->Add(BytesOf(values), 300);
  EXPECT_EQ(first->mean().size(), 4U);
  second->Add(BytesOf(values) + 300 * 16, 300);
  ASSERT_TRUE(first->Merge(*second).ok());
  first->Add(BytesOf(values) + 600 * 16, 300);
  ExpectSame(*first, *whole, 1e-11);
}

TEST(Properties, OtherOptionsDoNotMergeAndChangeNothing) {
  const std::vector<float> values = Data(3 * 10, 6);
  const auto one = Make(Some(3));
  one->Add(BytesOf(values), 10);
  ProfileOptions options = Some(3);
  options.edges[0] -= 1.0;
  const Status status = one->Merge(*Make(options));
  EXPECT_EQ(status.code(), Code::kInvalidArgument);
  EXPECT_EQ(one->rows(), 10U);
}

TEST(Properties, RowsMayLieAnywhere) {
  constexpr std::uint32_t kFeatures = 33;
  const std::vector<float> values = Data(200 * kFeatures, 7);
  std::vector<std::uint8_t> moved(values.size() * sizeof(float) + 3);
  std::memcpy(moved.data() + 3, values.data(), values.size() * sizeof(float));
  for (const char* name : SimdNames()) {
    const Simd simd(name);
    const auto straight = Make(Some(kFeatures));
    const auto crooked = Make(Some(kFeatures));
    straight->Add(BytesOf(values), 200);
    crooked->Add(moved.data() + 3, 200);
    ExpectSame(*crooked, *straight, 1e-12);
  }
}

TEST(Properties, NothingIsReadOfNoRows) {
  const auto profile = Make(Some(2));
  profile->Add(nullptr, 0);
  EXPECT_EQ(profile->rows(), 0U);
  EXPECT_EQ(profile->counts()[1], 0U);
  EXPECT_EQ(profile->m2()[1], 0.0);
  EXPECT_TRUE(std::isinf(profile->min()[1]));
  EXPECT_TRUE(std::isnan(profile->quantile(0, 0.5)));
}

TEST(Properties, OneRowHasNoVariance) {
  const std::vector<float> values = {1.0F, -2.0F};
  const auto profile = Make(Some(2));
  profile->Add(BytesOf(values), 1);
  EXPECT_EQ(profile->mean()[1], -2.0);
  EXPECT_EQ(profile->m2()[1], 0.0);
}

// Every kind holds what its own type says, widened exactly.
template <typename T>
void CheckKind(Kind kind) {
  std::mt19937_64 rng(8);
  constexpr std::uint32_t kFeatures = 19;
  std::vector<T> values(300 * kFeatures);
  std::vector<double> wide(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<T>(rng());
    wide[i] = static_cast<double>(values[i]);
  }
  values[0] = std::numeric_limits<T>::min();
  values[1] = std::numeric_limits<T>::max();
  wide[0] = static_cast<double>(values[0]);
  wide[1] = static_cast<double>(values[1]);
  ProfileOptions options = Some(kFeatures);
  ProfileOptions doubles = options;
  options.kind = kind;
  doubles.kind = Kind::kFloat64;
  const auto narrow = Make(options);
  const auto reference = Make(doubles);
  narrow->Add(BytesOf(values), 300);
  reference->Add(BytesOf(wide), 300);
  ExpectSame(*narrow, *reference, 1e-12);
}

TEST(Properties, WholeKindsAreWidenedExactly) {
  CheckKind<std::uint8_t>(Kind::kUint8);
  CheckKind<std::uint16_t>(Kind::kUint16);
  CheckKind<std::uint32_t>(Kind::kUint32);
  CheckKind<std::uint64_t>(Kind::kUint64);
  CheckKind<std::int8_t>(Kind::kInt8);
  CheckKind<std::int16_t>(Kind::kInt16);
  CheckKind<std::int32_t>(Kind::kInt32);
  CheckKind<std::int64_t>(Kind::kInt64);
}

TEST(Properties, HalvesAreWidenedExactly) {
  ProfileOptions options;
  options.kind = Kind::kFloat16;
  options.features = 1;
  const auto profile = Make(options);
  // 1.5, -2, the least subnormal, infinity, NaN, the largest.
  const std::vector<std::uint16_t> values = {0x3e00, 0xc000, 0x0001,
                                             0x7c00, 0x7e00, 0x7bff};
  profile->Add(BytesOf(values), values.size());
  EXPECT_EQ(profile->counts()[0], 4U);
  EXPECT_EQ(profile->max()[0], 65504.0);
  EXPECT_EQ(profile->min()[0], -2.0);
  EXPECT_EQ(profile->positive_infinities()[0], 1U);
  EXPECT_EQ(profile->nan()[0], 1U);
  EXPECT_NEAR(profile->mean()[0], (65504.0 - 0.5 + 0x1p-24) / 4.0, 1e-9);
}

TEST(Properties, BrainFloatsAndBoolsAreWidenedExactly) {
  ProfileOptions options;
  options.features = 1;
  options.kind = Kind::kBfloat16;
  const auto brain = Make(options);
  const std::vector<std::uint16_t> values = {0x3f80, 0xbf80, 0x7f80, 0x7fc0};
  brain->Add(BytesOf(values), values.size());
  EXPECT_EQ(brain->counts()[0], 2U);
  EXPECT_EQ(brain->max()[0], 1.0);
  EXPECT_EQ(brain->mean()[0], 0.0);
  options.kind = Kind::kBool;
  const auto flags = Make(options);
  const std::vector<std::uint8_t> bytes = {0, 1, 255, 0};
  flags->Add(bytes.data(), bytes.size());
  EXPECT_EQ(flags->mean()[0], 0.5);
}

TEST(Properties, OptionsThatCannotBeAreRefusedWithTheReason) {
  const auto refused = [](const ProfileOptions& options) {
    std::unique_ptr<TensorProfile> profile;
    const Status status = TensorProfile::Create(options, &profile);
    EXPECT_EQ(status.code(), Code::kInvalidArgument);
    return status.message();
  };
  ProfileOptions options;
  EXPECT_NE(refused(options).find("features"), std::string::npos);
  options = Some(2);
  options.edges[10] = 7.0;
  EXPECT_NE(refused(options).find("of feature 1 do not"), std::string::npos);
  options = Some(2);
  options.low[1] = 3.0;
  EXPECT_NE(refused(options).find("range of feature 1"), std::string::npos);
  options = Some(2);
  options.histogram_high[0] = options.histogram_low[0];
  EXPECT_NE(refused(options).find("histogram of feature 0"), std::string::npos);
  options = Some(2);
  options.categories = true;
  EXPECT_NE(refused(options).find("whole"), std::string::npos);
  options = ProfileOptions{};
  options.features = kMaxFeatures;
  options.quantiles = true;
  EXPECT_NE(refused(options).find("bytes"), std::string::npos);
}

}  // namespace
}  // namespace leeboard::stats
