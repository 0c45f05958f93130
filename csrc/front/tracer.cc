#include "front/tracer.h"

#include <sys/random.h>

#include <algorithm>

#include "front/trace_context.h"

namespace leeboard::front {
namespace {

constexpr std::size_t kMostTaken = 1024;
// Names and ids are the client's and may be as long as a message.
constexpr std::size_t kLongestName = 256;
constexpr std::size_t kLongestId = 128;
constexpr std::size_t kLongestState = 512;  // As much as has to be passed on.
constexpr double kKeptForCallers = 0.5;

void Keep(std::string_view text, std::size_t most, std::string* out) {
  out->assign(text.substr(0, most));
}

// `time` if it was told, kept between its neighbours; else 0.
Nanos Within(Nanos time, Nanos from, Nanos to) {
  return time == 0 ? 0 : std::clamp(time, from, std::max(from, to));
}

}  // namespace

void Tracer::Prepare() {
  if (ring_ != nullptr) {
    return;
  }
  ring_ = std::make_unique<TraceRing>();
  if (getrandom(&random_, sizeof random_, 0) != sizeof random_) {
    random_ = static_cast<std::uint64_t>(MonotonicNow());
  }
}

std::vector<TraceRecord> Tracer::Take() {
  return ring_ == nullptr ? std::vector<TraceRecord>() : ring_->Take(kMostTaken);
}

void Tracer::Set(const TraceOptions& options) {
  if (options.most_per_s != options_.most_per_s || !on_) {
    rate_ = SecondsWorth(options.most_per_s);
    sample_bucket_ = TokenBucket();
  }
  options_ = options;
  on_ = options.on;
  slow_after_ = options.slow_after;
  takes_all_ = options.share >= 1;
  constexpr double kTwoTo64 = 18446744073709551616.0;
  threshold_ = takes_all_ || !(options.share > 0)
                   ? 0
                   : static_cast<std::uint64_t>(options.share * kTwoTo64);
}

// SplitMix64 (Steele, Lea and Flood 2014): ids need to differ, not to be secrets.
std::uint64_t Tracer::Random() {
  random_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = random_;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  return z ^ z >> 31;
}

void Tracer::Sample(std::string_view traceparent, Nanos now, Trace* trace) {
  TraceContext caller;
  const bool has_caller =
      !traceparent.empty() && ParseTraceparent(traceparent, &caller);
  if (!has_caller) {
    caller.trace_high = Random();
    caller.trace_low = Random();
  }
  const bool in_share = takes_all_ || caller.trace_low < threshold_;
  const bool by_caller = has_caller && options_.parent_based;
  if (!(by_caller ? caller.sampled : in_share)) {
    return;
  }
  const double kept = by_caller ? 0 : kKeptForCallers * (rate_.burst - 1);
  if (!sample_bucket_.Take(rate_, now, kept)) {
    counters_.over_rate.Add();
    return;
  }
  counters_.sampled.Add();
  trace->sampled = true;
  trace->trace_high = caller.trace_high;
  trace->trace_low = caller.trace_low;
  trace->parent = caller.span;
  do {
    trace->span = Random();
  } while (trace->span == 0);
}

void Tracer::End(const Trace& trace, const TraceEnd& end, Nanos now) {
  const bool is_slow = now - trace.arrived >= slow_after_;
  bool is_said = false;
  if (is_slow) {
    counters_.slow.Add();
    is_said = slow_bucket_.Take(kSlowRate, now);
    counters_.slow_unsaid.Add(is_said ? 0 : 1);
  }
  if (!trace.sampled && !is_said) {
    return;
  }
  TraceRecord* record = ring_ == nullptr ? nullptr : ring_->Reserve();
  if (record == nullptr) {
    counters_.dropped.Add();
    return;
  }
  record->trace = trace;
  TraceContext caller;
  if (!trace.sampled && ParseTraceparent(end.traceparent, &caller)) {
    record->trace.trace_high = caller.trace_high;
    record->trace.trace_low = caller.trace_low;
    record->trace.parent = caller.span;
  }
  // The worker's clocks are its word: they are kept between the queue and now.
  const Nanos from = std::max(trace.complete, trace.arrived);
  record->replied = std::max(now, from);
  record->claimed = Within(end.claimed, from, now);
  record->run_began = Within(end.run_began, std::max(from, record->claimed), now);
  record->run_ended = Within(end.run_ended, std::max(from, record->run_began), now);
  record->slow = is_said;
  record->was_claimed = end.was_claimed || end.claimed != 0;
  record->code = end.code;
  record->rows = end.rows;
  record->batch_rows = end.batch_rows;
  Keep(end.model, kLongestName, &record->model);
  Keep(end.version, kLongestName, &record->version);
  Keep(end.route, kLongestName, &record->route);
  Keep(end.request_id, kLongestId, &record->request_id);
  Keep(end.tracestate, kLongestState, &record->tracestate);
  ring_->Publish();
}

}  // namespace leeboard::front
