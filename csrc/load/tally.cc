#include "load/tally.h"

namespace leeboard::load {
namespace {

constexpr Nanos kSecond = 1'000'000'000;
constexpr double kMicroseconds = 1e-3;

}  // namespace

void Tally::BeginMeasuring(Nanos at) {
  CloseSecond(at);
  begin_ = at;
  second_ends_ = at + kSecond;
}

void Tally::OnSent(Nanos due, Nanos now, bool was_held) {
  totals_.sent.Add();
  if (!is_measured(due)) {
    return;
  }
  if (was_held) {
    ++held_back_;
  } else {
    lag_.Add(now - due);
  }
}

void Tally::OnEnding(const Ending& ending) {
  Tick(ending.now);
  if (keeps_records_) {
    records_.push_back({ending.due, ending.sent, ending.now, ending.version,
                        ending.wrong ? -1 : ending.status});
  }
  const bool failed = ending.status != kStatusOk;
  const bool is_ok = !failed && !ending.wrong;
  totals_.answered.Add();
  (failed ? totals_.failed : ending.wrong ? totals_.wrong : totals_.ok).Add();
  if (is_ok) {
    this_second_.Add(ending.now - ending.due);
  } else {
    ++failed_this_second_;
  }
  if (is_measured(ending.now)) {
    ++answered_within_;
    ok_within_ += is_ok ? 1 : 0;
  }
  const auto status = static_cast<std::size_t>(ending.status);
  if (failed && words_[status].empty() && ending.text != nullptr) {
    words_[status] = *ending.text;
  }
  if (!is_measured(ending.due)) {
    return;
  }
  if (failed) {
    ++errors_[status];
  } else if (ending.wrong) {
    ++wrong_;
  } else {
    latency_.Add(ending.now - ending.due);
  }
}

void Tally::Tick(Nanos now) {
  if (second_ends_ == 0) {
    second_ends_ = now + kSecond;
  }
  while (now >= second_ends_) {
    CloseSecond(second_ends_);
    second_ends_ += kSecond;
  }
}

void Tally::Finish() {
  if (this_second_.count() + failed_this_second_ > 0) {
    CloseSecond(second_ends_);
  }
}

void Tally::CloseSecond(Nanos now) {
  Second second;
  second.second = begin_ == kNever ? -1 : (now - begin_) / kSecond - 1;
  second.ok = this_second_.count();
  second.failed = failed_this_second_;
  second.p50_us = this_second_.Quantile(0.5) * kMicroseconds;
  second.p99_us = this_second_.Quantile(0.99) * kMicroseconds;
  second.max_us = static_cast<double>(this_second_.max()) * kMicroseconds;
  this_second_.Clear();
  failed_this_second_ = 0;
  if (begin_ != kNever) {
    series_.push_back(second);
  }
  const std::lock_guard lock(mu_);
  last_second_ = second;
  has_second_ = true;
}

Second Tally::last_second() const {
  const std::lock_guard lock(mu_);
  return last_second_;
}

bool Tally::has_second() const {
  const std::lock_guard lock(mu_);
  return has_second_;
}

}  // namespace leeboard::load
