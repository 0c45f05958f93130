// Anything in any order with a decoupled model: responses, readers that dawdle, sinks
// that want no more, clients that go, deaths. Whatever happens, each request is shown
// its own responses, in order and none twice, and ends once.
// `make fuzz` sets LEEBOARD_FUZZ_SECONDS.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "deaths.h"
#include "responding.h"

namespace leeboard::batch {
namespace {

// What a worker says to `data` as its response number `place`.
std::string TextOf(const std::string& data, std::size_t place) {
  const std::string text = data + "#" + std::to_string(place);
  return place % 5 == 3 ? text + std::string(100'000, 'x') : text;
}

class Machine {
 public:
  explicit Machine(std::uint64_t seed) : random_(seed), bench_(Options()) {
    bench_.sink.on_part = [this](Request* request) { return Hear(request); };
  }

  void Run() {
    for (std::uint64_t steps = 50 + Below(400); steps > 0; --steps) {
      Step();
    }
    Drain();
    for (const std::string& id : sent_) {
      Check(id);
    }
    EXPECT_TRUE(bench_.sink.broken.empty());
    bench_.ExpectIdle();
  }

 private:
  struct Running {
    std::string data;
    std::size_t given = 0;
  };

  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }

  BenchOptions Options() {
    BenchOptions options;
    options.decoupled = true;
    options.max_batch_size = static_cast<std::uint32_t>(Below(3));
    options.output_bytes = Below(3) == 0 ? 128 << 10 : 8 << 20;
    options.retry = Below(4) != 0;
    options.workers = static_cast<int>(Below(3));
    return options;
  }

  void Step() {
    switch (Below(16)) {
      case 0:
        return Cancel();
      case 1:
        if (Below(3) == 0 && !bench_.workers.empty()) {
          Die(Below(bench_.workers.size()));
        }
        return;
      case 2:
        if (bench_.workers.size() < 3) {
          bench_.AddWorker();
        }
        return;
      case 3:
        bench_.sink.holds = !bench_.sink.holds;
        return;
      case 4:
        return bench_.sink.LetGo();
      case 5:
        return TakeMore();
      case 6:
      case 7:
        bench_.now += 1'000'000;
        bench_.Pump();
        return;
      case 8:
      case 9:
        return bench_.Collect();
      case 10:
        return Send();
      default:
        if (!bench_.workers.empty()) {
          Work(Below(bench_.workers.size()));
        }
    }
  }

  void Send() {
    const std::string id = "r" + std::to_string(sent_.size());
    ASSERT_TRUE(bench_.Send(id, id).ok());
    sent_.push_back(id);
  }

  // What OnPart says; it may also give up the request, or change its mind.
  bool Hear(Request* request) {
    const std::string id = request->id;
    if (drains_) {
      return true;
    }
    switch (Below(8)) {
      case 0:
        CancelThis(id);
        return Below(2) == 0;
      case 1:
        bench_.queue->TakeMore(request);
        return false;
      case 2:
      case 3:
        wanting_.insert(id);
        return false;
      default:
        return true;
    }
  }

  void TakeMore() {
    for (const std::string& id : std::exchange(wanting_, {})) {
      const auto waiting = bench_.sink.waiting.find(id);
      if (waiting != bench_.sink.waiting.end()) {
        bench_.queue->TakeMore(waiting->second);
      }
    }
  }

  void Cancel() {
    if (!bench_.sink.waiting.empty()) {
      auto any = bench_.sink.waiting.begin();
      std::advance(any, static_cast<std::ptrdiff_t>(Below(bench_.sink.waiting.size())));
      CancelThis(std::string(any->first));
    }
  }

  void CancelThis(const std::string& id) {
    bench_.Cancel(id);
    cancelled_.insert(id);
    wanting_.erase(id);
  }

  void Die(std::size_t index) {
    running_.erase(bench_.worker(index).link);
    End(bench_, Below(2) == 0 ? Death::kKilled : Death::kCrashed, index);
  }

  void Work(std::size_t index) {
    FakeWorker& worker = bench_.worker(index);
    if (!worker.taken) {
      if (worker.Take()) {
        running_[worker.link] = {worker.Look().inputs[0][0], 0};
      }
      return;
    }
    Running& running = running_.at(worker.link);
    const Room room = RoomOf(worker);
    const bool ends = Below(drains_ ? 2 : 6) == 0;
    if (room == Room::kCancelled || ends) {
      const bool fails = Below(5) == 0;
      whole_[running.data] = running.given;
      return EndResponses(worker, fails ? Code::kUnknown : Code::kOk);
    }
    if (room == Room::kFree) {
      worker.always_grows = Below(6) == 0;
      Respond(worker, TextOf(running.data, running.given++));
    }
  }

  void Drain() {
    drains_ = bench_.sink.yields = true;
    bench_.sink.holds = false;
    if (bench_.workers.empty()) {
      bench_.AddWorker();
    }
    for (int round = 0; round < 20'000 && !bench_.queue->idle(); ++round) {
      bench_.sink.LetGo();
      TakeMore();
      bench_.now += 10'000'000;
      bench_.Pump();
      for (std::size_t i = 0; i < bench_.workers.size(); ++i) {
        Work(i);
      }
      bench_.Collect();
    }
    bench_.sink.LetGo();
  }

  void Check(const std::string& id) {
    SCOPED_TRACE(id);
    const std::vector<std::string>& parts = bench_.sink.parts[id];
    for (std::size_t i = 0; i < parts.size(); ++i) {
      EXPECT_EQ(parts[i], TextOf(id, i));
    }
    if (cancelled_.count(id) > 0) {
      EXPECT_EQ(bench_.sink.ends.count(id), 0u);
      return;
    }
    const auto& end = bench_.sink.ends[id];
    EXPECT_EQ(end.times, 1);
    if (end.status.ok()) {
      EXPECT_EQ(parts.size(), whole_[id]);
    }
  }

  std::mt19937_64 random_;
  Bench bench_;
  bool drains_ = false;
  std::vector<std::string> sent_;
  std::set<std::string> cancelled_;
  std::set<std::string> wanting_;  // Their sink said no, for now.
  std::map<WorkerLink*, Running> running_;
  std::map<std::string, std::size_t> whole_;  // Responses at a request's end.
};

TEST(ResponsesMachine, WhateverHappensEachRequestIsShownItsOwnAndEndsOnce) {
  const char* seconds = std::getenv("LEEBOARD_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  for (std::uint64_t seed = 1; seed <= 300 || std::chrono::steady_clock::now() < end;
       ++seed) {
    SCOPED_TRACE(seed);
    Machine(seed).Run();
    if (testing::Test::HasFailure()) {
      return;
    }
  }
}

}  // namespace
}  // namespace leeboard::batch
