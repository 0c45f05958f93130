// Tensors as the layers above the wire speak of them: what a model declares, and the
// rows of one request once they have been checked against it.
//
// Thread safety: values.

#ifndef LEEBOARD_WIRE_TENSOR_ROWS_H_
#define LEEBOARD_WIRE_TENSOR_ROWS_H_

#include <cstdint>
#include <span>
#include <string>

#include "wire/dtype.h"
#include "wire/infer_request.h"

namespace leeboard::wire {

// One input or output that a model declares, without the batch dimension; -1 is free.
struct TensorSpec {
  std::string name;
  DType dtype = DType::kInvalid;
  Shape shape;
  bool optional = false;  // An input that requests may leave out.
};

// One input of a row (of the whole request for a model that does not batch).
struct RowInput {
  DType dtype = DType::kInvalid;
  Shape shape;  // Without the batch dimension; no free dims.
  std::uint64_t elements = 0;
  std::uint64_t row_bytes = 0;  // 0 for BYTES.
  std::uint32_t index = 0;      // Its place in the model's signature.

  [[nodiscard]] bool is_bytes() const { return dtype == DType::kBytes; }
};

// One input's data of one request, checked against its RowInput.
struct InputData {
  const InputTensor* tensor = nullptr;
  std::uint64_t size = 0;  // Of the raw layout.
  bool typed = false;      // Comes as typed contents, to be converted.
};

// One request: the inputs that it has, in the order of the model's signature.
struct RequestRows {
  std::span<const RowInput> inputs;
  std::span<const InputData> data;
  std::uint32_t rows = 0;  // 1 for a model that does not batch.
};

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_TENSOR_ROWS_H_
