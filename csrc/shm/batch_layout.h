// How a batch lies in the region of inputs, as the front end describes it to workers.

#ifndef LEEBOARD_SHM_BATCH_LAYOUT_H_
#define LEEBOARD_SHM_BATCH_LAYOUT_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <type_traits>

namespace leeboard::shm {

inline constexpr std::uint32_t kMaxTensors = 128;  // Inputs or outputs of a model.
inline constexpr std::uint32_t kMaxRank = 8;

// The description of a batch, written by the front end into the region of inputs, which
// workers can only read. A layout is shared by all batches of one shape.
struct InputRecord {
  std::uint32_t dtype = 0;     // wire::DType; this layer only carries it.
  std::uint32_t is_bytes = 0;  // Elements of varying length, back to back.
  std::uint32_t rank = 0;      // Of one row, without the batch dimension.
  std::uint32_t index = 0;  // In the model's signature: optional ones may be missing.
  std::array<std::int64_t, kMaxRank> dims{};
  std::uint64_t row_bytes = 0;  // 0 where is_bytes.
};

struct LayoutRecord {
  std::uint32_t layout_id = 0;  // Never reused within a region.
  std::uint32_t input_count = 0;
  std::uint32_t batched = 0;  // The tensors have a batch dimension.
  std::uint32_t reserved = 0;
  std::array<InputRecord, kMaxTensors> inputs{};
};

// Rows that lie together. Input i begins at offset + InputOffset(i) for `capacity`
// rows.
struct Segment {
  std::uint64_t offset = 0;
  std::uint32_t capacity = 0;  // Rows it was laid out for.
  std::uint32_t row_end = 0;   // Rows of the batch up to and including this segment.
  std::uint64_t bytes_capacity = 0;  // Room of each BYTES input.
};

struct BatchHeader {
  std::uint64_t layout_offset = 0;
  std::uint64_t output_offset = 0;  // What the worker may write of its output region.
  std::uint64_t output_capacity = 0;
  // The segments follow.

  [[nodiscard]] Segment* segments() { return reinterpret_cast<Segment*>(this + 1); }
  [[nodiscard]] const Segment* segments() const {
    return reinterpret_cast<const Segment*>(this + 1);
  }
};

// The last segment of an open batch may be read while the front end extends it, so its
// row_end is written and read as an atomic. A worker takes the smaller of row_end and
// the rows of the word that it claimed.
inline std::uint32_t RowEnd(const Segment& segment) {
  auto& row_end = const_cast<std::uint32_t&>(segment.row_end);
  return std::atomic_ref<std::uint32_t>(row_end).load(std::memory_order_relaxed);
}

// Writes entry `index` of a batch that may be open: only row_end of an entry that
// exists changes, and entries behind the published rows are not looked at.
inline void WriteSegment(const Segment& segment, std::uint32_t index,
                         BatchHeader* header) {
  Segment& entry = header->segments()[index];
  if (entry.offset != segment.offset || entry.capacity != segment.capacity ||
      entry.bytes_capacity != segment.bytes_capacity) {
    entry.offset = segment.offset;
    entry.capacity = segment.capacity;
    entry.bytes_capacity = segment.bytes_capacity;
  }
  std::atomic_ref<std::uint32_t>(entry.row_end)
      .store(segment.row_end, std::memory_order_relaxed);
}

// Where input `index` begins inside a segment; index == input_count is the segment's
// size.
inline std::uint64_t InputOffset(const LayoutRecord& layout, std::uint32_t index,
                                 std::uint32_t capacity, std::uint64_t bytes_capacity) {
  std::uint64_t offset = 0;
  for (std::uint32_t i = 0; i < index; ++i) {
    const InputRecord& input = layout.inputs[i];
    const std::uint64_t size =
        input.is_bytes != 0 ? bytes_capacity : input.row_bytes * capacity;
    offset += (size + 63) / 64 * 64;
  }
  return offset;
}

static_assert(std::is_trivially_copyable_v<Segment>);

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_BATCH_LAYOUT_H_
