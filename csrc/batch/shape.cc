#include "batch/shape.h"

#include <algorithm>

namespace leeboard::batch {

std::string ShapeKey(std::span<const RowInput> inputs) {
  std::string key;
  for (const RowInput& input : inputs) {
    const auto dims = input.shape.view();
    key.push_back(static_cast<char>(input.index));  // Less than kMaxTensors.
    key.push_back(static_cast<char>(dims.size()));
    key.append(reinterpret_cast<const char*>(dims.data()), dims.size_bytes());
  }
  return key;
}

bool SameShape(const Shape& shape, std::span<const RowInput> inputs) {
  if (shape.layout.input_count != inputs.size()) {
    return false;
  }
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const shm::InputRecord& record = shape.layout.inputs[i];
    const auto dims = inputs[i].shape.view();
    if (record.index != inputs[i].index || record.rank != dims.size() ||
        !std::equal(dims.begin(), dims.end(), record.dims.begin())) {
      return false;
    }
  }
  return true;
}

void FillLayout(std::span<const RowInput> inputs, bool batched, std::uint32_t layout_id,
                Shape* shape) {
  shm::LayoutRecord& layout = shape->layout;
  layout.layout_id = layout_id;
  layout.input_count = static_cast<std::uint32_t>(inputs.size());
  layout.batched = batched ? 1 : 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const RowInput& input = inputs[i];
    shm::InputRecord& record = layout.inputs[i];
    record.dtype = static_cast<std::uint32_t>(input.dtype);
    record.is_bytes = input.is_bytes() ? 1 : 0;
    record.rank = input.shape.rank;
    record.index = input.index;
    std::copy_n(input.shape.dims.begin(), input.shape.rank, record.dims.begin());
    record.row_bytes = input.row_bytes;
    shape->elements[i] = input.elements;
    shape->row_bytes += input.row_bytes;
    shape->has_bytes = shape->has_bytes || input.is_bytes();
  }
}

}  // namespace leeboard::batch
