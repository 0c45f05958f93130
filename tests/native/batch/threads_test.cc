// The queue with its workers in threads of their own, as in inline mode: nothing is
// lost and no bell either. Run under ThreadSanitizer as well.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <random>
#include <thread>

#include "bench.h"

namespace leeboard::batch {
namespace {

class InlineWorker {
 public:
  explicit InlineWorker(std::unique_ptr<FakeWorker> worker)
      : worker_(std::move(worker)),
        thread_([this] { worker_->RunUntil(stop_.get()); }) {}
  ~InlineWorker() {
    const std::uint64_t one = 1;
    EXPECT_EQ(write(stop_.get(), &one, sizeof one), 8);
    thread_.join();
  }
  InlineWorker(const InlineWorker&) = delete;
  InlineWorker& operator=(const InlineWorker&) = delete;

 private:
  std::unique_ptr<FakeWorker> worker_;
  UniqueFd stop_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::thread thread_;
};

class Loop {
 public:
  Loop() : bench_({.max_batch_size = 16, .workers = 0}) {}

  // A worker thread starts; its completions ring the loop.
  void AddWorker() {
    bench_.AddWorker();
    threads_.push_back(
        std::make_unique<InlineWorker>(std::move(bench_.workers.back())));
    bench_.workers.clear();
  }
  // The front end gives the oldest worker up, whose thread goes on unheard.
  void LoseWorker() {
    bench_.queue->WorkerGone(bench_.queue->workers().front(), bench_.now);
  }

  void Pass() {
    while (bench_.sink.waiting.size() < 40 && sent_ < target) {
      Send();
    }
    if (random_() % 16 == 0 && !bench_.sink.waiting.empty()) {
      ++cancelled;
      bench_.Cancel(std::string(bench_.sink.waiting.begin()->first));
    }
    bench_.Pump();
    Sleep();
    bench_.now += 1000;
    bench_.Collect();
  }
  [[nodiscard]] bool done() const {
    return sent_ == target && bench_.sink.waiting.empty();
  }
  void Check() {
    bench_.RunAll();
    EXPECT_EQ(bench_.sink.ends.size() + cancelled, target);
    for (const auto& [id, end] : bench_.sink.ends) {
      ASSERT_EQ(end.times, 1);
      ASSERT_TRUE(end.status.ok()) << end.status.message();
      ASSERT_EQ(end.outputs.at(0), DataOf(id));
    }
    bench_.ExpectIdle();
  }

  std::uint64_t target = 20'000;
  std::uint64_t cancelled = 0;

 private:
  static std::string DataOf(const std::string& id) {
    const std::size_t width = id.back() == '0' ? 17'000 : 10 + id.back() % 2;
    std::string row = id;
    row.resize(width, id.back());
    return row;
  }
  void Send() {
    const std::string id = std::to_string(sent_++);
    ASSERT_TRUE(bench_.Send(id, DataOf(id)).ok());
  }
  // As the loop does: sleeping is said before the last look. A lost bell hangs the
  // test.
  void Sleep() {
    bool found = false;
    std::vector<pollfd> bells;
    for (WorkerLink* link : bench_.queue->workers()) {
      link->port().SetSleeping(true);
      bells.push_back({link->front_bell_fd(), POLLIN, 0});
    }
    for (WorkerLink* link : bench_.queue->workers()) {
      found = found || link->port().HasCompletions();
    }
    if (!found && !bench_.queue->needs_pump() && !bench_.sink.waiting.empty()) {
      poll(bells.data(), bells.size(), -1);
    }
    for (WorkerLink* link : bench_.queue->workers()) {
      link->port().SetSleeping(false);
      std::uint64_t rings = 0;
      [[maybe_unused]] const ssize_t size =
          read(link->front_bell_fd(), &rings, sizeof rings);
    }
  }

  std::mt19937 random_{3};
  std::uint64_t sent_ = 0;
  Bench bench_;
  std::vector<std::unique_ptr<InlineWorker>> threads_;
};

TEST(Threads, EveryRequestIsAnsweredWhileWorkersRunAndOneIsLost) {
  Loop loop;
  loop.AddWorker();
  loop.AddWorker();
  for (int passes = 0; !loop.done(); ++passes) {
    loop.Pass();
    if (passes == 200) {
      loop.LoseWorker();
    } else if (passes == 300) {
      loop.AddWorker();
    }
  }
  loop.Check();
}

}  // namespace
}  // namespace leeboard::batch
