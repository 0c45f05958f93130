#include "stats/profile_state.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace leeboard::stats {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// The least T that is not below `edge`: comparing with it is comparing with `edge`.
template <typename T>
T LeastNotBelow(double edge) {
  const T near = static_cast<T>(edge);
  return static_cast<double>(near) < edge
             ? std::nextafter(near, std::numeric_limits<T>::infinity())
             : near;
}

// The least T that is above `edge`.
template <typename T>
T Beyond(double edge) {
  const T near = static_cast<T>(edge);
  return static_cast<double>(near) <= edge
             ? std::nextafter(near, std::numeric_limits<T>::infinity())
             : near;
}

template <typename T>
void Prepare(const ProfileState& state, Open<T>* open) {
  const ProfileOptions& options = state.options;
  const std::uint32_t edges = state.edges();
  Group<T> empty{};
  Lanes<T> nothing_at_least{};
  for (std::uint32_t lane = 0; lane < kLanes; ++lane) {
    empty.min.at[lane] = std::numeric_limits<T>::infinity();
    empty.max.at[lane] = -std::numeric_limits<T>::infinity();
    nothing_at_least.at[lane] = std::numeric_limits<T>::infinity();
  }
  open->groups.assign(state.groups(), empty);
  open->unshifted.assign(state.groups(), 0xffff);
  open->cumulative.assign(std::size_t{state.groups()} * edges, {});
  open->edges.assign(std::size_t{state.groups()} * edges, nothing_at_least);
  if (state.has_histogram()) {
    open->low.assign(state.groups(), {});
    open->per_unit.assign(state.groups(), {});
  }
  for (std::uint32_t f = 0; f < options.features; ++f) {
    const std::uint32_t group = f / kLanes;
    const std::uint32_t lane = f % kLanes;
    Lanes<T>* own = open->edges.data() + std::size_t{group} * edges;
    for (std::uint32_t e = 0; e < options.edge_count; ++e) {
      const std::size_t at = std::size_t{f} * options.edge_count + e;
      own[e].at[lane] = LeastNotBelow<T>(options.edges[at]);
    }
    if (state.has_range()) {
      own[options.edge_count].at[lane] = LeastNotBelow<T>(options.low[f]);
      own[options.edge_count + 1].at[lane] = Beyond<T>(options.high[f]);
    }
    if (state.has_histogram()) {
      const double width = options.histogram_high[f] - options.histogram_low[f];
      open->low[group].at[lane] = static_cast<T>(options.histogram_low[f]);
      open->per_unit[group].at[lane] = static_cast<T>(kBins / width);
    }
  }
}

// A number of the lane's own type, so that a deviation from it can be exactly zero.
template <typename T>
void SetShift(Group<T>* group, std::uint32_t lane, double mean) {
  if (std::isfinite(mean)) {
    group->near.at[lane] = static_cast<T>(mean);
    group->shift.at[lane] = static_cast<double>(group->near.at[lane]);
  }
}

template <typename T>
void CloseGroups(ProfileState* state, Open<T>* open) {
  Closed& closed = state->closed;
  for (std::uint32_t f = 0; f < state->options.features; ++f) {
    Group<T>& group = open->groups[f / kLanes];
    const std::uint32_t lane = f % kLanes;
    const std::uint64_t numbers = group.numbers.at[lane];
    const std::uint64_t n = numbers - group.infinite.at[lane];
    closed.nan[f] += state->open_rows - numbers;
    if (n > 0) {
      const double mean = group.sum.at[lane] / static_cast<double>(n);
      const double m2 = group.squares.at[lane] - group.sum.at[lane] * mean;
      JoinMoments(&closed, f, n, group.shift.at[lane] + mean, m2 > 0.0 ? m2 : 0.0);
      SetShift(&group, lane, closed.mean[f]);
    }
    if (std::isinf(group.squares.at[lane]) || std::isnan(group.squares.at[lane])) {
      closed.m2[f] = kInfinity;
    }
    group.sum.at[lane] = 0.0;
    group.squares.at[lane] = 0.0;
    group.numbers.at[lane] = 0;
    group.infinite.at[lane] = 0;
  }
}

template <typename T>
void SettleGroups(ProfileState* state, Open<T>* open) {
  Closed& closed = state->closed;
  const std::uint32_t edges = state->edges();
  const std::uint32_t count = state->options.edge_count;
  for (std::uint32_t f = 0; f < state->options.features; ++f) {
    const std::uint32_t lane = f % kLanes;
    const Group<T>& group = open->groups[f / kLanes];
    closed.min[f] = std::min(closed.min[f], static_cast<double>(group.min.at[lane]));
    closed.max[f] = std::max(closed.max[f], static_cast<double>(group.max.at[lane]));
    const auto* own = open->cumulative.data() + std::size_t{f / kLanes} * edges;
    for (std::uint32_t e = 0; e < count; ++e) {
      closed.cumulative[std::size_t{f} * count + e] += own[e].at[lane];
    }
    if (state->has_range()) {
      closed.at_least_low[f] += own[count].at[lane];
      closed.above[f] += own[count + 1].at[lane];
      closed.below[f] = closed.count[f] - closed.at_least_low[f];
    }
  }
  std::fill(open->cumulative.begin(), open->cumulative.end(), Counters<T>{});
}

