// The load generator: one thread that asks a server and counts what comes back.
//
// Open loop: requests are due at moments that Arrivals chooses, whatever the server
// does, and latency counts from the moment a request was due. A stall is so charged to
// every request that it delayed, those included that could not even leave (no
// "coordinated omission"). Closed loop: a fixed number of requests is kept in flight.
//
// A run is warm-up, measured part, then a wait for what is still in flight. Errors are
// counted and never end a run; only the loss of every connection for `give_up` does. A
// refused stream, or one that the server has not seen (GOAWAY), is asked again once, as
// gRPC clients do.
//
// Thread safety: Start, Wait and the destructor by the owner; Stop, phase and progress
// on any thread; results once Wait has returned true.

#ifndef LEEBOARD_LOAD_GENERATOR_H_
#define LEEBOARD_LOAD_GENERATOR_H_

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/poller.h"
#include "base/status.h"
#include "load/arrivals.h"
#include "load/connection.h"
#include "load/golden.h"
#include "load/tally.h"

namespace leeboard::load {

struct LoadOptions {
  std::string host;  // Numeric.
  std::uint16_t port = 0;
  std::string authority;
  std::string method;
  std::vector<std::pair<std::string, std::string>> headers;
  std::uint32_t connections = 1;
  std::uint32_t in_flight = 1;  // Over all connections.
  double rate = 0.0;            // 0: closed loop.
  bool poisson = true;
  std::uint64_t seed = 0;
  Nanos warmup = 0;
  Nanos duration = 0;
  std::uint64_t warmup_requests = 0;  // When above 0, instead of warmup.
  std::uint64_t requests = 0;         // When above 0, answers instead of duration.
  Nanos timeout = 0;
  bool tells_deadline = false;
  Nanos connect_timeout = 0;
  // Requests that were due in time and could not leave are tried for so long after.
  Nanos backlog_grace = 2'000'000'000;
  Nanos give_up = 5'000'000'000;  // Without a connection for so long, it is over.
  Profile profile = Profile::kPacked;
  bool keeps_records = false;  // Of every request; see Tally.
};

enum class Phase : std::uint8_t { kConnecting, kWarmup, kMeasuring, kDraining, kOver };
enum class End : std::uint8_t { kTime, kCount, kStopped, kLost };

class Generator final : public ExchangeListener {
 public:
  // `goldens` is empty or has one entry for each message.
  Generator(LoadOptions options, std::vector<std::string> messages,
            std::vector<Golden> goldens);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // Connects, within connect_timeout, then starts the thread. Once.
  Status Start();
  // Ends the measured part now and does not wait for what is in flight.
  void Stop();
  // True when the run is over. Waits at most `timeout`.
  bool Wait(Nanos timeout);

  [[nodiscard]] Phase phase() const { return phase_.load(std::memory_order_acquire); }
  // Since the phase began.
  [[nodiscard]] Nanos elapsed() const;
  [[nodiscard]] const Tally& tally() const { return tally_; }
  [[nodiscard]] std::uint64_t in_flight() const;

  [[nodiscard]] End ended() const { return end_; }
  // When the warm-up began: the moment that arrivals count from.
  [[nodiscard]] Nanos began() const { return began_; }
  [[nodiscard]] Nanos measured() const { return measure_end_ - measure_begin_; }
  // Share of the measured part in which the thread was not waiting.
  [[nodiscard]] double busy_share() const;
  [[nodiscard]] Nanos cpu() const { return cpu_end_ - cpu_begin_; }
  [[nodiscard]] std::uint64_t connections_lost() const { return connections_lost_; }
  [[nodiscard]] std::uint64_t retried() const { return retried_; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return shared_.bytes_sent; }
  [[nodiscard]] std::uint64_t bytes_received() const { return shared_.bytes_received; }

  // ExchangeListener.
  void OnEnded(Exchange* exchange, Outcome&& outcome) override;

