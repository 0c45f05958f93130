#include "load/generator.h"

#include <sys/prctl.h>

#include <algorithm>
#include <chrono>
#include <ctime>

namespace leeboard::load {
namespace {

constexpr Nanos kMillisecond = 1'000'000;
constexpr Nanos kSecond = 1'000'000'000;
// Longer times are as good, and sums of a few of them do not overflow.
constexpr Nanos kLongest = Nanos{1} << 61;
constexpr Nanos kLongestWait = 3'600 * kSecond;

Nanos ThreadCpu() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * kSecond + used.tv_nsec;
}

// grpc-timeout has at most eight digits.
std::string TimeoutText(const LoadOptions& options) {
  if (!options.tells_deadline) {
    return {};
  }
  const Nanos ms = std::max<Nanos>(options.timeout / kMillisecond, 1);
  return ms < 100'000'000 ? std::to_string(ms) + "m"
                          : std::to_string(options.timeout / kSecond) + "S";
}

LoadOptions Bounded(LoadOptions options) {
  for (Nanos* time :
       {&options.warmup, &options.duration, &options.timeout, &options.connect_timeout,
        &options.backlog_grace, &options.give_up}) {
    *time = std::clamp<Nanos>(*time, 0, kLongest);
  }
  return options;
}

}  // namespace

Generator::Generator(LoadOptions options, std::vector<std::string> messages,
                     std::vector<Golden> goldens)
    : options_(Bounded(std::move(options))),
      messages_(std::move(messages)),
      goldens_(std::move(goldens)),
      head_(options_.authority, options_.method, TimeoutText(options_),
            options_.headers),
      lanes_(options_.connections) {
  shared_.profile = options_.profile;
  shared_.head = &head_;
  shared_.listener = this;
  if (options_.keeps_records) {
    tally_.KeepRecords();
  }
  if (options_.rate > 0) {
    arrivals_.emplace(options_.rate, options_.poisson, options_.seed);
  }
}

Generator::~Generator() {
  Stop();
  if (thread_.joinable()) {
    thread_.join();
  }
  for (Lane& lane : lanes_) {
    lane.connection.reset();
    lane.leaving.clear();
  }
}

Status Generator::Start() {
  if (thread_.joinable() || phase() != Phase::kConnecting) {
    return Status::InvalidArgument("the generator was started before");
  }
  if (messages_.empty() || options_.in_flight == 0 || options_.connections == 0 ||
      (!goldens_.empty() && goldens_.size() != messages_.size())) {
    return Status::InvalidArgument("nothing to send, or nothing to send it by");
  }
  if (Status status = Connect(); !status.ok()) {
    phase_.store(Phase::kOver, std::memory_order_release);
    return status;
  }
  thread_ = std::thread([this] {
    prctl(PR_SET_NAME, "bench-load");
    prctl(PR_SET_TIMERSLACK, 1);
    Run();
  });
  return {};
}

void Generator::Stop() {
  stop_.store(true, std::memory_order_release);
}

bool Generator::Wait(Nanos timeout) {
  std::unique_lock lock(mu_);
  return over_.wait_for(lock, std::chrono::nanoseconds(std::min(timeout, kLongestWait)),
                        [this] { return phase() == Phase::kOver; });
}

Nanos Generator::elapsed() const {
  const Nanos began = phase_began_.load(std::memory_order_relaxed);
  return began == 0 ? 0 : MonotonicNow() - began;
}

std::uint64_t Generator::in_flight() const {
  // Answered first: it never passes what was sent before it was read.
  const std::uint64_t answered = tally_.totals().answered.get();
  const std::uint64_t sent = tally_.totals().sent.get();
  return sent > answered ? sent - answered : 0;
}

double Generator::busy_share() const {
  return measured() <= 0 ? 0.0
                         : std::clamp(1.0 - static_cast<double>(waited_) /
                                                static_cast<double>(measured()),
                                      0.0, 1.0);
}

void Generator::Run() {
  began_ = MonotonicNow();
  EnterPhase(Phase::kWarmup, began_);
  while (phase() != Phase::kOver) {
    RunOnce();
  }
}

void Generator::RunOnce() {
  const Nanos began = MonotonicNow();
  AdvancePhase(began);
  if (phase() == Phase::kOver) {
    return;
  }
  Maintain(began);
  const std::uint64_t sent_before = tally_.totals().sent.get();
  ExpireOld(began);
  SendDue(began);
  FlushDirty();
  const Nanos timeout = SleepFor(MonotonicNow());
  const std::uint64_t received_before = shared_.bytes_received;
  Await(timeout);
  const Nanos after = MonotonicNow();
  tally_.Tick(after);
  const bool was_idle = shared_.bytes_received == received_before;
  if (!was_idle || tally_.totals().sent.get() != sent_before) {
    last_activity_ = after;
  }
  if (phase() == Phase::kMeasuring) {
    if (was_idle && timeout == 0 && tally_.totals().sent.get() == sent_before) {
      waited_ += after - began;  // A pass that found nothing to do.
    } else {
      waited_ += poll_waited_;
    }
  }
}

void Generator::EnterPhase(Phase phase, Nanos now) {
  phase_began_.store(now, std::memory_order_relaxed);
  if (phase == Phase::kOver) {
    const std::lock_guard lock(mu_);
    phase_.store(phase, std::memory_order_release);
    over_.notify_all();
    return;
  }
  phase_.store(phase, std::memory_order_release);
}

