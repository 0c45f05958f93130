// Times csrc/stats from inside C++, and what this machine reads at most.
//
//   kernels_loop ROUNDS
//
// Prints one line for each measurement: round, instructions, what is counted, rows of a
// call, nanoseconds per value. Data: 32 float32 features, N(0, 1), 0.5 % NaN. Calls of
// 1,000,000 rows come from memory; calls of 8 rows are of a buffer in the cache and a
// profile that is warm.

#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "stats/tensor_profile.h"

namespace {

using leeboard::stats::ProfileOptions;
using leeboard::stats::TensorProfile;

constexpr std::uint32_t kFeatures = 32;
constexpr std::size_t kRows = 1'000'000;
constexpr std::size_t kSmall = 8;
constexpr std::size_t kCalls = 20'000;
constexpr double kDeciles[] = {
    -1.2815515655446, -0.8416212335729, -0.5244005127080, -0.2533471031358, 0.0,
    0.2533471031358,  0.5244005127080,  0.8416212335729,  1.2815515655446};

double Now() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::nano>(now).count();
}

std::vector<float> Data() {
  std::vector<float> values(kRows * kFeatures);
  std::mt19937 rng(1);
  std::normal_distribution<float> normal;
  for (float& value : values) {
    value = rng() % 200 == 0 ? std::numeric_limits<float>::quiet_NaN() : normal(rng);
  }
  return values;
}

// 0: moments; 1: and deciles; 2: and a histogram; 3: and quantiles.
ProfileOptions Options(int tier) {
  ProfileOptions options;
  options.features = kFeatures;
  if (tier >= 1) {
    options.edge_count = std::size(kDeciles);
    for (std::uint32_t f = 0; f < kFeatures; ++f) {
      options.edges.insert(options.edges.end(), std::begin(kDeciles),
                           std::end(kDeciles));
    }
  }
  if (tier >= 2) {
    options.histogram_low.assign(kFeatures, -4.0);
    options.histogram_high.assign(kFeatures, 4.0);
  }
  options.quantiles = tier >= 3;
  return options;
}

void Print(int round, const char* simd, const char* what, std::size_t rows,
           double nanoseconds) {
  std::printf("%d %s %s %zu %.6f\n", round, simd, what, rows, nanoseconds);
}

void TimeProfile(int round, int tier, const std::vector<float>& values) {
  static const char* const kNames[] = {"moments", "deciles", "histogram", "all"};
  std::unique_ptr<TensorProfile> profile;
  if (!TensorProfile::Create(Options(tier), &profile).ok()) {
    std::abort();
  }
  const auto* rows = reinterpret_cast<const std::uint8_t*>(values.data());
  double began = Now();
  profile->Add(rows, kRows);
  Print(round, profile->simd(), kNames[tier], kRows,
        (Now() - began) / static_cast<double>(values.size()));
  constexpr std::size_t kBatch = kSmall * kFeatures * sizeof(float);
  for (std::size_t i = 0; i < kCalls / 10; ++i) {
    profile->Add(rows + i % 4 * kBatch, kSmall);
  }
  began = Now();
  for (std::size_t i = 0; i < kCalls; ++i) {
    profile->Add(rows + i % 4 * kBatch, kSmall);
  }
  Print(round, profile->simd(), kNames[tier], kSmall,
        (Now() - began) / static_cast<double>(kCalls * kSmall * kFeatures));
}

// One pass that does nothing but read: eight independent sums of words.
void TimeReading(int round, const std::vector<float>& values) {
  const auto* words = reinterpret_cast<const std::uint8_t*>(values.data());
  using Vector = std::uint64_t __attribute__((vector_size(64), aligned(4), may_alias));
  const auto* at = reinterpret_cast<const Vector*>(words);
  const std::size_t count = values.size() * sizeof(float) / sizeof(Vector);
  Vector sums[4] = {};
  const double began = Now();
  for (std::size_t i = 0; i + 4 <= count; i += 4) {
    for (std::size_t j = 0; j < 4; ++j) {
      sums[j] ^= at[i + j];
    }
  }
  const double took = Now() - began;
  volatile std::uint64_t keep = (sums[0] ^ sums[1] ^ sums[2] ^ sums[3])[0];
  static_cast<void>(keep);
  Print(round, "any", "read", kRows, took / static_cast<double>(values.size()));
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 10;
  const std::vector<float> values = Data();
  for (int round = 0; round < rounds; ++round) {
    TimeReading(round, values);
    for (const char* simd : {"portable", "avx2", "avx512"}) {
      setenv("LEEBOARD_SIMD", simd, 1);
      for (int tier = 0; tier < 4; ++tier) {
        TimeProfile(round, tier, values);
      }
    }
  }
  return 0;
}
