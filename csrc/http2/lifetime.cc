#include "http2/lifetime.h"

namespace leeboard::http2 {
namespace {

bool IsOver(Nanos limit, Nanos since, Nanos now) {
  return limit > 0 && now - since >= limit;
}

}  // namespace

Lifetime::Lifetime(const LifetimeLimits& limits, std::uint64_t jitter)
    : limits_(limits) {
  constexpr std::uint64_t kParts = 1024;  // Of a fifth, from a tenth less on.
  const Nanos fifth = limits.max_age / 5;
  max_age_ = limits.max_age - fifth / 2 +
             static_cast<Nanos>(jitter % kParts) * (fifth / static_cast<Nanos>(kParts));
}

Lifetime::Step Lifetime::Look(Nanos now, const Seen& seen) {
  if (born_at_ == 0) {
    born_at_ = now;
    heard_at_ = now;
    busy_at_ = now;
  }
  if (seen.heard) {
    heard_at_ = now;
    pinged_at_ = 0;
  }
  if (seen.open_calls > 0 || seen.newest_stream != newest_stream_) {
    busy_at_ = now;
    newest_stream_ = seen.newest_stream;
  }
  if (pinged_at_ != 0 && IsOver(limits_.keepalive_timeout, pinged_at_, now)) {
    return Step::kCloseSilent;
  }
  if (drain_at_ != 0 || IsOver(max_age_, born_at_, now) ||
      IsOver(limits_.max_idle, busy_at_, now)) {
    return Drain(now, seen);
  }
  if (pinged_at_ == 0 && IsOver(limits_.keepalive_time, heard_at_, now)) {
    pinged_at_ = now;
    return Step::kPing;
  }
  return Step::kNone;
}

Lifetime::Step Lifetime::Drain(Nanos now, const Seen& seen) {
  if (drain_at_ == 0) {
    drain_at_ = now;
  }
  ++drain_looks_;
  constexpr int kSteps = 2;
  if (drain_looks_ <= kSteps) {
    return Step::kDrain;
  }
  const bool is_over = now - drain_at_ >= limits_.drain_grace;
  return seen.open_calls == 0 || is_over ? Step::kClose : Step::kNone;
}

}  // namespace leeboard::http2
