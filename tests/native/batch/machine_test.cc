// Anything in any order: requests, departures, claims, completions, deaths of every
// kind. Whatever happens, every request ends once, with its own data or for a reason,
// and nothing runs beside a suspect.
// `make fuzz` sets LEEBOARD_FUZZ_SECONDS.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>

#include "deaths.h"

namespace leeboard::batch {
namespace {

using wire::DType;

constexpr const char* kBad = "bad";

class Machine {
 public:
  explicit Machine(std::uint64_t seed) : random_(seed), bench_(Options()) {
    for (const auto& worker : bench_.workers) {
      worker->fails_on = texts_ ? Element(kBad) : kBad;
    }
  }

  void Run() {
    for (std::uint64_t steps = 50 + Below(400); steps > 0; --steps) {
      Step();
    }
    for (std::size_t i = bench_.workers.size(); i-- > 0;) {
      if (bench_.worker(i).link->broken) {
        Die(i);
      }
    }
    if (bench_.workers.empty()) {
      AddWorker();
    }
    bench_.sink.yields = true;
    bench_.RunAll();
    bench_.sink.LetGo();
    bench_.RunAll();
    bench_.sink.LetGo();
    Check();
    CheckCounters();
    bench_.ExpectIdle();
  }

 private:
  struct Sent {
    std::string data;
    bool bad = false;
    bool cancelled = false;
  };

  std::uint64_t Below(std::uint64_t bound) { return random_() % bound; }

  BenchOptions Options() {
    BenchOptions options;
    texts_ = Below(3) == 0;
    options.tensors = {Spec(texts_ ? DType::kBytes : DType::kUint8, {-1})};
    options.max_batch_size = static_cast<std::uint32_t>(Below(9));
    options.close_rows = static_cast<std::uint32_t>(Below(5));
    max_rows_ = std::max<std::uint32_t>(options.max_batch_size, 1);
    options.max_queue_delay = Below(2) == 0 ? 0 : 3'000'000;
    options.max_queue_size = Below(4) == 0 ? 5 : 4096;
    options.input_bytes = Below(4) == 0 ? 2 << 20 : 32 << 20;
    options.output_bytes = Below(3) == 0 ? 128 << 10 : 8 << 20;
    options.max_shapes = static_cast<std::uint32_t>(1 + Below(6));
    options.workers = static_cast<int>(Below(4));
    return options;
  }

  void Step() {
    switch (Below(20)) {
      case 0:
        return Cancel();
      case 1:
        if (Below(4) == 0 && !bench_.workers.empty()) {
          Hurt(Below(bench_.workers.size()));
        }
        return;
      case 2:
        if (bench_.workers.size() < 3) {
          AddWorker();
        }
        return;
      case 3:
        if (Below(20) == 0) {
          bench_.queue->FailAll(Status::Unavailable("all failed"));
        }
        return;
      case 4:
        bench_.sink.holds = !bench_.sink.holds;
        return;
      case 5:
        return bench_.sink.LetGo();
      case 6:
      case 7:
      case 8:
        bench_.now += static_cast<Nanos>(Below(2'000'000));
        bench_.Pump();
        return CheckAlone();
      case 9:
      case 10:
        return bench_.Collect();
      case 11:
      case 12:
      case 13:
        return Work();
      default:
        return Send();
    }
  }

  // A worker is told to end, or ends.
  void Hurt(std::size_t index) {
    if (Below(3) == 0) {
      bench_.worker(index).link->broken = true;
      bench_.worker(index).link->death = Death::kMemory;
    } else {
      Die(index);
    }
  }

  void Die(std::size_t index) {
    ++died_;
    if (bench_.worker(index).link->broken) {
      bench_.Kill(index);
    } else {
      End(bench_, static_cast<Death>(Below(kDeaths)), index);
    }
  }

  void CheckAlone() {
    int running = 0;
    for (const auto& worker : bench_.workers) {
      const std::vector<Batch*>& batches = worker->link->batches;
      const bool has_suspect =
          std::any_of(batches.begin(), batches.end(),
                      [](const Batch* batch) { return batch->is_suspect; });
      running += has_suspect ? 1 : 0;
      ASSERT_TRUE(!has_suspect || batches.size() == 1) << "it is not alone";
    }
    ASSERT_LE(running, 1);
  }