void Generator::AdvancePhase(Nanos now) {
  const bool is_stopped = stop_.load(std::memory_order_acquire);
  const bool is_lost = down_since_ != 0 && now - down_since_ > options_.give_up;
  if (phase() == Phase::kWarmup) {
    const bool by_count = options_.warmup_requests > 0;
    const Nanos begin = by_count ? now : began_ + options_.warmup;
    const bool is_warm =
        by_count ? tally_.totals().answered.get() >= options_.warmup_requests
                 : now >= begin;
    if (is_warm || is_stopped || is_lost) {
      measure_begin_ = std::min(begin, now);
      measure_end_ = measure_begin_;
      cpu_begin_ = ThreadCpu();
      tally_.BeginMeasuring(measure_begin_);
      if (options_.requests == 0) {
        tally_.EndMeasuring(measure_begin_ + options_.duration);
      }
      EnterPhase(Phase::kMeasuring, measure_begin_);
    }
  }
  if (phase() == Phase::kMeasuring) {
    const Nanos end = measure_begin_ + options_.duration;
    if (is_stopped || is_lost) {
      FinishMeasuring(now, is_stopped ? End::kStopped : End::kLost);
    } else if (options_.requests == 0 && now >= end) {
      FinishMeasuring(end, End::kTime);
    }
  }
  if (phase() == Phase::kDraining &&
      (IsDrained(now) || now >= drain_end_ || is_stopped || is_lost)) {
    AbandonRest(now);
    CountUnsent();
    tally_.Finish();
    EnterPhase(Phase::kOver, now);
  }
}

void Generator::FinishMeasuring(Nanos end, End why) {
  measure_end_ = end;
  tally_.EndMeasuring(end);
  cpu_end_ = ThreadCpu();
  end_ = why;
  drain_end_ = end + options_.backlog_grace + options_.timeout;
  EnterPhase(Phase::kDraining, end);
}

bool Generator::IsDrained(Nanos now) const {
  if (oldest_ != nullptr || !again_.empty()) {
    return false;
  }
  return !arrivals_ || began_ + arrivals_->due() >= measure_end_ ||
         now >= measure_end_ + options_.backlog_grace;
}

void Generator::ExpireOld(Nanos now) {
  static const std::string kText = "no answer within the time limit";
  while (oldest_ != nullptr && now - oldest_->sent >= options_.timeout) {
    Exchange* exchange = oldest_;
    exchange->connection->Cancel(exchange);
    Unlink(exchange);
    Finish(exchange, {kStatusDeadlineExceeded, kText, false}, now);
  }
  ExpireAgain(now);
}

// What waits for its second chance must not wait longer than the rest.
void Generator::ExpireAgain(Nanos now) {
  for (std::size_t left = again_.size(); left > 0; --left) {
    Exchange* exchange = again_.front();
    again_.pop_front();
    if (is_failing_) {
      Finish(exchange, {kStatusUnavailable, "no connection to the server", false}, now);
    } else if (now - exchange->sent >= options_.timeout) {
      Finish(exchange, {kStatusDeadlineExceeded, "refused, and no room since", false},
             now);
    } else {
      again_.push_back(exchange);
    }
  }
}

void Generator::OnEnded(Exchange* exchange, Outcome&& outcome) {
  Unlink(exchange);
  if (outcome.refused && exchange->attempts < 2 && phase() != Phase::kOver) {
    ++retried_;
    again_.push_back(exchange);
    return;
  }
  Finish(exchange, outcome, MonotonicNow());
}

void Generator::Finish(Exchange* exchange, const Outcome& outcome, Nanos now) {
  bool wrong = false;
  std::uint32_t version = 0;
  if (outcome.status == kStatusOk && !goldens_.empty()) {
    const auto* reply = reinterpret_cast<const std::uint8_t*>(exchange->reply.data());
    wrong =
        !check_.Matches({reply, exchange->reply.size()}, goldens_[exchange->message]);
    version = check_.version();
  }
  exchange->attempts = 0;
  idle_.push_back(exchange);
  Count({outcome.status, wrong, exchange->due, now, &outcome.text, exchange->sent,
         version});
}

void Generator::Count(const Ending& ending) {
  tally_.OnEnding(ending);
  if (options_.requests > 0 && phase() == Phase::kMeasuring &&
      tally_.answered_within() >= options_.requests) {
    FinishMeasuring(ending.now, End::kCount);
  }
}

// Behind those that first left before it: one that is sent again keeps its time limit.
void Generator::Append(Exchange* exchange) {
  Exchange* older = newest_;
  while (older != nullptr && older->sent > exchange->sent) {
    older = older->older;
  }
  exchange->older = older;
  exchange->newer = older == nullptr ? oldest_ : older->newer;
  (older == nullptr ? oldest_ : older->newer) = exchange;
  (exchange->newer == nullptr ? newest_ : exchange->newer->older) = exchange;
}

void Generator::Unlink(Exchange* exchange) {
  (exchange->older == nullptr ? oldest_ : exchange->older->newer) = exchange->newer;
  (exchange->newer == nullptr ? newest_ : exchange->newer->older) = exchange->older;
}

// What is still in flight when the run is over was given up by us.
void Generator::AbandonRest(Nanos now) {
  const Outcome outcome = {kStatusCancelled, "the run ended first", false};
  while (oldest_ != nullptr) {
    Exchange* exchange = oldest_;
    exchange->connection->Cancel(exchange);
    Unlink(exchange);
    Finish(exchange, outcome, now);
  }
  for (; !again_.empty(); again_.pop_front()) {
    Finish(again_.front(), outcome, now);
  }
  FlushDirty();
}

void Generator::CountUnsent() {
  if (!arrivals_) {
    return;
  }
  arrivals_->Skip(measure_begin_ - began_);
  tally_.OnUnsent(arrivals_->Skip(measure_end_ - began_));
}

}  // namespace leeboard::load
