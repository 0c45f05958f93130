// Hopeless deadlines, workers that are ended, guilty requests and silent clients, in a
// whole server.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "batch/recording_sink.h"
#include "front/server.h"
#include "loopback.h"
#include "served_model.h"

namespace leeboard::front {
namespace {

using wire::DType;

constexpr int kPatienceMs = 60'000;

class Survive : public testing::Test {
 protected:
  void Start(const ServerOptions& options = {}) {
    server = std::make_unique<Server>(options);
    server->AddServed(model.served);
    server->SetTable(model.table);
    ASSERT_TRUE(server->Start().ok());
  }
  std::unique_ptr<batch::FakeWorker> AddWorker(int pid = 0) {
    std::unique_ptr<batch::WorkerLink> link;
    auto worker = model.MakeWorker(&link);
    if (pid != 0) {
      link->SetProcess(pid, static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    }
    last_worker = server->AddWorker(model.served, std::move(link));
    return worker;
  }
  // Batches so far took this long, by the worker's word; before Start.
  void Teach(Nanos took);

  ServedModel model{Echo({Spec("x", DType::kUint8, {-1})})};
  std::unique_ptr<Server> server;
  std::uint64_t last_worker = 0;
};

void Survive::Teach(Nanos took) {
  batch::VersionQueue& queue = *model.served->queue;
  batch::RecordingSink sink({Spec("x", DType::kUint8, {-1})});
  queue.set_sink(&sink);
  std::unique_ptr<batch::WorkerLink> made;
  auto worker = model.MakeWorker(&made);
  worker->takes = took;
  batch::WorkerLink* link = made.get();
  queue.AddWorker(std::move(made));
  wire::RowInput input;
  input.dtype = DType::kUint8;
  input.shape = {{1}, 1};
  input.elements = input.row_bytes = 1;
  const std::vector<wire::RowInput> inputs = {input};
  const std::vector<std::uint64_t> sizes = {1};
  for (std::size_t i = 0; i < batch::ShortestRun::kLast; ++i) {
    batch::Landing landing;
    ASSERT_TRUE(queue.Reserve({inputs, {}, 1}, sizes, &landing).ok());
    ASSERT_TRUE(queue.EnqueueLanded(queue.NewRequest(), landing).ok());
    queue.Pump(MonotonicNow());
    ASSERT_EQ(worker->RunOne(), 1u);
    queue.Collect(link, MonotonicNow() + 2 * took);
  }
  ASSERT_EQ(queue.shortest_run().bound(), took - took / 8);
  queue.WorkerGone(link, MonotonicNow());
}

TEST_F(Survive, AHopelessDeadlineFailsAtOnceButForOneProbe) {
  constexpr Nanos kMinute = 60'000'000'000;
  Teach(kMinute);
  Start();
  auto worker = AddWorker();
  Loopback client(server->port());
  const http2::Fields fields = {{"grpc-timeout", "40S"},
                                {":path", std::string(kService) + "ModelInfer"}};
  // In one portion, so that the server sees both at one time.
  const std::int32_t probe = client.client.Call(AskRows("abc"), fields);
  const std::int32_t hopeless = client.client.Call(AskRows("def"), fields);
  EXPECT_EQ(client.Wait(hopeless).grpc_status(), "4");
  EXPECT_NE(
      client.Wait(hopeless)
          .field("grpc-message")
          .find(
              "the request's time is too short: the model needs at least 52500000 us"),
      std::string::npos)
      << client.Wait(hopeless).field("grpc-message");
  ASSERT_TRUE(worker->Take(kPatienceMs));
  worker->Finish();
  EXPECT_EQ(client.Wait(probe).grpc_status(), "0");
  // The probe was quick: now there is time enough.
  const std::int32_t next = client.Infer(AskRows("ghi"), {{"grpc-timeout", "40S"}});
  ASSERT_TRUE(worker->Take(kPatienceMs));
  worker->Finish();
  EXPECT_EQ(client.Wait(next).grpc_status(), "0");
  EXPECT_EQ(model.failed(batch::Reason::kDeadline), 1u);
}

TEST_F(Survive, AWaitingRequestFailsWhenItBecomesHopeless) {
  constexpr Nanos kMinute = 60'000'000'000;
  Teach(kMinute);
  Start();
  Loopback client(server->port());
  const http2::Response& response =
      client.Wait(client.Infer(AskRows("abc"), {{"grpc-timeout", "52510m"}}));
  EXPECT_EQ(response.grpc_status(), "4");
  EXPECT_NE(response.field("grpc-message").find("too short"), std::string::npos);
  client.Settle();
  EXPECT_EQ(model.counters().queued.get(), 0u);
  EXPECT_EQ(server->counters().live_calls.get(), 0u);
}

TEST_F(Survive, AWorkerThatIsEndedDiesOfWhatItWasEndedFor) {
  const pid_t child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      pause();
    }
  }
  Start();
  auto first = AddWorker(child);
  Loopback client(server->port());
  const std::int32_t call = client.Infer(AskRows("abc"));
  ASSERT_TRUE(first->Take(kPatienceMs));
  server->EndWorker(last_worker, batch::Death::kMemory);
  server->EndWorker(last_worker + 100, batch::Death::kMemory);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  auto second = AddWorker();
  ASSERT_TRUE(second->Take(kPatienceMs));
  second->Finish();
  EXPECT_EQ(client.Wait(call).grpc_status(), "0");
  const auto memory = static_cast<std::size_t>(batch::Death::kMemory);
  EXPECT_EQ(model.counters().deaths[memory].get(), 1u);
  EXPECT_EQ(model.counters().reruns.get(), 1u);
}

TEST_F(Survive, AGuiltyRequestIsReportedWithItsWorkerAndRefusedAgain) {
  Start();
  Loopback client(server->port());
  const std::int32_t call = client.Infer(AskRows("bad"));
  for (int i = 0; i < 3; ++i) {
    auto worker = AddWorker();
    ASSERT_TRUE(worker->Take(kPatienceMs));
    server->RemoveWorker(last_worker);
  }
  EXPECT_EQ(client.Wait(call).grpc_status(), "13");
  pollfd wait{server->notices_fd(), POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, kPatienceMs), 1);
  const std::vector<Notice> notices = server->TakeNotices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].kind, Notice::Kind::kGuilty);
  EXPECT_EQ(notices[0].id, last_worker);
  EXPECT_EQ(client.Wait(client.Infer(AskRows("bad"))).grpc_status(), "13");
  auto worker = AddWorker();
  const std::int32_t good = client.Infer(AskRows("fine"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  worker->Finish();
  EXPECT_EQ(client.Wait(good).grpc_status(), "0");
  EXPECT_EQ(server->counters().live_calls.get(), 0u);
}

TEST_F(Survive, ASilentClientIsClosedAndOneThatSpokeIsNot) {
  ServerOptions options;
  options.limits.handshake_timeout = 1;
  Start(options);
  Loopback speaks(server->port());
  speaks.Settle();
  const UniqueFd silent(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server->port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(silent.get(), reinterpret_cast<const sockaddr*>(&address),
                    sizeof address),
            0);
  char byte = 0;
  ssize_t size = 1;
  while (size > 0) {  // What the server says first.
    size = recv(silent.get(), &byte, 1, 0);
  }
  EXPECT_LE(size, 0);
  speaks.Settle();
  EXPECT_EQ(server->counters().connections.get(), 1u);
}

TEST_F(Survive, ASlowMessageIsRefusedAndLeavesNothing) {
  ServerOptions options;
  options.limits.message_grace = 1;
  Start(options);
  Loopback client(server->port());
  const std::string ask = http2::Framed(AskRows(std::string(100'000, 'x')));
  const http2::Fields fields = {{":path", std::string(kService) + "ModelInfer"}};
  const std::int32_t slow = client.client.Start(
      http2::CallFields(fields), ask.substr(0, 40'000), /*leave_open=*/true);
  EXPECT_EQ(client.Wait(slow).grpc_status(), "4");
  client.Settle();
  EXPECT_EQ(server->counters().live_calls.get(), 0u);
  EXPECT_EQ(model.counters().open_batches.get(), 0u);
}

}  // namespace
}  // namespace leeboard::front
