// What a profile's options may say, and how much memory they ask for.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_set>

#include "stats/profile_state.h"

namespace leeboard::stats {
namespace {

Status Wrong(std::string what) {
  return Status::InvalidArgument("profile options: " + std::move(what));
}

bool AllFinite(const std::vector<double>& values) {
  for (const double value : values) {
    if (!std::isfinite(value)) {
      return false;
    }
  }
  return true;
}

Status CheckEdges(const ProfileOptions& options) {
  const std::size_t count = options.edge_count;
  if (count > kMaxEdges) {
    return Wrong("at most " + std::to_string(kMaxEdges) + " edges per feature");
  }
  if (options.edges.size() != options.features * count || !AllFinite(options.edges)) {
    return Wrong("edges must be finite, as many for every feature");
  }
  for (std::size_t i = 1; i < options.edges.size(); ++i) {
    if (i % count != 0 && options.edges[i] < options.edges[i - 1]) {
      return Wrong("edges must ascend; those of feature " + std::to_string(i / count) +
                   " do not");
    }
  }
  return {};
}

// Two bounds per feature, the first below the second or, for ranges, equal to it.
Status CheckBounds(const std::vector<double>& low, const std::vector<double>& high,
                   std::size_t features, const char* what) {
  if (low.size() != high.size() || (!low.empty() && low.size() != features)) {
    return Wrong(std::string(what) + " needs two bounds for every feature, or none");
  }
  for (std::size_t f = 0; f < low.size(); ++f) {
    if (!(low[f] <= high[f])) {
      return Wrong(std::string(what) + " of feature " + std::to_string(f) +
                   " is not in order");
    }
  }
  return {};
}

Status CheckHistogram(const ProfileOptions& options) {
  const auto& low = options.histogram_low;
  const auto& high = options.histogram_high;
  Status status = CheckBounds(low, high, options.features, "the histogram");
  for (std::size_t f = 0; status.ok() && f < low.size(); ++f) {
    const double per_unit = kBins / (high[f] - low[f]);
    const bool fits = NeedsDouble(options.kind)
                          ? std::isfinite(per_unit)
                          : std::isfinite(static_cast<float>(per_unit)) &&
                                std::isfinite(static_cast<float>(low[f]));
    if (!std::isfinite(low[f]) || !std::isfinite(high[f]) || !fits || per_unit <= 0.0) {
      return Wrong("the histogram of feature " + std::to_string(f) +
                   " needs finite bounds with room between them");
    }
  }
  return status;
}

Status CheckKnown(const ProfileOptions& options) {
  if (options.categories && !IsWhole(options.kind)) {
    return Wrong("categories are of whole numbers and bool only");
  }
  if (options.known.empty()) {
    return {};
  }
  if (!options.categories || options.known.size() != options.features) {
    return Wrong("known values need categories, and a list for every feature");
  }
  for (const auto& known : options.known) {
    const std::unordered_set<std::uint64_t> different(known.begin(), known.end());
    if (known.size() > kCategories || different.size() != known.size()) {
      return Wrong("at most " + std::to_string(kCategories) +
                   " known values per feature, each once");
    }
  }
  return {};
}

}  // namespace

std::uint64_t StateBytes(const ProfileOptions& options) {
  const std::uint64_t features = options.features;
  const std::uint64_t padded = (features + kLanes - 1) / kLanes * kLanes;
  const std::uint64_t width = NeedsDouble(options.kind) ? 8 : 4;
  const std::uint64_t edges =
      options.edge_count + (options.low.empty() ? 0 : kRangeEdges);
  std::uint64_t bytes = padded * (24 + width * (5 + 2 * edges)) +
                        features * (64 + 8 * (edges + options.edge_count));
  if (!options.low.empty()) {
    bytes += features * 40;
  }
  if (!options.histogram_low.empty()) {
    bytes += features * (kBinsStride * 4 + kBins * 8 + 16) + padded * 2 * width;
  }
  if (options.quantiles) {
    bytes += features * kSketchStride * 4;
  }
  if (options.categories) {
    bytes += features *
             (CategoryCounter::kSlots * 17 + CategoryCounter::kRegisters + 8 * 128);
  }
  return bytes;
}

Status CheckOptions(const ProfileOptions& options) {
  if (static_cast<std::uint8_t>(options.kind) >= kKinds) {
    return Wrong("there is no such kind of values");
  }
  if (options.features == 0 || options.features > kMaxFeatures) {
    return Wrong("features must be 1 to " + std::to_string(kMaxFeatures));
  }
  Status status = CheckEdges(options);
  if (status.ok()) {
    status = CheckBounds(options.low, options.high, options.features, "the range");
  }
  if (status.ok()) {
    status = CheckHistogram(options);
  }
  if (status.ok()) {
    status = CheckKnown(options);
  }
  if (status.ok() && StateBytes(options) > kMaxStateBytes) {
    return Wrong(std::to_string(options.features) + " features need " +
                 std::to_string(StateBytes(options)) + " bytes; at most " +
                 std::to_string(kMaxStateBytes) + " are given");
  }
  return status;
}

}  // namespace leeboard::stats
