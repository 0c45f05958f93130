// What a profile keeps: what kernels write (open), and what readers see (closed).
//
// Moments are closed after at most kCloseRows rows, into doubles by the formula of
// Chan, Golub and LeVeque ("Updating formulae and a pairwise algorithm for computing
// sample variances", 1979); the closed mean is then the shift of what follows. Counters
// are closed by readers, or long before 32 bits are full.
//
// Thread safety: none.

#ifndef LEEBOARD_STATS_PROFILE_STATE_H_
#define LEEBOARD_STATS_PROFILE_STATE_H_

#include <cstdint>
#include <vector>

#include "stats/categories.h"
#include "stats/kernels.h"
#include "stats/tensor_profile.h"

namespace leeboard::stats {

inline constexpr std::uint32_t kCloseRows = 256;
inline constexpr std::uint64_t kSettleRows = 1ULL << 30;

template <typename T>
struct Open {
  std::vector<Group<T>> groups;
  std::vector<Counters<T>> cumulative;  // Per group: edges().
  std::vector<Lanes<T>> edges;          // The same.
  std::vector<Lanes<T>> low, per_unit;  // Of the histogram, per group.
  // Lanes that have not seen a finite value, and so have no shift.
  std::vector<std::uint16_t> unshifted;
};

struct Closed {
  std::uint64_t rows = 0;
  std::vector<std::uint64_t> count, nan, positive, negative;
  std::vector<double> mean, m2, min, max;
  std::vector<std::uint64_t> cumulative;  // features x edge_count.
  std::vector<std::uint64_t> at_least_low, below, above;
  std::vector<std::uint64_t> histogram;
  // The sketch's counts of earlier rows; made when 32 bits would not do.
  std::vector<std::uint64_t> sketch;
};

struct ProfileState {
  ProfileOptions options;
  const Kernels* kernels = nullptr;
  Open<float> floats;  // One of the two is in use: NeedsDouble(options.kind).
  Open<double> doubles;
  std::vector<std::uint32_t> histogram;  // Open: features x kBinsStride.
  std::vector<std::uint32_t> sketch;     // Open: features x kSketchStride.
  std::uint64_t sketch_rows = 0;         // In `sketch`.
  std::vector<CategoryCounter> categories;
  std::uint32_t open_rows = 0;       // Since moments were closed.
  std::uint64_t unsettled_rows = 0;  // Since counters were.
  Closed closed;

  // REQUIRES: the options are valid.
  explicit ProfileState(ProfileOptions chosen);

  [[nodiscard]] bool has_range() const { return !options.low.empty(); }
  [[nodiscard]] bool has_histogram() const { return !options.histogram_low.empty(); }
  [[nodiscard]] std::uint32_t groups() const {
    return (options.features + kLanes - 1) / kLanes;
  }
  [[nodiscard]] std::uint32_t edges() const {
    return options.edge_count + (has_range() ? kRangeEdges : 0);
  }
  [[nodiscard]] std::uint64_t SketchCount(std::uint64_t place) const {
    return sketch[place] + (closed.sketch.empty() ? 0 : closed.sketch[place]);
  }

  void CloseMoments();
  // Makes `closed` whole.
  void Settle();
  void SettleSketch();
  // The mean of what is closed becomes the shift of what comes.
  void ShiftToMeans();
};

// Joins mean and m2 of `n` values into those of feature `f`.
void JoinMoments(Closed* closed, std::uint32_t f, std::uint64_t n, double mean,
                 double m2);

void MergeSketch(const ProfileState& from, ProfileState* to);

Status CheckOptions(const ProfileOptions& options);
// Bytes that a state with these options takes, about.
std::uint64_t StateBytes(const ProfileOptions& options);

}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_PROFILE_STATE_H_
