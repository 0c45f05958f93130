// Versions that leave a server that goes on.

#include <filesystem>

#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

// Descriptors and mappings of this process.
std::pair<std::size_t, std::size_t> Held() {
  const auto count = [](const char* folder) {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(folder), {}));
  };
  return {count("/proc/self/fd"), count("/proc/self/map_files")};
}

class RetireTest : public ServerTest {
 protected:
  // Nothing is named any more; the model is to go.
  void Retire() {
    server->SetTable(std::make_shared<route::Table>());
    server->Retire(model.served);
  }
  void ExpectRetired() {
    const Notice notice = NextNotice();
    EXPECT_EQ(notice.kind, Notice::Kind::kRetired);
    EXPECT_EQ(notice.id, model.served->id);
  }
  [[nodiscard]] bool HasNotice() const {
    pollfd wait{server->notices_fd(), POLLIN, 0};
    return poll(&wait, 1, 0) == 1;
  }
};

TEST_F(RetireTest, AnIdleVersionGoesAtOnceAndOthersFindNobody) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  EXPECT_EQ(client.Wait(client.Infer(AskRows("a"))).grpc_status(), "0");
  Retire();
  ExpectRetired();
  const http2::Response& answer = client.Ask("ModelInfer", AskRows("a"));
  EXPECT_EQ(answer.grpc_status(), "5");
  EXPECT_EQ(answer.field("grpc-message"),
            "Request for unknown model: 'm' is not found");
}

TEST_F(RetireTest, WhatIsQueuedAndRunningIsStillAnswered) {
  Start();
  auto worker = AddWorker();
  Loopback client(server->port());
  const std::int32_t running = client.Infer(AskRows("a"));
  client.Settle();
  ASSERT_TRUE(worker->Take(kPatienceMs));
  const std::int32_t queued = client.Infer(AskRows("b"));
  client.Settle();
  Retire();
  client.Settle();
  EXPECT_FALSE(HasNotice());
  worker->Finish();
  ASSERT_TRUE(worker->Take(kPatienceMs));
  EXPECT_EQ(client.Wait(running).grpc_status(), "0");
  EXPECT_FALSE(HasNotice());
  worker->Finish();
  EXPECT_EQ(client.Wait(queued).grpc_status(), "0");
  ExpectRetired();
}

TEST_F(RetireTest, AWorkerThatDiesMeanwhileIsReplacedAsAlways) {
  Start();
  auto worker = AddWorker();
  Loopback client(server->port());
  const std::int32_t running = client.Infer(AskRows("a"));
  client.Settle();
  ASSERT_TRUE(worker->Take(kPatienceMs));
  Retire();
  server->RemoveWorker(last_worker);
  client.Settle();
  EXPECT_FALSE(HasNotice());
  AddInlineWorker();
  EXPECT_EQ(client.Wait(running).grpc_status(), "0");
  ExpectRetired();
}

TEST_F(RetireTest, ATensorThatIsStillArrivingIsWaitedFor) {
  Start();
  AddInlineWorker();
  Loopback other(server->port());
  Loopback client(server->port());
  const std::string framed = http2::Framed(AskRows(std::string(500'000, 'x')));
  const std::int32_t call =
      client.client.Start(http2::CallFields(), framed.substr(0, 300'000), true);
  client.Settle();
  Retire();
  other.Settle();
  EXPECT_FALSE(HasNotice());
  client.Reset(call);
  client.Settle();
  ExpectRetired();
}

TEST_F(RetireTest, AReplyThatNobodyReadsIsWaitedForThoughItsWorkerIsDead) {
  Start();
  AddInlineWorker();
  http2::ClientOptions slow;
  slow.stream_window = 1 << 10;
  Loopback client(server->port(), slow);
  client.Infer(AskRows(std::string(500'000, 'x')));
  Loopback other(server->port());
  // From then on the client reads nothing.
  EXPECT_TRUE(client.Until([&] { return model.counters().requests_ok.get() > 0; }));
  server->RemoveWorker(last_worker);
  Retire();
  other.Settle();
  EXPECT_EQ(model.counters().workers.get(), 0u);
  EXPECT_FALSE(HasNotice());
  client.HangUp();
  ExpectRetired();
}

TEST_F(RetireTest, AReloadTakesOverUnderTheSameName) {
  Start();
  auto old_worker = AddWorker();
  Loopback client(server->port());
  const std::int32_t before = client.Infer(AskRows("a"));
  client.Settle();
  ASSERT_TRUE(old_worker->Take(kPatienceMs));
  ServedModel fresh(Echo({Spec("x", wire::DType::kUint8, {-1})}));
  server->AddServed(fresh.served);
  EXPECT_NE(fresh.served->id, model.served->id);
  std::unique_ptr<batch::WorkerLink> link;
  auto worker = fresh.MakeWorker(&link);
  server->AddWorker(fresh.served, std::move(link));
  server->SetTable(fresh.table);
  server->Retire(model.served);
  client.Settle();  // The new table is in use.
  const std::int32_t after = client.Infer(AskRows("b"));
  client.Settle();
  ASSERT_TRUE(worker->Take(kPatienceMs));
  worker->Finish();
  EXPECT_EQ(client.Wait(after).grpc_status(), "0");
  old_worker->Finish();
  EXPECT_EQ(client.Wait(before).grpc_status(), "0");
  ExpectRetired();
  EXPECT_EQ(fresh.counters().requests_ok.get(), 1u);
}

TEST_F(RetireTest, AVersionThatTheTableNamesStays) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  server->Retire(model.served);
  client.Settle();
  EXPECT_FALSE(HasNotice());
  EXPECT_EQ(client.Wait(client.Infer(AskRows("a"))).grpc_status(), "0");
  Retire();
  ExpectRetired();
}

TEST_F(RetireTest, RoundsLeaveNothing) {
  Start();
  std::pair<std::size_t, std::size_t> before;
  for (int round = 0; round < 20; ++round) {
    ServedModel fresh(Echo({Spec("x", wire::DType::kUint8, {-1})}));
    server->AddServed(fresh.served);
    std::unique_ptr<batch::WorkerLink> link;
    auto worker = fresh.MakeWorker(&link);
    const std::uint64_t number = server->AddWorker(fresh.served, std::move(link));
    server->SetTable(fresh.table);
    {
      Loopback client(server->port());
      client.Settle();
      const std::int32_t call = client.Infer(AskRows("abc"));
      client.Settle();
      ASSERT_TRUE(worker->Take(kPatienceMs));
      worker->Finish();
      EXPECT_EQ(client.Wait(call).grpc_status(), "0");
    }
    server->SetTable(std::make_shared<route::Table>());
    server->Retire(fresh.served);
    EXPECT_EQ(NextNotice().id, fresh.served->id);
    server->RemoveWorker(number);
    worker.reset();
    fresh.table.reset();
    const std::weak_ptr<Served> left = fresh.served;
    fresh.served.reset();
    Loopback client(server->port());
    while (!left.expired() || server->counters().connections.get() > 1) {
      client.Settle();
    }
    if (round == 1) {  // Pools and caches have grown by then.
      before = Held();
    }
  }
  Loopback client(server->port());
  while (server->counters().connections.get() > 1) {
    client.Settle();
  }
  EXPECT_LE(Held().first, before.first);
  EXPECT_LE(Held().second, before.second + 8);  // The allocator's own.
}

}  // namespace
}  // namespace leeboard::front
