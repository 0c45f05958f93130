// What one version has done since it was loaded.
//
// Thread safety: written by the I/O thread, read by any (relaxed).

#ifndef LEEBOARD_BATCH_COUNTERS_H_
#define LEEBOARD_BATCH_COUNTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/histogram.h"

namespace leeboard::batch {

// Why a request was not answered with tensors.
enum class Reason : std::uint8_t {
  kInvalid = 0,  // The request itself is wrong.
  kRejected,     // A full queue, budget or region.
  kDeadline,     // Its time ran out.
  kCancelled,    // The client went away.
  kModelError,   // The model failed on it.
  kWorkerLost,   // Two workers died on it.
  kUnavailable,  // The version or the server is not ready.
  kTimeout,      // No worker claimed it within the queue's time.
};
inline constexpr std::size_t kReasons = 8;

inline constexpr std::size_t kDeaths = 5;  // Of Death (worker_link.h).

// Sums for Triton's per-size statistics.
struct SizeCounters {
  Counter batches;
  Counter input_ns, infer_ns, output_ns;
};

struct VersionCounters {
  explicit VersionCounters(std::uint32_t max_rows) : by_size(max_rows + 1) {}

  void Fail(Reason reason) { failed[static_cast<std::size_t>(reason)].Add(); }

  Counter requests_ok;
  Counter responses;  // Of decoupled versions: there a request has any number of them.
  std::array<Counter, kReasons> failed;
  Counter rows;
  Counter batches;
  Counter dead_rows_pruned;    // Dropped before they cost compute.
  Counter dead_rows_computed;  // Their client left after the batch was claimed.
  Counter reruns;              // Requests that ran again after a worker's death.
  std::array<Counter, kDeaths> deaths;  // Workers that ended, by Death.
  Counter quarantined;  // Batches whose requests ran alone after a death.
  Counter guilty;       // Requests that ended a worker on which they ran alone.
  Counter last_inference_ms;
  Counter queued;        // Gauge: requests that no worker has claimed, as far as known.
  Counter open_batches;  // Gauge: batches that exist.
  Counter shapes;        // Gauge: live shapes.
  Counter input_bytes_used;  // Gauge: bytes of the input region that are in use.
  Counter output_grants;     // Gauge: output areas of live workers that are in use.
  Counter workers;           // Gauge: workers that take batches.
  Counter input_ns, infer_ns, output_ns, queue_ns;
  LatencyHistogram queue{kLatencyBoundsNs};
  LatencyHistogram compute{kLatencyBoundsNs};
  LatencyHistogram total{kLatencyBoundsNs};
  RowHistogram batch_rows{kRowBounds};
  std::vector<SizeCounters> by_size;  // Index: rows of the batch.
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_COUNTERS_H_
