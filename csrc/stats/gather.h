// Brings 16 features of a block of rows into one place, as floats or doubles.
//
// Used where a kernel cannot read rows as they lie: other types, and the last features
// of a row that are fewer than 16; the lanes without a feature are zero.
//
// Thread safety: pure functions.

#ifndef LEEBOARD_STATS_GATHER_H_
#define LEEBOARD_STATS_GATHER_H_

#include <cstddef>
#include <cstdint>

#include "stats/kernels.h"
#include "stats/kind.h"

namespace leeboard::stats {

struct GatherFrom {
  const std::uint8_t* rows;  // The first of the features in the first row.
  std::size_t stride;        // Bytes from row to row.
  std::uint32_t count;
  std::uint32_t lanes;  // 1 to 16.
};

// REQUIRES: `out` has room for `count` rows; the kind fits into its type.
void Gather(Kind kind, const GatherFrom& from, Lanes<float>* out);
void Gather(Kind kind, const GatherFrom& from, Lanes<double>* out);

// One value of a whole kind, as two's complement of 64 bits.
std::uint64_t WholeValue(Kind kind, const std::uint8_t* value);

}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_GATHER_H_
