// A long row in a few numbers, for tensors with too many values to watch each.
//
// Thread safety: a pure function.

#ifndef LEEBOARD_STATS_ROW_SUMMARY_H_
#define LEEBOARD_STATS_ROW_SUMMARY_H_

#include <array>
#include <cstdint>

#include "stats/kind.h"

namespace leeboard::stats {

// Mean, standard deviation, least and largest of the finite values (NaN when there is
// none), and the share of values that are not finite (NaN for a row without values).
inline constexpr std::uint32_t kSummaryFeatures = 5;
using RowSummary = std::array<double, kSummaryFeatures>;

// REQUIRES: row points at `count` values of any alignment.
RowSummary SummariseRow(Kind kind, const std::uint8_t* row, std::uint64_t count);

}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_ROW_SUMMARY_H_
