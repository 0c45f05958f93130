// Which requests are traced, and the records of those and of slow ones.
//
// The caller's flag decides, or a share of all traces; both only up to a rate. Callers
// come first: requests whose trace begins here may use half of it. A request that is
// neither sampled nor slow costs two stores and two comparisons.
//
// Thread safety: Prepare and Take on the control plane's thread (or under its lock),
// counters on any; the rest on the I/O thread.

#ifndef LEEBOARD_FRONT_TRACER_H_
#define LEEBOARD_FRONT_TRACER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "base/histogram.h"
#include "base/token_bucket.h"
#include "front/trace_record.h"
#include "front/trace_ring.h"

namespace leeboard::front {

struct TraceOptions {
  bool on = false;
  bool parent_based = true;   // A caller's flag decides where there is one.
  double share = 0.0;         // Of the other traces, by their ids; 0 to 1.
  double most_per_s = 100.0;  // Sampled requests.
  Nanos slow_after = kNever;  // A request that took as long is recorded as slow.
};

struct TraceCounters {
  Counter sampled;      // Requests that were given a span.
  Counter over_rate;    // Would have been, but for most_per_s.
  Counter dropped;      // Records for which there was no room.
  Counter slow;         // Requests that took slow_after or longer.
  Counter slow_unsaid;  // Of those, without a record: too many in a second.
};

class Tracer {
 public:
  static constexpr TokenRate kSlowRate = SecondsWorth(10);  // Records of slow requests.

  // Makes room for records. To be called before Set turns anything on; idempotent.
  void Prepare();
  // Finished records, oldest first; some are left when there are very many.
  std::vector<TraceRecord> Take();

  void Set(const TraceOptions& options);

  // Begins a request. `traceparent` is the caller's header, or empty.
  void Begin(std::string_view traceparent, Nanos now, Trace* trace) {
    *trace = Trace{};
    trace->arrived = now;
    if (on_) {
      Sample(traceparent, now, trace);
    }
  }
  // Whether the end of a request is worth telling: ask this first.
  [[nodiscard]] bool Wants(const Trace& trace, Nanos now) const {
    return trace.sampled || now - trace.arrived >= slow_after_;
  }
  // Records the end. REQUIRES: Wants.
  void End(const Trace& trace, const TraceEnd& end, Nanos now);

  [[nodiscard]] const TraceCounters& counters() const { return counters_; }

 private:
  void Sample(std::string_view traceparent, Nanos now, Trace* trace);
  std::uint64_t Random();

  bool on_ = false;
  Nanos slow_after_ = kNever;
  TraceOptions options_;
  std::uint64_t threshold_ = 0;  // A trace is sampled when its low half is below.
  bool takes_all_ = false;
  TokenRate rate_;
  TokenBucket sample_bucket_;
  TokenBucket slow_bucket_;
  std::uint64_t random_ = 0;
  TraceCounters counters_;
  std::unique_ptr<TraceRing> ring_;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_TRACER_H_
