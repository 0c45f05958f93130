// When the generator sends, and how long it may sleep until then.

#include <algorithm>
#include <string>

#include "load/generator.h"

namespace leeboard::load {
namespace {

constexpr Nanos kMicrosecond = 1'000;
constexpr Nanos kMillisecond = 1'000'000;
// In an open loop a sleeping processor would be late: it spins this long before a
// request is due, and this long after something happened while an answer is due.
constexpr Nanos kSpinBefore = 300 * kMicrosecond;
constexpr Nanos kSpinAfter = 500 * kMicrosecond;
constexpr Nanos kLongestSleep = 50 * kMillisecond;
// Requests that leave in one pass before answers are looked at again.
constexpr std::size_t kMostInOnePass = 256;

}  // namespace

void Generator::SendDue(Nanos now) {
  has_more_ = false;
  while (!again_.empty()) {
    Exchange* exchange = again_.front();
    again_.pop_front();
    if (!Send(exchange)) {
      again_.push_front(exchange);
      was_held_ = true;
      return;
    }
  }
  if (arrivals_) {
    SendOpen(&*arrivals_, now);
  } else if (phase() != Phase::kDraining) {
    was_held_ = false;
    SendClosed();
  }
}

void Generator::SendClosed() {
  for (std::size_t sent = 0; sent < kMostInOnePass; ++sent) {
    Exchange* exchange = TakeIdle();
    if (exchange == nullptr) {
      return;
    }
    exchange->due = MonotonicNow();
    if (!Send(exchange)) {
      idle_.push_back(exchange);
      was_held_ = true;
      return;
    }
    tally_.OnSent(exchange->due, exchange->sent, false);
  }
  has_more_ = true;
}

void Generator::SendOpen(Arrivals* arrivals, Nanos now) {
  const bool is_draining = phase() == Phase::kDraining;
  const Nanos until = is_draining ? std::min(now, measure_end_ - 1) : now;
  if (is_draining && now >= measure_end_ + options_.backlog_grace) {
    return;
  }
  for (std::size_t sent = 0; sent < kMostInOnePass; ++sent) {
    const Nanos due = began_ + arrivals->due();
    if (due > until) {
      was_held_ = false;  // Caught up.
      return;
    }
    if (is_failing_) {
      arrivals->Advance();
      FailUnsent(due);
      continue;
    }
    Exchange* exchange = TakeIdle();
    if (exchange == nullptr) {
      was_held_ = true;
      return;
    }
    exchange->due = due;
    if (!Send(exchange)) {
      idle_.push_back(exchange);
      was_held_ = true;
      return;
    }
    arrivals->Advance();
    tally_.OnSent(due, exchange->sent, was_held_);
  }
  has_more_ = true;
}

// A request that is due while no connection is open fails at once, as with gRPC
// clients that do not wait for readiness.
void Generator::FailUnsent(Nanos due) {
  static const std::string kText = "no connection to the server";
  tally_.OnFailedUnsent();
  Count({kStatusUnavailable, false, due, MonotonicNow(), &kText});
}

Exchange* Generator::TakeIdle() {
  if (idle_.empty() && exchanges_.size() < options_.in_flight) {
    exchanges_.push_back(std::make_unique<Exchange>());
    return exchanges_.back().get();
  }
  if (idle_.empty()) {
    return nullptr;
  }
  Exchange* exchange = idle_.back();
  idle_.pop_back();
  return exchange;
}

bool Generator::Send(Exchange* exchange) {
  Connection* connection = NextWithRoom();
  if (connection == nullptr) {
    return false;
  }
  if (exchange->attempts == 0) {
    exchange->message = next_message_++ % messages_.size();
  }
  const std::string& message = messages_[exchange->message];
  exchange->request = {reinterpret_cast<const std::uint8_t*>(message.data()),
                       message.size()};
  exchange->keeps_reply = !goldens_.empty();
  const Nanos now = MonotonicNow();
  if (!connection->Start(exchange, now)) {
    return false;
  }
  if (exchange->attempts++ == 0) {
    exchange->sent = now;
  }
  Append(exchange);
  if (options_.profile == Profile::kOrdinary) {
    FlushOne(connection);
  }
  return true;
}

Nanos Generator::SleepFor(Nanos now) const {
  Nanos sleep = kLongestSleep;
  if (oldest_ != nullptr) {
    sleep = std::min(sleep, oldest_->sent + options_.timeout - now);
  }
  if (phase() == Phase::kWarmup && options_.warmup_requests == 0) {
    sleep = std::min(sleep, began_ + options_.warmup - now);
  } else if (phase() == Phase::kMeasuring && options_.requests == 0) {
    sleep = std::min(sleep, measure_begin_ + options_.duration - now);
  }
  if (has_more_) {
    sleep = 0;
  } else if (!again_.empty() || was_held_) {
    sleep = std::min(sleep, kMillisecond);
  } else if (arrivals_ && phase() != Phase::kDraining) {
    sleep = std::min(sleep, began_ + arrivals_->due() - now - kSpinBefore);
    if (oldest_ != nullptr && now - last_activity_ < kSpinAfter) {
      sleep = 0;
    }
  }
  return std::max<Nanos>(sleep, 0);
}

}  // namespace leeboard::load