template <typename T>
void ShiftGroups(const Closed& closed, std::uint32_t features, Open<T>* open) {
  for (std::uint32_t f = 0; f < features; ++f) {
    if (closed.count[f] > 0 && std::isfinite(closed.mean[f])) {
      SetShift(&open->groups[f / kLanes], f % kLanes, closed.mean[f]);
      open->unshifted[f / kLanes] &= static_cast<std::uint16_t>(~(1U << (f % kLanes)));
    }
  }
}

}  // namespace

ProfileState::ProfileState(ProfileOptions chosen)
    : options(std::move(chosen)), kernels(&ChooseKernels()) {
  const std::size_t features = options.features;
  for (auto* counts :
       {&closed.count, &closed.nan, &closed.positive, &closed.negative}) {
    counts->assign(features, 0);
  }
  closed.mean.assign(features, 0.0);
  closed.m2.assign(features, 0.0);
  closed.min.assign(features, kInfinity);
  closed.max.assign(features, -kInfinity);
  closed.cumulative.assign(features * options.edge_count, 0);
  if (has_range()) {
    for (auto* counts : {&closed.at_least_low, &closed.below, &closed.above}) {
      counts->assign(features, 0);
    }
  }
  if (has_histogram()) {
    histogram.assign(features * kBinsStride, 0);
    closed.histogram.assign(features * kBins, 0);
  }
  if (options.quantiles) {
    sketch.assign(features * kSketchStride, 0);
  }
  if (options.categories) {
    categories.reserve(features);
    for (std::size_t f = 0; f < features; ++f) {
      categories.emplace_back(options.known.empty() ? std::vector<std::uint64_t>{}
                                                    : options.known[f]);
    }
  }
  if (NeedsDouble(options.kind)) {
    Prepare(*this, &doubles);
  } else {
    Prepare(*this, &floats);
  }
}

void ProfileState::CloseMoments() {
  if (open_rows == 0) {
    return;
  }
  if (NeedsDouble(options.kind)) {
    CloseGroups(this, &doubles);
  } else {
    CloseGroups(this, &floats);
  }
  open_rows = 0;
}

void ProfileState::Settle() {
  CloseMoments();
  if (unsettled_rows == 0) {
    return;
  }
  if (NeedsDouble(options.kind)) {
    SettleGroups(this, &doubles);
  } else {
    SettleGroups(this, &floats);
  }
  if (has_histogram()) {
    for (std::size_t f = 0; f < options.features; ++f) {
      for (std::uint32_t bin = 0; bin < kBins; ++bin) {
        closed.histogram[f * kBins + bin] += histogram[f * kBinsStride + bin];
      }
    }
    std::fill(histogram.begin(), histogram.end(), 0);
  }
  unsettled_rows = 0;
}

void ProfileState::SettleSketch() {
  closed.sketch.resize(sketch.size(), 0);
  for (std::size_t i = 0; i < sketch.size(); ++i) {
    closed.sketch[i] += sketch[i];
  }
  std::fill(sketch.begin(), sketch.end(), 0);
  sketch_rows = 0;
}

void MergeSketch(const ProfileState& from, ProfileState* to) {
  if (!from.closed.sketch.empty() ||
      to->sketch_rows + from.sketch_rows >= kSettleRows) {
    to->SettleSketch();
    for (std::size_t i = 0; i < to->sketch.size(); ++i) {
      to->closed.sketch[i] += from.SketchCount(i);
    }
    return;
  }
  for (std::size_t i = 0; i < to->sketch.size(); ++i) {
    to->sketch[i] += from.sketch[i];
  }
  to->sketch_rows += from.sketch_rows;
}

void ProfileState::ShiftToMeans() {
  if (NeedsDouble(options.kind)) {
    ShiftGroups(closed, options.features, &doubles);
  } else {
    ShiftGroups(closed, options.features, &floats);
  }
}

void JoinMoments(Closed* closed, std::uint32_t f, std::uint64_t n, double mean,
                 double m2) {
  if (n == 0) {
    return;
  }
  const auto more = static_cast<double>(n);
  const auto before = static_cast<double>(closed->count[f]);
  const double both = before + more;
  const double delta = mean - closed->mean[f];
  if (closed->count[f] == 0) {
    closed->mean[f] = mean;
    closed->m2[f] = m2;
  } else {
    closed->mean[f] += delta * (more / both);
    const double joined = closed->m2[f] + m2 + delta * delta * (before * more / both);
    closed->m2[f] = std::isnan(joined) ? kInfinity : joined;
  }
  closed->count[f] += n;
}

}  // namespace leeboard::stats
