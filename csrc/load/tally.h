// What a generator has counted: totals that any thread may read while it runs, and the
// figures of the measured part.
//
// Thread safety: Totals are relaxed counters with one writer; `last second` is behind a
// mutex; everything else belongs to the generator's thread until that has ended.

#ifndef LEEBOARD_LOAD_TALLY_H_
#define LEEBOARD_LOAD_TALLY_H_

#include <array>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/histogram.h"
#include "load/exchange.h"
#include "load/log_histogram.h"

namespace leeboard::load {

// Since the start, warm-up included.
struct Totals {
  Counter sent;
  Counter answered;  // ok + wrong + failed.
  Counter ok;
  Counter wrong;
  Counter failed;
};

// One second of answers, by the time they came. Seconds count from the beginning of the
// measured part; the warm-up's are -1.
struct Second {
  std::int64_t second = 0;
  std::uint64_t ok = 0;
  std::uint64_t failed = 0;
  double p50_us = 0;
  double p99_us = 0;
  double max_us = 0;
};

// How one exchange ended.
struct Ending {
  int status = kStatusOk;
  bool wrong = false;  // The status is OK and the answer is not the golden one.
  Nanos due = 0;
  Nanos now = 0;
  const std::string* text = nullptr;
  Nanos sent = 0;             // 0: it never left.
  std::uint32_t version = 0;  // Which version answered, where goldens are compared.
};

// The same, kept of every request: read by others as it lies in memory.
struct Record {
  std::int64_t due = 0;
  std::int64_t sent = 0;
  std::int64_t ended = 0;
  std::uint32_t version = 0;
  std::int32_t outcome = 0;  // A gRPC code; -1 is OK with a wrong answer.
};

class Tally {
 public:
  // The measured part is [begin, end); the end may be moved later, never to before
  // what was counted.
  void BeginMeasuring(Nanos at);
  void EndMeasuring(Nanos at) { end_ = at; }
  [[nodiscard]] bool is_measured(Nanos due) const {
    return due >= begin_ && due < end_;
  }

  // From now on every ending is kept, which takes 32 bytes each.
  void KeepRecords() { keeps_records_ = true; }
  [[nodiscard]] const std::deque<Record>& records() const { return records_; }

  void OnSent(Nanos due, Nanos now, bool was_held);
  // A request that failed before it could leave; OnEnding follows.
  void OnFailedUnsent() { totals_.sent.Add(); }
  void OnEnding(const Ending& ending);
  // A request that was due within the measured part and never left.
  void OnUnsent(std::uint64_t count) { unsent_ += count; }
  // Closes seconds that are over; call it at least once a second.
  void Tick(Nanos now);
  // Closes the last second, which is not a whole one, if it has anything.
  void Finish();

  [[nodiscard]] const Totals& totals() const { return totals_; }
  [[nodiscard]] Second last_second() const;
  [[nodiscard]] bool has_second() const;

  // Of the measured part. requests = ok + wrong + errors + unsent.
  [[nodiscard]] std::uint64_t ok() const { return latency_.count(); }
  [[nodiscard]] std::uint64_t wrong() const { return wrong_; }
  [[nodiscard]] std::uint64_t unsent() const { return unsent_; }
  [[nodiscard]] std::uint64_t held_back() const { return held_back_; }
  [[nodiscard]] std::uint64_t errors(int status) const {
    return errors_[static_cast<std::size_t>(status)];
  }
  // The first words that came with a status, wherever in the run.
  [[nodiscard]] const std::string& words(int status) const {
    return words_[static_cast<std::size_t>(status)];
  }
  // Answered within the measured part, whenever they were due.
  [[nodiscard]] std::uint64_t answered_within() const { return answered_within_; }
  [[nodiscard]] std::uint64_t ok_within() const { return ok_within_; }
  [[nodiscard]] const LogHistogram& latency() const { return latency_; }
  [[nodiscard]] const LogHistogram& lag() const { return lag_; }
  [[nodiscard]] const std::vector<Second>& series() const { return series_; }

 private:
  void CloseSecond(Nanos now);

  Totals totals_;
  Nanos begin_ = kNever;
  Nanos end_ = kNever;
  LogHistogram latency_;
  LogHistogram lag_;
  std::uint64_t wrong_ = 0;
  std::uint64_t unsent_ = 0;
  std::uint64_t held_back_ = 0;
  std::uint64_t answered_within_ = 0;
  std::uint64_t ok_within_ = 0;
  std::array<std::uint64_t, kHighestStatus + 1> errors_{};
  std::array<std::string, kHighestStatus + 1> words_;
  LogHistogram this_second_;
  std::uint64_t failed_this_second_ = 0;
  Nanos second_ends_ = 0;
  std::vector<Second> series_;
  bool keeps_records_ = false;
  std::deque<Record> records_;  // Grows without moving what it has.
  mutable std::mutex mu_;
  Second last_second_;       // Guarded by mu_.
  bool has_second_ = false;  // Guarded by mu_.
};

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_TALLY_H_