 private:
  // A place for a connection; empty while it is down.
  struct Lane {
    std::unique_ptr<Connection> connection;
    std::vector<std::unique_ptr<Connection>> leaving;  // Finishing after GOAWAY.
    Nanos opened_at = 0;
    Nanos retry_at = 0;
    Nanos retry_gap = 0;  // Above 0 while the last attempt is one that failed.
  };

  // lanes.cc
  Status Connect();
  Status AwaitOpen(Nanos until);
  Status OpenLane(Lane* lane, Nanos now);
  void LoseConnection(Lane* lane, Nanos now);
  void Maintain(Nanos now);
  void MaintainLane(Lane* lane, Nanos now);
  void Register(Connection* connection);
  Connection* NextWithRoom();
  [[nodiscard]] bool AnyUseful() const;
  void Await(Nanos timeout);
  void FlushDirty();
  void FlushOne(Connection* connection);
  // generator.cc
  void Run();
  void RunOnce();
  void EnterPhase(Phase phase, Nanos now);
  void AdvancePhase(Nanos now);
  void FinishMeasuring(Nanos end, End why);
  [[nodiscard]] bool IsDrained(Nanos now) const;
  void ExpireOld(Nanos now);
  // Counts how an exchange ended and makes it idle.
  void Finish(Exchange* exchange, const Outcome& outcome, Nanos now);
  void Count(const Ending& ending);
  void ExpireAgain(Nanos now);
  void Append(Exchange* exchange);
  void Unlink(Exchange* exchange);
  void AbandonRest(Nanos now);
  void CountUnsent();
  // sending.cc
  void SendDue(Nanos now);
  void SendClosed();
  void SendOpen(Arrivals* arrivals, Nanos now);
  void FailUnsent(Nanos due);
  // One that is not in flight; null when in_flight are.
  Exchange* TakeIdle();
  // False: nothing can be sent now.
  bool Send(Exchange* exchange);
  [[nodiscard]] Nanos SleepFor(Nanos now) const;

  const LoadOptions options_;
  const std::vector<std::string> messages_;
  const std::vector<Golden> goldens_;
  RequestHead head_;
  ConnectionShared shared_;
  Poller poller_;
  std::vector<Lane> lanes_;
  std::size_t next_lane_ = 0;
  std::vector<std::unique_ptr<Exchange>> exchanges_;
  std::vector<Exchange*> idle_;
  std::deque<Exchange*> again_;  // Refused once; due as they were.
  Exchange* oldest_ = nullptr;
  Exchange* newest_ = nullptr;
  std::optional<Arrivals> arrivals_;
  bool was_held_ = false;    // The server's limits, or ours, kept a due request back.
  bool has_more_ = false;    // A pass ended at its bound with more to send.
  bool is_failing_ = false;  // Every lane waits before it connects again.
  std::uint64_t next_message_ = 0;
  GoldenCheck check_;
  Tally tally_;

  Nanos began_ = 0;
  Nanos measure_begin_ = 0;
  Nanos measure_end_ = 0;
  Nanos drain_end_ = 0;
  Nanos down_since_ = 0;  // 0 while a connection is open.
  Nanos last_activity_ = 0;
  Nanos waited_ = 0;       // Within the measured part.
  Nanos poll_waited_ = 0;  // In the last Await.
  Nanos cpu_begin_ = 0;
  Nanos cpu_end_ = 0;
  std::uint64_t connections_lost_ = 0;
  std::uint64_t retried_ = 0;
  End end_ = End::kTime;

  std::atomic<bool> stop_{false};
  std::atomic<Phase> phase_{Phase::kConnecting};
  std::atomic<Nanos> phase_began_{0};
  std::mutex mu_;
  std::condition_variable over_;
  std::thread thread_;
};

}  // namespace leeboard::load

#endif  // LEEBOARD_LOAD_GENERATOR_H_
