// What the front end and one worker share besides tensors: the layout of a control
// region and of the word that is handed over. batch_layout.h describes a batch.
//
// The hand-over has no lock, so a worker that dies between any two instructions leaves
// nothing held. A batch is one 64-bit word in `offers`. The front end publishes it OPEN
// and, while nobody has claimed it, adds rows or takes it back with a compare-and-swap;
// the worker claims it with one:
//
//   (front) -> OPEN -> (worker) CLAIMED -> (worker) a Completion
//              OPEN -> (front) WITHDRAWN -> (front) OPEN again, or (worker) SKIPPED
//
// A batch of a decoupled model is one request with any number of responses. Each is a
// Completion with `more`; one without, and without outputs, ends the batch. The worker
// writes the next response only once `taken` says that the last one was taken: until
// then its memory is the front end's to read. When `cancelled` names the batch nobody
// wants its responses: the worker ends it as soon as it sees that.
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
#include "shm/batch_layout.h"

namespace leeboard::shm {

inline constexpr std::uint32_t kOffers = 8;  // Ring of words; a power of two.
inline constexpr std::uint32_t kDepth = 2;   // One batch runs, one is prefetched.
inline constexpr std::uint32_t kCompletions =
    4;  // Of each batch a response and an end.
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
  std::uint32_t more = 0;  // One response of a decoupled model: the batch goes on.
  std::uint32_t reserved = 0;
  // Monotonic nanoseconds: claimed, run begun, run ended; with many responses, the run
  // is what made this one.
  std::int64_t claimed_at = 0;
  std::int64_t run_began_at = 0;
  std::int64_t run_ended_at = 0;
  std::array<char, 976> message{};  // NUL-terminated.
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
  // Completions that the front end has done with (modulo 2^32); written for decoupled
  // models only.
  alignas(64) std::atomic<std::uint32_t> taken{0};
  // CancelWord of the batch that nobody waits for any more, or 0; as `taken`.
  std::atomic<std::uint32_t> cancelled{0};
  alignas(64) std::array<Completion, kCompletions> completions{};
};

constexpr std::uint32_t CancelWord(std::uint32_t seq) {
  return (seq & Word::kSeqMask) << 1 | 1U;
}

static_assert(std::atomic<std::uint64_t>::is_always_lock_free);
static_assert(std::is_trivially_copyable_v<Completion>);
static_assert(kCompletions >= 2 * kDepth);

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_CONTROL_H_
