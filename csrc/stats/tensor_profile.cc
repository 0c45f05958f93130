#include "stats/tensor_profile.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "stats/gather.h"
#include "stats/profile_state.h"

namespace leeboard::stats {
namespace {

bool (*Adder(const Kernels& kernels, const Block<float>& /*of*/))(const Block<float>&) {
  return kernels.add_floats;
}
bool (*Adder(const Kernels& kernels,
             const Block<double>& /*of*/))(const Block<double>&) {
  return kernels.add_doubles;
}

template <typename T>
T ValueAt(const Block<T>& block, std::uint32_t row, std::uint32_t lane) {
  T value;
  std::memcpy(&value, block.rows + row * block.stride + lane * sizeof(T), sizeof(T));
  return value;
}

// The first finite value of a lane becomes its shift.
template <typename T>
void FindShifts(const Block<T>& block, std::uint16_t* unshifted) {
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    for (std::uint32_t row = 0; row < block.count && (*unshifted >> lane & 1U) != 0;
         ++row) {
      const T value = ValueAt(block, row, lane);
      if (std::isfinite(value)) {
        block.group->near.at[lane] = value;
        block.group->shift.at[lane] = static_cast<double>(value);
        *unshifted &= static_cast<std::uint16_t>(~(1U << lane));
      }
    }
  }
}

// Counts infinities by sign and takes them out of the cumulative counts.
template <typename T>
void SortInfinities(const Block<T>& block, std::uint32_t first, std::uint32_t lanes,
                    Closed* closed) {
  for (std::uint32_t row = 0; row < block.count; ++row) {
    for (std::uint32_t lane = 0; lane < lanes; ++lane) {
      const T value = ValueAt(block, row, lane);
      if (!std::isinf(value)) {
        continue;
      }
      ++(value > T{0} ? closed->positive : closed->negative)[first + lane];
      for (std::uint32_t e = 0; e < block.edge_count; ++e) {
        if (value >= block.edges[e].at[lane]) {
          --block.cumulative[e].at[lane];
        }
      }
    }
  }
}

template <typename T>
void AddToBins(const Block<T>& block, std::uint32_t group, std::uint32_t lanes,
               ProfileState* state, const Open<T>& open) {
  const std::size_t first = std::size_t{group} * kLanes;
  Bins<T> bins{block.rows, block.stride, block.count, lanes, nullptr, nullptr, nullptr};
  constexpr bool kIsFloat = sizeof(T) == sizeof(float);
  if (state->has_histogram()) {
    bins.low = open.low.data() + group;
    bins.per_unit = open.per_unit.data() + group;
    bins.counts = state->histogram.data() + first * kBinsStride;
    if constexpr (kIsFloat) {
      state->kernels->bin_floats(bins);
    } else {
      state->kernels->bin_doubles(bins);
    }
  }
  if (state->options.quantiles) {
    bins.counts = state->sketch.data() + first * kSketchStride;
    if constexpr (kIsFloat) {
      state->kernels->sketch_floats(bins);
    } else {
      state->kernels->sketch_doubles(bins);
    }
  }
}

template <typename T>
void AddBlock(ProfileState* state, Open<T>* open, const std::uint8_t* rows,
              std::uint32_t count, bool is_last) {
  const Kind kind = state->options.kind;
  const std::size_t size = ValueSize(kind);
  const std::size_t stride = size * state->options.features;
  const bool is_native = kind == Kind::kFloat32 || kind == Kind::kFloat64;
  const bool has_bins = state->has_histogram() || state->options.quantiles;
  const std::uint32_t edges = state->edges();
  for (std::uint32_t group = 0; group < state->groups(); ++group) {
    const std::uint32_t first = group * kLanes;
    const std::uint32_t lanes = std::min(kLanes, state->options.features - first);
    Lanes<T> gathered[kBlockRows];
    Block<T> block{rows + first * size,
                   stride,
                   is_last ? 0 : count * stride,
                   count,
                   open->edges.data() + std::size_t{group} * edges,
                   edges,
                   open->groups.data() + group,
                   open->cumulative.data() + std::size_t{group} * edges};
    if (!is_native || lanes < kLanes) {
      Gather(kind, {block.rows, stride, count, lanes}, gathered);
      block.rows = reinterpret_cast<const std::uint8_t*>(gathered);
      block.stride = sizeof(Lanes<T>);
      block.ahead = 0;
    }
    if (open->unshifted[group] != 0) {
      FindShifts(block, &open->unshifted[group]);
    }
    if (Adder(*state->kernels, block)(block)) [[unlikely]] {
      SortInfinities(block, first, lanes, &state->closed);
    }
    if (has_bins) {
      AddToBins(block, group, lanes, state, *open);
    }
  }
}

void AddToCategories(ProfileState* state, const std::uint8_t* rows,
                     std::uint64_t count) {
  const Kind kind = state->options.kind;
  const std::size_t size = ValueSize(kind);
  const std::size_t stride = size * state->options.features;
  for (std::uint32_t f = 0; f < state->options.features; ++f) {
    CategoryCounter& counter = state->categories[f];
    const std::uint8_t* value = rows + f * size;
    for (std::uint64_t i = 0; i < count; ++i, value += stride) {
      counter.Add(WholeValue(kind, value));
    }
  }
}

}  // namespace

