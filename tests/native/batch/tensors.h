// Tensors as tests of the batch layer write them, and as a worker sees them.

#ifndef LEEBOARD_TESTS_NATIVE_BATCH_TENSORS_H_
#define LEEBOARD_TESTS_NATIVE_BATCH_TENSORS_H_

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "wire/tensor_rows.h"

namespace leeboard::batch {

// One input's data of a request: dims of a row, and raw bytes of all rows.
struct Tensor {
  std::vector<std::int64_t> dims;
  std::string raw;
};

inline wire::TensorSpec Spec(wire::DType dtype, std::vector<std::int64_t> dims) {
  wire::TensorSpec spec;
  spec.name = "t";
  spec.dtype = dtype;
  spec.shape.rank = static_cast<std::uint8_t>(dims.size());
  std::copy(dims.begin(), dims.end(), spec.shape.dims.begin());
  return spec;
}

// A BYTES element as it lies in memory.
inline std::string Element(std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  std::string raw(sizeof size, '\0');
  std::memcpy(raw.data(), &size, sizeof size);
  return raw.append(text);
}

// What a batch looks like to its worker: raw bytes by input and row.
struct SeenBatch {
  std::uint32_t rows = 0;
  std::uint32_t segments = 0;  // That it was gathered from.
  std::vector<std::vector<std::string>> inputs;
  std::vector<std::vector<std::int64_t>> dims;  // Of a row, by input.
  bool batched = false;
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_TESTS_NATIVE_BATCH_TENSORS_H_
