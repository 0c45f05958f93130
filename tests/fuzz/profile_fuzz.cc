// Bytes that may be a profile: what is parsed writes itself as it was read, takes rows,
// merges with itself and answers every question within its own counts.
//
// Input: bytes of a profile as Serialise writes them. Their checksum is made right
// first, or no change of a corpus entry would come past it.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "check.h"
#include "stats/tensor_profile.h"

namespace leeboard::fuzz {
namespace {

using stats::TensorProfile;

constexpr std::uint64_t kMostValues = 1U << 16;

std::span<const std::uint8_t> Bytes(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The bytes with the checksum that they would need (csrc/stats/serialise.cc).
std::string Sealed(std::string text) {
  std::uint64_t sum = 0;
  if (text.size() < sizeof sum) {
    return text;
  }
  text.resize(text.size() - sizeof sum);
  sum = 0xcbf29ce484222325ULL ^ text.size();
  for (std::size_t at = 0; at < text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, std::min<std::size_t>(8, text.size() - at));
    sum = (sum ^ word) * 0x100000001b3ULL;
    sum ^= sum >> 29U;
  }
  return text.append(reinterpret_cast<const char*>(&sum), sizeof sum);
}

std::string Written(const TensorProfile& profile) {
  std::string text;
  profile.Serialise(&text);
  return text;
}

void Question(const TensorProfile& profile) {
  const stats::ProfileOptions& options = profile.options();
  Require(profile.counts().size() == options.features, "an entry for each feature");
  for (std::uint32_t feature = 0; feature < options.features; ++feature) {
    const double median = profile.quantile(feature, 0.5);
    Require(!options.quantiles || profile.counts()[feature] > 0 || std::isnan(median),
            "no quantile without values");
    const stats::Categories found = profile.categories(feature);
    Require(options.categories || found.top.empty(), "no categories unasked");
    Require(profile.distinct(feature) >= 0.0, "a number of values");
  }
}

void Check(const std::string& text) {
  std::unique_ptr<TensorProfile> profile;
  if (!TensorProfile::Parse(Bytes(text), &profile).ok()) {
    Require(profile == nullptr, "nothing is made of what was refused");
    return;
  }
  const std::string written = Written(*profile);
  std::unique_ptr<TensorProfile> again;
  Require(TensorProfile::Parse(Bytes(written), &again).ok(), "it reads what it writes");
  Require(Written(*again) == written, "it is what it was");
  Question(*profile);
  Require(again->Merge(*profile).ok(), "it merges with itself");
  const std::uint64_t width =
      profile->options().features * stats::ValueSize(profile->options().kind);
  if (profile->options().features <= kMostValues) {
    const std::vector<std::uint8_t> rows(2 * width, 0x5A);
    const std::uint64_t before = again->rows();
    again->Add(rows.data(), 2);
    Require(again->rows() == before + 2, "it takes rows");
  }
  Question(*again);
}

}  // namespace
}  // namespace leeboard::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string given(reinterpret_cast<const char*>(data), size);
  leeboard::fuzz::Check(given);
  leeboard::fuzz::Check(leeboard::fuzz::Sealed(given));
  return 0;
}