TensorProfile::TensorProfile(std::unique_ptr<ProfileState> state)
    : state_(std::move(state)) {}

TensorProfile::~TensorProfile() = default;

Status TensorProfile::Create(ProfileOptions options,
                             std::unique_ptr<TensorProfile>* out) {
  Status status = CheckOptions(options);
  if (status.ok()) {
    out->reset(new TensorProfile(std::make_unique<ProfileState>(std::move(options))));
  }
  return status;
}

std::unique_ptr<TensorProfile> TensorProfile::Fresh() const {
  return std::unique_ptr<TensorProfile>(
      new TensorProfile(std::make_unique<ProfileState>(state_->options)));
}

void TensorProfile::Add(const std::uint8_t* rows, std::uint64_t count) {
  ProfileState& state = *state_;
  const std::size_t stride = ValueSize(state.options.kind) * state.options.features;
  while (count > 0) {
    const auto n = static_cast<std::uint32_t>(
        std::min<std::uint64_t>({count, kBlockRows, kCloseRows - state.open_rows}));
    if (NeedsDouble(state.options.kind)) {
      AddBlock(&state, &state.doubles, rows, n, n == count);
    } else {
      AddBlock(&state, &state.floats, rows, n, n == count);
    }
    if (state.options.categories) {
      AddToCategories(&state, rows, n);
    }
    state.closed.rows += n;
    state.open_rows += n;
    state.unsettled_rows += n;
    state.sketch_rows += n;
    if (state.open_rows == kCloseRows) {
      state.CloseMoments();
    }
    if (state.unsettled_rows >= kSettleRows) [[unlikely]] {
      state.Settle();
    }
    if (state.sketch_rows >= kSettleRows && state.options.quantiles) [[unlikely]] {
      state.SettleSketch();
    }
    rows += n * stride;
    count -= n;
  }
}

Status TensorProfile::Merge(const TensorProfile& other) {
  if (state_->options != other.state_->options) {
    return Status::InvalidArgument("profiles with different options do not merge");
  }
  state_->Settle();
  other.state_->Settle();
  Closed& mine = state_->closed;
  const Closed& its = other.state_->closed;
  for (std::uint32_t f = 0; f < state_->options.features; ++f) {
    JoinMoments(&mine, f, its.count[f], its.mean[f], its.m2[f]);
    mine.min[f] = std::min(mine.min[f], its.min[f]);
    mine.max[f] = std::max(mine.max[f], its.max[f]);
  }
  const auto add = [](std::vector<std::uint64_t>* to,
                      const std::vector<std::uint64_t>& from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      (*to)[i] += from[i];
    }
  };
  mine.rows += its.rows;
  add(&mine.nan, its.nan);
  add(&mine.positive, its.positive);
  add(&mine.negative, its.negative);
  add(&mine.cumulative, its.cumulative);
  add(&mine.at_least_low, its.at_least_low);
  add(&mine.below, its.below);
  add(&mine.above, its.above);
  add(&mine.histogram, its.histogram);
  for (std::size_t f = 0; f < state_->categories.size(); ++f) {
    state_->categories[f].Merge(other.state_->categories[f]);
  }
  MergeSketch(*other.state_, state_.get());
  state_->ShiftToMeans();
  return {};
}

}  // namespace leeboard::stats
