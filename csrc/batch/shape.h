// Rows of one shape: what may share a batch, and how it lies in memory.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_BATCH_SHAPE_H_
#define LEEBOARD_BATCH_SHAPE_H_

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "shm/control.h"
#include "wire/tensor_rows.h"

namespace leeboard::batch {

struct Batch;

using wire::InputData;
using wire::RequestRows;
using wire::RowInput;

struct Shape {
  std::string key;
  shm::LayoutRecord layout;
  std::uint64_t layout_offset = 0;
  std::uint64_t elements[shm::kMaxTensors] = {};  // Of one row, by input.
  std::uint64_t row_bytes = 0;                    // All inputs that are not BYTES.
  bool has_bytes = false;
  std::uint32_t max_rows = 1;             // Of a batch, at most.
  std::uint32_t close_rows = 1;           // From here on a batch takes no more.
  std::uint32_t slab_rows = 1;            // Of a segment that requests share.
  std::uint64_t output_row_bytes = 0;     // Known from the signature, or learned.
  Batch* open = nullptr;                  // Takes new rows.
  std::uint32_t batches = 0;              // That exist.
  std::uint64_t used_at = 0;              // Tick of the last use, for eviction.
  std::vector<std::uint64_t> free_slabs;  // Offsets of shared segments to use again.

  // Size of a segment for `rows` rows.
  [[nodiscard]] std::uint64_t SegmentSize(std::uint32_t rows,
                                          std::uint64_t bytes_capacity) const {
    return shm::InputOffset(layout, layout.input_count, rows, bytes_capacity);
  }
  [[nodiscard]] std::uint64_t SlabSize() const {
    return SegmentSize(slab_rows, has_bytes ? kSlabBytesRoom : 0);
  }

  static constexpr std::uint64_t kSlabBytesRoom = 64 << 10;  // Of each BYTES input.
};

// The key under which rows may share a batch: which inputs they have, and their dims;
// dtypes are the model's.
std::string ShapeKey(std::span<const RowInput> inputs);
bool SameShape(const Shape& shape, std::span<const RowInput> inputs);
void FillLayout(std::span<const RowInput> inputs, bool batched, std::uint32_t layout_id,
                Shape* shape);

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_SHAPE_H_
