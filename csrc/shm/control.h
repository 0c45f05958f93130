// What the front end and one worker share besides tensors: the layout of a control
// region, of a batch's description and of the word that is handed over.
//
// The hand-over has no lock, so a worker that dies between any two instructions leaves
// nothing held. A batch is one 64-bit word in `offers`. The front end publishes it OPEN
// and, while nobody has claimed it, adds rows or takes it back with a compare-and-swap;
// the worker claims it with one:
//
//   (front) -> OPEN -> (worker) CLAIMED -> (worker) a Completion
//              OPEN -> (front) WITHDRAWN -> (front) OPEN again, or (worker) SKIPPED
//
// Everything the worker can write is hostile to the front end: it reads a word once,
// checks it against its private record and ends the worker when they disagree.

#ifndef LEEBOARD_SHM_CONTROL_H_
#define LEEBOARD_SHM_CONTROL_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "shm/arena.h"

namespace leeboard::shm {

inline constexpr std::uint32_t kOffers = 8;        // Ring of words; a power of two.
inline constexpr std::uint32_t kDepth = 2;         // One batch runs, one is prefetched.
inline constexpr std::uint32_t kCompletions = 4;   // More than kDepth.
inline constexpr std::uint32_t kMaxTensors = 128;  // Inputs or outputs of a model.
inline constexpr std::uint32_t kMaxRank = 8;
inline constexpr std::uint32_t kMaxRows = 0xFFFF;

enum class WordState : std::uint8_t {
  kOpen = 0,
  kClaimed = 1,
  kWithdrawn = 2,
  kSkipped = 3
};

// seq:18 | state:2 | rows:16 | header:28 (the batch header's offset /
// Arena::kAlignment).
struct Word {
  std::uint32_t seq = 0;
  WordState state = WordState::kOpen;
  std::uint32_t rows = 0;
  std::uint64_t header_offset = 0;

  static constexpr std::uint32_t kSeqMask = (1U << 18) - 1;

  [[nodiscard]] constexpr std::uint64_t Encode() const {
    return (std::uint64_t{seq & kSeqMask} << 46) |
           (std::uint64_t{static_cast<std::uint8_t>(state)} << 44) |
           (std::uint64_t{rows & kMaxRows} << 28) | (header_offset / Arena::kAlignment);
  }
  static constexpr Word Decode(std::uint64_t bits) {
    return {static_cast<std::uint32_t>(bits >> 46),
            static_cast<WordState>((bits >> 44) & 3U),
            static_cast<std::uint32_t>((bits >> 28) & kMaxRows),
            (bits & ((1ULL << 28) - 1)) * Arena::kAlignment};
  }
  [[nodiscard]] Word With(WordState next) const {
    return {seq, next, rows, header_offset};
  }
};

// The region of inputs is addressed by Word::header_offset.
inline constexpr std::uint64_t kMaxInputRegion = (1ULL << 28) * Arena::kAlignment;

// One output of a finished batch, in the order of the model's signature.
struct OutputRecord {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::array<std::int64_t, kMaxRank> dims{};
  std::uint32_t rank = 0;
  std::uint32_t reserved = 0;
};

struct Completion {
  std::uint32_t seq = 0;
  std::uint32_t code = 0;  // leeboard::Code; kOk or the batch failed with `message`.
  std::uint32_t output_count = 0;
  // The outputs lie in a region of their own, sent over the worker's descriptor socket
  // before this record was published, because they did not fit into what was granted.
  std::uint32_t has_own_region = 0;
  std::int64_t claimed_at = 0;  // Monotonic nanoseconds: claimed, run begun, run ended.
  std::int64_t run_began_at = 0;
  std::int64_t run_ended_at = 0;
  std::array<char, 984> message{};  // NUL-terminated.
  std::array<OutputRecord, kMaxTensors> outputs{};
};

struct ControlPage {
  std::array<std::atomic<std::uint64_t>, kOffers> offers{};
  // Set by the worker before it blocks; read by the front end after it published.
  alignas(64) std::atomic<std::uint32_t> worker_sleeps{0};
  // Set by the front end before it blocks; read by the worker after it published.
  alignas(64) std::atomic<std::uint32_t> front_sleeps{0};
  // Completions published so far (modulo 2^32); pairs release with the front's acquire.
  alignas(64) std::atomic<std::uint32_t> completed{0};
  // From here on a batch takes no more rows; written by the front end before it offers.
  alignas(64) std::atomic<std::uint32_t> close_rows{0};
  // The signal that ends the worker, if it crashed (crash_note.h).
  alignas(64) std::atomic<std::uint32_t> crash_signal{0};
  alignas(64) std::array<Completion, kCompletions> completions{};
};

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

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::is_trivially_copyable_v<Completion>);
static_assert(std::is_trivially_copyable_v<Segment>);

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_CONTROL_H_
