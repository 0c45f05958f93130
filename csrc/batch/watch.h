// What a version is asked and what it answers: profiles of its tensors, and single
// answers for those who know better later.
//
// A Watch is filled by the I/O thread while batches are answered. The control plane
// exchanges it for an empty one now and then and reads it then: nobody waits, and
// nothing is shared. Only rows whose client was answered are in it.
//
// Thread safety: none; it has one owner at a time.

#ifndef LEEBOARD_BATCH_WATCH_H_
#define LEEBOARD_BATCH_WATCH_H_

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "batch/batch.h"
#include "batch/thinner.h"
#include "shm/control.h"
#include "stats/kind.h"
#include "stats/tensor_profile.h"

namespace leeboard::batch {

// A finished batch, as it lies in memory.
struct WatchedBatch {
  const Batch* batch = nullptr;
  const std::uint8_t* inputs = nullptr;   // The version's region.
  const std::uint8_t* outputs = nullptr;  // What the records' offsets count from.
  const shm::Completion* completion = nullptr;
  Nanos now = 0;
};

struct WatchedTensor {
  bool is_output = false;
  std::uint32_t index = 0;  // In the signature.
  stats::Kind kind = stats::Kind::kFloat32;
  // Rows are watched by what row_summary.h makes of them, whatever their length. Else
  // rows of another length than the profile's are counted and passed over.
  bool is_summary = false;
  std::unique_ptr<stats::TensorProfile> profile;
  std::uint64_t other_length = 0;  // Rows.
};

// Which answers are kept one by one. A request is chosen by its id's hash, so that
// whoever sends labels can tell (base/xxhash64.h).
struct JournalOptions {
  std::uint64_t below = 0;  // Of the hash's upper 53 bits; 0: no journal.
  std::uint64_t most_bytes = 4U << 20;
  std::uint64_t most_tensor_bytes = 4U << 10;  // Of one row; larger ones are left out.
  std::vector<std::uint32_t> outputs = {};     // Kept of each row, by index.
  std::vector<std::uint32_t> inputs = {};      // The same: what tells groups apart.
};

class Watch {
 public:
  Watch(std::vector<WatchedTensor> tensors, JournalOptions journal)
      : tensors_(std::move(tensors)), options_(std::move(journal)) {}

  void Add(const WatchedBatch& batch, Thinner* thinner);

  [[nodiscard]] std::vector<WatchedTensor>& tensors() { return tensors_; }
  // Rows that were answered, and those of them that are in the profiles.
  [[nodiscard]] std::uint64_t rows() const { return rows_; }
  [[nodiscard]] std::uint64_t kept() const { return kept_; }
  // Records back to back, little-endian: u32 bytes that follow, u64 nanoseconds since
  // 1970, u32 row of the request, u32 size of its id and the id; then for each output
  // and each input of the options u32 size and the row's bytes (size ~0: left out).
  [[nodiscard]] const std::string& journal() const { return journal_; }
  [[nodiscard]] std::uint64_t without_id() const { return without_id_; }
  [[nodiscard]] std::uint64_t unsampled() const { return unsampled_; }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  // Rows of one segment that follow each other.
  struct Run {
    const OwnedSegment* segment;
    std::uint32_t segment_row;
    std::uint32_t batch_row;
    std::uint32_t rows;
  };

  void FindRuns(const Batch& batch, Thinner* thinner);
  std::uint64_t AddInput(const WatchedBatch& batch, WatchedTensor* tensor);
  std::uint64_t AddOutput(const WatchedBatch& batch, WatchedTensor* tensor);
  static std::uint64_t AddRows(const std::uint8_t* rows, std::uint64_t row_bytes,
                               std::uint32_t count, WatchedTensor* tensor);
  void Note(const WatchedBatch& batch, const Member& member, std::uint64_t wall_ns);
  void NoteRow(const WatchedBatch& batch, const Member& member, std::uint32_t row,
               std::uint64_t wall_ns);
  void NoteTensor(std::span<const std::uint8_t> bytes, bool is_there);

  std::vector<WatchedTensor> tensors_;
  JournalOptions options_;
  std::vector<Run> runs_;
  std::uint64_t rows_ = 0;
  std::uint64_t kept_ = 0;
  std::string journal_;
  std::uint64_t without_id_ = 0;
  std::uint64_t unsampled_ = 0;
  std::uint64_t dropped_ = 0;
};

// Where a version's queue finds what watches it, if anything does.
struct WatchSlot {
  // Some two hundredths of a processor: a value costs about half a nanosecond.
  static constexpr double kValuesPerSecond = 5e7;

  std::shared_ptr<Watch> watch;
  Thinner thinner{kValuesPerSecond};
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_WATCH_H_
