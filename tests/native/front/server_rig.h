// A whole server for tests, with workers in this process.

#ifndef LEEBOARD_TESTS_NATIVE_FRONT_SERVER_RIG_H_
#define LEEBOARD_TESTS_NATIVE_FRONT_SERVER_RIG_H_

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "front/server.h"
#include "served_model.h"

namespace leeboard::front {

inline constexpr int kPatienceMs = 60'000;

// A fake worker on a thread of its own, until it goes.
class InlineWorker {
 public:
  explicit InlineWorker(std::unique_ptr<batch::FakeWorker> worker)
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
  std::unique_ptr<batch::FakeWorker> worker_;
  UniqueFd stop_{eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::thread thread_;
};

class ServerTest : public testing::Test {
 protected:
  void Start(const ServerOptions& options = {}) {
    server = std::make_unique<Server>(options);
    server->AddServed(model.served);
    server->SetTable(model.table);
    ASSERT_TRUE(server->Start().ok());
  }
  // A worker that the test drives by hand.
  std::unique_ptr<batch::FakeWorker> AddWorker(std::uint64_t output_bytes = 64 << 20) {
    std::unique_ptr<batch::WorkerLink> link;
    auto worker = model.MakeWorker(&link, output_bytes);
    last_worker = server->AddWorker(model.served, std::move(link));
    return worker;
  }
  // A worker that runs by itself.
  void AddInlineWorker(std::uint64_t output_bytes = 64 << 20) {
    workers.push_back(std::make_unique<InlineWorker>(AddWorker(output_bytes)));
  }
  Notice NextNotice() {
    pollfd wait{server->notices_fd(), POLLIN, 0};
    EXPECT_EQ(poll(&wait, 1, kPatienceMs), 1) << "no notice";
    const std::vector<Notice> notices = server->TakeNotices();
    EXPECT_EQ(notices.size(), 1u);
    return notices.empty() ? Notice{} : notices[0];
  }
  void ExpectIdle() {
    EXPECT_EQ(model.counters().queued.get(), 0u);
    EXPECT_EQ(model.counters().open_batches.get(), 0u);
    EXPECT_EQ(server->counters().live_calls.get(), 0u);
  }

  ServedModel model{Echo({Spec("x", wire::DType::kUint8, {-1})})};
  std::unique_ptr<Server> server;
  std::vector<std::unique_ptr<InlineWorker>> workers;
  std::uint64_t last_worker = 0;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_TESTS_NATIVE_FRONT_SERVER_RIG_H_
