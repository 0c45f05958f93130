// Each set of instructions against the plain restatement, on values of every sort.

#include <algorithm>
#include <random>

#include "stats/plain.h"

namespace leeboard::stats {
namespace {

// Values of many scales, with those that are not finite, and ties with edges.
template <typename T>
std::vector<T> Mixed(std::mt19937* rng, std::size_t size, double strange) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform;
  const T specials[] = {std::numeric_limits<T>::quiet_NaN(),
                        -std::numeric_limits<T>::quiet_NaN(),
                        std::numeric_limits<T>::infinity(),
                        -std::numeric_limits<T>::infinity(),
                        std::numeric_limits<T>::denorm_min(),
                        -std::numeric_limits<T>::denorm_min(),
                        T{0},
                        -T{0},
                        static_cast<T>(1e30),
                        static_cast<T>(-1e30),
                        std::numeric_limits<T>::max(),
                        T{1}};
  std::vector<T> values(size);
  for (T& value : values) {
    value = static_cast<T>(normal(*rng));
    if (uniform(*rng) < strange) {
      value = specials[(*rng)() % std::size(specials)];
    } else if (uniform(*rng) < 0.2) {
      value = std::round(value);
    }
  }
  return values;
}

ProfileOptions Everything(Kind kind, std::uint32_t features, std::uint32_t edges,
                          std::mt19937* rng) {
  std::normal_distribution<double> normal;
  ProfileOptions options;
  options.kind = kind;
  options.features = features;
  options.edge_count = edges;
  for (std::uint32_t f = 0; f < features; ++f) {
    std::vector<double> own;
    for (std::uint32_t e = 0; e < edges; ++e) {
      own.push_back(e % 3 == 0 ? std::round(normal(*rng)) : normal(*rng));
    }
    std::sort(own.begin(), own.end());
    options.edges.insert(options.edges.end(), own.begin(), own.end());
  }
  options.low.assign(features, -1.0);
  options.high.assign(features, 1.0);
  options.histogram_low.assign(features, -3.0);
  options.histogram_high.assign(features, 3.0);
  options.quantiles = true;
  return options;
}

template <typename T>
void ExpectPlain(const TensorProfile& profile, const std::vector<T>& values,
                 double tolerance) {
  const ProfileOptions& options = profile.options();
  for (std::uint32_t f = 0; f < options.features; ++f) {
    const Plain plain = CountPlainly(values, options, f);
    ASSERT_EQ(profile.counts()[f], plain.count);
    ASSERT_EQ(profile.nan()[f], plain.nan);
    ASSERT_EQ(profile.positive_infinities()[f], plain.positive);
    ASSERT_EQ(profile.negative_infinities()[f], plain.negative);
    ASSERT_EQ(profile.min()[f], plain.min);
    ASSERT_EQ(profile.max()[f], plain.max);
    if (std::isfinite(profile.m2()[f]) || std::isfinite(plain.m2)) {
      const double scale = std::sqrt(plain.m2) + std::abs(plain.mean);
      ASSERT_NEAR(profile.mean()[f], plain.mean, tolerance * scale);
      ASSERT_NEAR(profile.m2()[f], plain.m2, tolerance * plain.m2);
    }
    for (std::uint32_t e = 0; e < options.edge_count; ++e) {
      ASSERT_EQ(profile.cumulative()[f * options.edge_count + e], plain.cumulative[e])
          << "feature " << f << ", edge " << e;
    }
    if (!options.low.empty()) {
      ASSERT_EQ(profile.below()[f], plain.below);
      ASSERT_EQ(profile.above()[f], plain.above);
    }
    for (std::uint32_t bin = 0; bin < plain.histogram.size(); ++bin) {
      ASSERT_EQ(profile.histogram()[f * kHistogramBins + bin], plain.histogram[bin])
          << "feature " << f << ", bin " << bin;
    }
  }
}

template <typename T>
void CheckKernels(Kind kind, unsigned seed) {
  std::mt19937 rng(seed);
  for (int round = 0; round < 40; ++round) {
    const std::uint32_t features = 1 + rng() % 50;
    const std::uint32_t edges = rng() % (kMaxEdges + 1);
    const std::size_t rows = rng() % 600;
    const double strange = round % 3 == 0 ? 0.0 : (round % 3 == 1 ? 0.01 : 0.3);
    const ProfileOptions options = Everything(kind, features, edges, &rng);
    const std::vector<T> values = Mixed<T>(&rng, rows * features, strange);
    for (const char* name : SimdNames()) {
      const Simd simd(name);
      const auto profile = Make(options);
      profile->Add(BytesOf(values), rows);
      ExpectPlain(*profile, values, 1e-9);
      if (testing::Test::HasFatalFailure()) {
        FAIL() << profile->simd() << ", round " << round;
      }
    }
  }
}

TEST(Kernels, CountFloatsLikeThePlainRestatement) {
  CheckKernels<float>(Kind::kFloat32, 1);
}

TEST(Kernels, CountDoublesLikeThePlainRestatement) {
  CheckKernels<double>(Kind::kFloat64, 2);
}

TEST(Kernels, AreChosenByTheEnvironmentAndTheProcessor) {
  ProfileOptions options;
  options.features = 1;
  const Simd simd("portable");
  EXPECT_STREQ(Make(options)->simd(), "portable");
}

TEST(Kernels, KeepTheVarianceOfValuesFarFromZero) {
  std::mt19937 rng(3);
  std::normal_distribution<double> normal(1e6, 0.5);
  ProfileOptions options;
  options.features = 17;
  std::vector<float> values(17 * 3000);
  for (float& value : values) {
    value = static_cast<float>(normal(rng));
  }
  values[0] = std::numeric_limits<float>::quiet_NaN();
  for (const char* name : SimdNames()) {
    const Simd simd(name);
    const auto profile = Make(options);
    profile->Add(BytesOf(values), 3000);
    ExpectPlain(*profile, values, 1e-11);
  }
}

TEST(Kernels, KeepTheVarianceAfterAnOutlierAndAJump) {
  ProfileOptions options;
  options.kind = Kind::kFloat64;
  options.features = 1;
  std::vector<double> values = {1e9};
  for (int i = 0; i < 5000; ++i) {
    values.push_back((i < 2000 ? 0.0 : 1e5) + i % 7);
  }
  for (const char* name : SimdNames()) {
    const Simd simd(name);
    const auto profile = Make(options);
    profile->Add(BytesOf(values), values.size());
    ExpectPlain(*profile, values, 1e-9);
  }
}

TEST(Kernels, GiveConstantsNoVariance) {
  ProfileOptions options;
  options.features = 3;
  const std::vector<float> values(3 * 1000, 0.1F);
  for (const char* name : SimdNames()) {
    const Simd simd(name);
    const auto profile = Make(options);
    profile->Add(BytesOf(values), 1000);
    EXPECT_EQ(profile->m2()[0], 0.0);
    EXPECT_EQ(profile->mean()[0], static_cast<double>(0.1F));
  }
}

TEST(Kernels, SayThatSquaresOfHugeDoublesAreTooLarge) {
  ProfileOptions options;
  options.kind = Kind::kFloat64;
  options.features = 1;
  const std::vector<double> values = {1e300, -1e300, 3.0};
  for (const char* name : SimdNames()) {
    const Simd simd(name);
    const auto profile = Make(options);
    profile->Add(BytesOf(values), 3);
    EXPECT_EQ(profile->counts()[0], 3U);
    EXPECT_TRUE(std::isinf(profile->m2()[0]));
    EXPECT_EQ(profile->min()[0], -1e300);
    EXPECT_FALSE(std::isnan(profile->mean()[0]));
  }
}

TEST(Kernels, FindQuantilesToTwoPercent) {
  std::mt19937 rng(4);
  std::lognormal_distribution<double> lognormal(2.0, 2.0);
  ProfileOptions options;
  options.kind = Kind::kFloat64;
  options.features = 2;
  options.quantiles = true;
  std::vector<double> values(2 * 20'001);
  std::vector<double> first;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = lognormal(rng) * (i % 2 == 0 ? 1.0 : -1.0);
    if (i % 2 == 0) {
      first.push_back(values[i]);
    }
  }
  const auto profile = Make(options);
  profile->Add(BytesOf(values), 20'001);
  std::sort(first.begin(), first.end());
  for (const double q : {0.0, 0.001, 0.25, 0.5, 0.9, 0.999, 1.0}) {
    const auto rank = static_cast<std::size_t>(
        std::max(1.0, std::ceil(q * static_cast<double>(first.size()))));
    const double exact = first[rank - 1];
    EXPECT_NEAR(profile->quantile(0, q), exact, 0.032 * exact) << q;
  }
  EXPECT_LT(profile->quantile(1, 0.01), profile->quantile(1, 0.99));
  EXPECT_TRUE(std::isnan(profile->quantile(0, -1.0)));
}

}  // namespace
}  // namespace leeboard::stats