  void CheckCounters() {
    std::uint64_t failed = 0;
    std::uint64_t ok = 0;
    for (const auto& [id, end] : bench_.sink.ends) {
      end.status.ok() ? ++ok : ++failed;
    }
    const VersionCounters& counters = bench_.counters();
    EXPECT_EQ(counters.requests_ok.get(), ok);
    std::uint64_t reasons = 0;
    for (const Counter& reason : counters.failed) {
      reasons += reason.get();
    }
    EXPECT_EQ(reasons, failed);
    std::uint64_t deaths = 0;
    for (const Counter& death : counters.deaths) {
      deaths += death.get();
    }
    EXPECT_EQ(deaths, died_);
    EXPECT_EQ(counters.guilty.get(), bench_.sink.guilty_texts.size());
    EXPECT_LE(bench_.failed(Reason::kWorkerLost), counters.guilty.get());
    EXPECT_EQ(counters.workers.get(), bench_.workers.size());
  }

  void AddWorker() { bench_.AddWorker()->fails_on = texts_ ? Element(kBad) : kBad; }

  void Work() {
    if (bench_.workers.empty()) {
      return;
    }
    FakeWorker& worker = bench_.worker(Below(bench_.workers.size()));
    worker.always_grows = Below(10) == 0;
    worker.fails_with = Below(3) == 0 ? Code::kResourceExhausted : Code::kUnknown;
    if (worker.taken || worker.Take()) {
      if (Below(2) == 0) {
        worker.Finish();
      }
    }
  }

  void Cancel() {
    if (bench_.sink.waiting.empty()) {
      return;
    }
    auto one = bench_.sink.waiting.begin();
    std::advance(one, static_cast<std::ptrdiff_t>(Below(bench_.sink.waiting.size())));
    const std::string id = one->first;
    sent_[id].cancelled = true;
    bench_.Cancel(id);
  }

  // Data that no other request has, so that a wrong row cannot pass.
  std::string Row(std::uint64_t width) {
    std::string row = std::to_string(++serial_) + ":";
    row.resize(width, static_cast<char>('a' + serial_ % 26));
    return row;
  }

  void Send() {
    constexpr std::uint64_t kWidths[] = {8, 9, 500, 6000, 17'000};
    const bool bad = Below(25) == 0;
    const auto rows =
        bad ? 1U : static_cast<std::uint32_t>(1 + Below(std::min(max_rows_, 3U)));
    const std::uint64_t width = kWidths[Below(5)];
    Sent sent{"", bad, false};
    for (std::uint32_t row = 0; row < rows; ++row) {
      const std::string data = bad ? kBad : Row(texts_ ? 1 + Below(width) : width);
      sent.data += texts_ ? Element(data) : data;
    }
    const auto dim = static_cast<std::int64_t>(texts_ ? 1 : bad ? 3 : width);
    const std::string id = "r" + std::to_string(serial_++);
    if (bench_.Send(id, rows, {{{dim}, sent.data}}).ok()) {
      sent_[id] = sent;
    }
  }

  void Check() {
    EXPECT_TRUE(bench_.sink.waiting.empty());
    EXPECT_TRUE(bench_.sink.broken.empty());
    for (const auto& [id, sent] : sent_) {
      const auto end = bench_.sink.ends.find(id);
      if (sent.cancelled) {
        EXPECT_EQ(end, bench_.sink.ends.end()) << id;
        continue;
      }
      ASSERT_NE(end, bench_.sink.ends.end()) << id << " was never answered";
      ASSERT_EQ(end->second.times, 1) << id;
      switch (end->second.status.code()) {
        case Code::kOk:
          EXPECT_FALSE(sent.bad);
          ASSERT_EQ(end->second.outputs.at(0), sent.data) << id;
          break;
        case Code::kUnknown:
          EXPECT_TRUE(sent.bad) << id << " failed for another's fault";
          break;
        case Code::kInternal:
          EXPECT_NE(end->second.status.message().find("; it is not run again"),
                    std::string::npos)
              << end->second.status.message();
          break;
        default:
          EXPECT_TRUE(end->second.status.code() == Code::kUnavailable ||
                      end->second.status.code() == Code::kResourceExhausted)
              << end->second.status.message();
      }
    }
  }

  std::mt19937_64 random_;
  bool texts_ = false;
  std::uint32_t max_rows_ = 1;
  Bench bench_;
  std::map<std::string, Sent> sent_;
  std::uint64_t serial_ = 0;
  std::uint64_t died_ = 0;
};

TEST(MachineFuzz, EveryRequestEndsOnceWithItsOwnData) {
  const auto run = [](std::uint64_t seed) {
    SCOPED_TRACE(seed);
    Machine(seed).Run();
  };
  std::uint64_t seed = 1;
  for (; seed <= 1000 && !testing::Test::HasFailure(); ++seed) {
    run(seed);
  }
  const char* seconds = std::getenv("LEEBOARD_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  for (; std::chrono::steady_clock::now() < end && !testing::Test::HasFailure();
       ++seed) {
    run(seed);
  }
}

}  // namespace
}  // namespace leeboard::batch
