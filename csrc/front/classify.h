// The classification extension: the highest values of an output instead of all of them.
//
// Triton's form: "value:index", or "value:index:label" where the class has a name, by
// falling value, equal ones by rising index. NaN comes last.
//
// Source: Triton's classification extension.
// Thread safety: pure.

#ifndef LEEBOARD_FRONT_CLASSIFY_H_
#define LEEBOARD_FRONT_CLASSIFY_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "wire/dtype.h"
#include "wire/infer_request.h"

namespace leeboard::front {

// Rows of one output, each with `classes` values, back to back.
struct Scores {
  wire::DType dtype = wire::DType::kInvalid;  // Not kBytes.
  wire::Bytes raw;                            // All rows.
  std::uint64_t rows = 0;
  std::uint64_t classes = 0;
};

// It runs on the I/O thread, so what one request may ask for is bounded.
inline constexpr std::uint64_t kMostScores = 1 << 20;  // Values looked at.
inline constexpr std::uint64_t kMostNamed = 1 << 14;   // Values given back.

// Appends the `most` highest classes of each row as BYTES elements. `labels` may name
// fewer classes than there are. RESOURCE_EXHAUSTED when it is too much work.
Status Classify(const Scores& scores, std::uint64_t most,
                const std::vector<std::string>& labels, std::string* elements);

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_CLASSIFY_H_
