// What profiles answer.

#include <algorithm>
#include <cmath>
#include <limits>

#include "stats/profile_state.h"
#include "stats/tensor_profile.h"

namespace leeboard::stats {
namespace {

// The values of a bucket begin at its `start` and span `width`, by size.
struct Bucket {
  double start;
  double width;
};

Bucket BucketAt(std::uint32_t place) {
  const int octave =
      static_cast<int>(place / kSketchPerOctave) + static_cast<int>(kSketchLowest);
  const double one = std::ldexp(1.0, octave);
  const double width = one / kSketchPerOctave;
  return {one + width * (place % kSketchPerOctave), width};
}

// Places from the least value to the greatest: negative ones by falling size, zero,
// positive ones.
std::uint32_t PlaceInOrder(std::uint32_t i) {
  if (i < kSketchSide) {
    return 2 * kSketchSide - 1 - i;
  }
  return i == kSketchSide ? kSketchZero : i - kSketchSide - 1;
}

// The value with `share` of a place's values below it.
double ValueIn(std::uint32_t place, double share) {
  if (place == kSketchZero) {
    return 0.0;
  }
  if (place < kSketchSide) {
    const Bucket bucket = BucketAt(place);
    return bucket.start + bucket.width * share;
  }
  const Bucket bucket = BucketAt(place - kSketchSide);
  return -(bucket.start + bucket.width * (1.0 - share));
}

}  // namespace

const ProfileOptions& TensorProfile::options() const {
  return state_->options;
}

std::uint64_t TensorProfile::rows() const {
  return state_->closed.rows;
}

std::uint64_t TensorProfile::state_bytes() const {
  return StateBytes(state_->options) + state_->closed.sketch.size() * 8;
}

const char* TensorProfile::simd() const {
  return state_->kernels->name;
}

std::span<const std::uint64_t> TensorProfile::counts() const {
  state_->Settle();
  return state_->closed.count;
}

std::span<const double> TensorProfile::mean() const {
  state_->Settle();
  return state_->closed.mean;
}

std::span<const double> TensorProfile::m2() const {
  state_->Settle();
  return state_->closed.m2;
}

std::span<const double> TensorProfile::min() const {
  state_->Settle();
  return state_->closed.min;
}

std::span<const double> TensorProfile::max() const {
  state_->Settle();
  return state_->closed.max;
}

std::span<const std::uint64_t> TensorProfile::nan() const {
  state_->Settle();
  return state_->closed.nan;
}

std::span<const std::uint64_t> TensorProfile::positive_infinities() const {
  return state_->closed.positive;
}

std::span<const std::uint64_t> TensorProfile::negative_infinities() const {
  return state_->closed.negative;
}

std::span<const std::uint64_t> TensorProfile::below() const {
  state_->Settle();
  return state_->closed.below;
}

std::span<const std::uint64_t> TensorProfile::above() const {
  state_->Settle();
  return state_->closed.above;
}

std::span<const std::uint64_t> TensorProfile::cumulative() const {
  state_->Settle();
  return state_->closed.cumulative;
}

std::span<const std::uint64_t> TensorProfile::histogram() const {
  state_->Settle();
  return state_->closed.histogram;
}

double TensorProfile::quantile(std::uint32_t feature, double q) const {
  state_->Settle();
  const std::uint64_t count = state_->closed.count[feature];
  if (!state_->options.quantiles || count == 0 || !(q >= 0.0 && q <= 1.0)) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double wanted = std::max(1.0, std::ceil(q * static_cast<double>(count)));
  const std::uint64_t first = std::uint64_t{feature} * kSketchStride;
  double passed = 0.0;
  for (std::uint32_t i = 0; i <= 2 * kSketchSide; ++i) {
    const std::uint32_t place = PlaceInOrder(i);
    const auto here = static_cast<double>(state_->SketchCount(first + place));
    if (passed + here >= wanted) {
      const double share = (wanted - passed - 0.5) / here;
      return std::clamp(ValueIn(place, share), state_->closed.min[feature],
                        state_->closed.max[feature]);
    }
    passed += here;
  }
  return state_->closed.max[feature];
}

Categories TensorProfile::categories(std::uint32_t feature) const {
  return state_->options.categories
             ? state_->categories[feature].Read(state_->closed.rows)
             : Categories{};
}

double TensorProfile::distinct(std::uint32_t feature) const {
  return state_->options.categories ? state_->categories[feature].Distinct() : 0.0;
}

}  // namespace leeboard::stats
