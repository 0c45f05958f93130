// One version answers after another.

#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

class SuccessionsTest : public ServerTest {
 protected:
  void SetUp() override {
    Start();
    server->AddServed(next.served);
    old_worker = AddWorker();
    std::unique_ptr<batch::WorkerLink> link;
    next_worker = next.MakeWorker(&link);
    server->AddWorker(next.served, std::move(link));
    client = std::make_unique<Loopback>(server->port());
  }
  // Asks whatever version is in force, and lets the server read it.
  std::int32_t Ask() {
    const std::int32_t stream = client->Infer(AskRows("a"));
    client->Settle();
    return stream;
  }
  void Swap(const ServedModel& to) {
    server->SetTable(to.table);
    client->Settle();
  }
  void ExpectAnswer(batch::FakeWorker* worker, std::int32_t stream) {
    worker->Finish();
    EXPECT_EQ(client->Wait(stream).grpc_status(), "0");
  }

  ServedModel next{Echo({Spec("x", wire::DType::kUint8, {-1})})};
  std::unique_ptr<batch::FakeWorker> old_worker;
  std::unique_ptr<batch::FakeWorker> next_worker;
  std::unique_ptr<Loopback> client;
};

TEST_F(SuccessionsTest, BeginsAtOnceAfterAVersionThatHasNothingToDo) {
  Swap(next);
  const std::int32_t asked = Ask();
  ASSERT_TRUE(next_worker->Take(kPatienceMs));
  ExpectAnswer(next_worker.get(), asked);
}

TEST_F(SuccessionsTest, BeginsWhenTheVersionBeforeHasAnswered) {
  const std::int32_t first = Ask();
  ASSERT_TRUE(old_worker->Take(kPatienceMs));
  Swap(next);
  const std::int32_t second = Ask();
  EXPECT_FALSE(next_worker->Take(0));
  ExpectAnswer(old_worker.get(), first);
  ASSERT_TRUE(next_worker->Take(kPatienceMs));
  ExpectAnswer(next_worker.get(), second);
}

TEST_F(SuccessionsTest, IsNotKeptForLongByAVersionThatHangs) {
  Ask();
  ASSERT_TRUE(old_worker->Take(kPatienceMs));
  Swap(next);
  const std::int32_t second = Ask();
  ASSERT_TRUE(next_worker->Take(kPatienceMs));
  ExpectAnswer(next_worker.get(), second);
}

TEST_F(SuccessionsTest, GoingBackWaitsForNobody) {
  const std::int32_t first = Ask();
  ASSERT_TRUE(old_worker->Take(kPatienceMs));
  Swap(next);
  const std::int32_t second = Ask();
  Swap(model);
  ASSERT_TRUE(next_worker->Take(kPatienceMs));
  const std::int32_t third = Ask();
  ExpectAnswer(old_worker.get(), first);
  ASSERT_TRUE(old_worker->Take(kPatienceMs));
  ExpectAnswer(old_worker.get(), third);
  ExpectAnswer(next_worker.get(), second);
}

TEST_F(SuccessionsTest, AVersionThatLeavesWhileItIsHeldIsForgotten) {
  const std::int32_t first = Ask();
  ASSERT_TRUE(old_worker->Take(kPatienceMs));
  Swap(next);
  server->SetTable(std::make_shared<route::Table>());
  server->Retire(next.served);
  EXPECT_EQ(NextNotice().kind, Notice::Kind::kRetired);
  ExpectAnswer(old_worker.get(), first);
}

}  // namespace
}  // namespace leeboard::front
