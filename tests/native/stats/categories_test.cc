// Categories: exact where they can be, bounded where not.

#include <cstdint>
#include <map>
#include <random>

#include "stats/plain.h"

namespace leeboard::stats {
namespace {

ProfileOptions Whole(Kind kind) {
  ProfileOptions options;
  options.kind = kind;
  options.features = 1;
  options.categories = true;
  return options;
}

std::map<std::uint64_t, std::uint64_t> Counted(const Categories& categories) {
  std::map<std::uint64_t, std::uint64_t> counted;
  for (const Category& category : categories.top) {
    counted[category.value] = category.count;
  }
  return counted;
}

TEST(Categories, AreExactWhileTheyAreFew) {
  std::mt19937 rng(1);
  const auto one = Make(Whole(Kind::kInt16));
  const auto two = one->Fresh();
  std::map<std::uint64_t, std::uint64_t> expected;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = static_cast<std::int16_t>(rng() % kCategories) - 64;
    const auto narrow = static_cast<std::int16_t>(value);
    ++expected[static_cast<std::uint64_t>(std::int64_t{narrow})];
    (i % 3 == 0 ? one : two)->Add(reinterpret_cast<const std::uint8_t*>(&narrow), 1);
  }
  ASSERT_TRUE(one->Merge(*two).ok());
  const Categories categories = one->categories(0);
  EXPECT_EQ(Counted(categories), expected);
  EXPECT_EQ(categories.rest, 0U);
  EXPECT_EQ(categories.error, 0U);
  EXPECT_GE(categories.top[0].count, categories.top[1].count);
  EXPECT_NEAR(one->distinct(0), kCategories, 5.0);
}

TEST(Categories, KeepWhatIsFrequentAndSayTheError) {
  std::mt19937_64 rng(2);
  const auto one = Make(Whole(Kind::kInt64));
  const auto two = one->Fresh();
  std::map<std::uint64_t, std::uint64_t> expected;
  constexpr std::uint64_t kRows = 60'000;
  for (std::uint64_t i = 0; i < kRows; ++i) {
    const std::uint64_t value = rng() % 3 == 0 ? rng() % 10 : rng();
    ++expected[value];
    (i % 2 == 0 ? one : two)->Add(reinterpret_cast<const std::uint8_t*>(&value), 1);
  }
  ASSERT_TRUE(one->Merge(*two).ok());
  const Categories categories = one->categories(0);
  const auto counted = Counted(categories);
  std::uint64_t sum = categories.rest;
  for (const auto& [value, count] : counted) {
    EXPECT_LE(count, expected.at(value));
    EXPECT_GE(count + categories.error, expected.at(value));
    sum += count;
  }
  EXPECT_EQ(sum, kRows);
  EXPECT_LE(categories.error, kRows / (kCategories + 1));
  for (std::uint64_t frequent = 0; frequent < 10; ++frequent) {
    EXPECT_TRUE(counted.contains(frequent)) << frequent;
  }
  EXPECT_NEAR(one->distinct(0), static_cast<double>(expected.size()),
              0.07 * static_cast<double>(expected.size()));
}

TEST(Categories, CountKnownValuesExactlyBesideAnyOthers) {
  ProfileOptions options = Whole(Kind::kInt64);
  options.known = {{5, static_cast<std::uint64_t>(-7)}};
  const auto profile = Make(options);
  std::mt19937_64 rng(3);
  std::uint64_t known = 0;
  for (int i = 0; i < 30'000; ++i) {
    std::int64_t value = static_cast<std::int64_t>(rng());
    if (i % 300 == 0) {
      value = -7;
      ++known;
    }
    profile->Add(reinterpret_cast<const std::uint8_t*>(&value), 1);
  }
  const Categories categories = profile->categories(0);
  EXPECT_EQ(Counted(categories).at(static_cast<std::uint64_t>(-7)), known);
  EXPECT_EQ(Counted(categories).at(5), 0U);
}

TEST(Categories, TakeEveryByteOfABoolForOneOfTwo) {
  const auto profile = Make(Whole(Kind::kBool));
  const std::vector<std::uint8_t> bytes = {0, 1, 2, 255, 0};
  profile->Add(bytes.data(), bytes.size());
  const std::map<std::uint64_t, std::uint64_t> expected = {{0, 2}, {1, 3}};
  EXPECT_EQ(Counted(profile->categories(0)), expected);
}

TEST(Categories, EstimateHowManyDifferentValuesThereWere) {
  for (const std::uint64_t different : {1ULL, 30ULL, 3'000ULL, 12'000ULL, 200'000ULL}) {
    const auto profile = Make(Whole(Kind::kUint64));
    std::vector<std::uint64_t> values(different);
    for (std::uint64_t i = 0; i < different; ++i) {
      values[i] = i * 1'000'003;
    }
    profile->Add(BytesOf(values), different);
    profile->Add(BytesOf(values), different);
    EXPECT_NEAR(profile->distinct(0), static_cast<double>(different),
                0.06 * static_cast<double>(different) + 0.5);
  }
}

TEST(Categories, OfNoRowsAreNone) {
  const auto profile = Make(Whole(Kind::kInt8));
  EXPECT_TRUE(profile->categories(0).top.empty());
  EXPECT_EQ(profile->distinct(0), 0.0);
}

}  // namespace
}  // namespace leeboard::stats
