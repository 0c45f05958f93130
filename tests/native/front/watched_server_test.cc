// A whole server's answers, seen by what watches its version: exchanged and taken.

#include <numeric>

#include "batch/watching.h"
#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

constexpr std::uint32_t kWidth = 3;

class WatchedServerTest : public ServerTest {
 protected:
  std::shared_ptr<batch::Watch> Exchange() {
    batch::JournalOptions journal{.below = batch::kAll, .outputs = {0}};
    auto watch = std::make_shared<batch::Watch>(
        batch::All(batch::Of(false, 0, kWidth), batch::Of(true, 0, kWidth)),
        std::move(journal));
    server->ExchangeWatch(model.served, watch);
    return watch;
  }
  // What was exchanged up to here, once there is as much of it.
  std::vector<Watched> Take(Loopback* client, std::size_t wanted) {
    std::vector<Watched> taken;
    for (int i = 0; i < 1'000 && taken.size() < wanted; ++i) {
      client->Settle();
      for (Watched& each : server->TakeWatched()) {
        taken.push_back(std::move(each));
      }
    }
    return taken;
  }
  static void Ask(Loopback* client, const std::string& rows, int count,
                  const std::string& id = "") {
    const auto of_request = static_cast<std::int64_t>(rows.size() / kWidth);
    for (int i = 0; i < count; ++i) {
      const std::string message = AskRows(rows, of_request, "m", id);
      EXPECT_EQ(client->Wait(client->Infer(message)).grpc_status(), "0");
    }
  }
};

TEST_F(WatchedServerTest, RowsOfAllClientsAreInTheWatchThatWasThere) {
  Start();
  AddInlineWorker();
  Loopback one(server->port());
  Loopback other(server->port());
  const auto watch = Exchange();
  one.Settle();
  Ask(&one, "abc", 5, "one");
  Ask(&other, "abcdef", 4, "other");
  Exchange();
  const std::vector<Watched> taken = Take(&one, 1);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].watch, watch);
  EXPECT_EQ(taken[0].served, model.served->id);
  EXPECT_EQ(watch->rows(), 13u);
  EXPECT_EQ(watch->kept(), 13u);
  for (const batch::WatchedTensor& tensor : watch->tensors()) {
    EXPECT_EQ(tensor.profile->rows(), 13u);
    EXPECT_EQ(tensor.profile->max()[0], 'd');
    EXPECT_EQ(tensor.profile->min()[2], 'c');
  }
  const std::vector<batch::Noted> noted = batch::Read(watch->journal(), 1);
  ASSERT_EQ(noted.size(), 13u);
  EXPECT_EQ(noted[0].id, "one");
  EXPECT_EQ(noted[12].id, "other");
  EXPECT_EQ(noted[12].row, 1u);
  EXPECT_EQ(noted[12].tensors[0], "def");
}

// Each answer is in one watch, however often they are exchanged meanwhile.
TEST_F(WatchedServerTest, NoRowIsLostOrCountedTwiceBetweenWatches) {
  constexpr int kRounds = 40;
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  std::vector<std::shared_ptr<batch::Watch>> sent = {Exchange()};
  client.Settle();
  std::vector<std::int32_t> calls;
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < 5; ++i) {
      calls.push_back(client.Infer(AskRows("abc")));
    }
    sent.push_back(Exchange());
  }
  for (const std::int32_t call : calls) {
    EXPECT_EQ(client.Wait(call).grpc_status(), "0");
  }
  Exchange();
  const std::vector<Watched> taken = Take(&client, kRounds + 1);
  ASSERT_EQ(taken.size(), sent.size());
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < taken.size(); ++i) {
    EXPECT_EQ(taken[i].watch, sent[i]) << "out of order";
    EXPECT_EQ(taken[i].watch->rows(), taken[i].watch->tensors()[0].profile->rows());
    rows += taken[i].watch->rows();
  }
  EXPECT_EQ(rows, calls.size());
}

TEST_F(WatchedServerTest, WithoutAWatchNothingIsKept) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  Ask(&client, "abc", 3);
  const auto watch = Exchange();
  client.Settle();
  Ask(&client, "abc", 2);
  server->ExchangeWatch(model.served, nullptr);
  ASSERT_EQ(Take(&client, 1).size(), 1u);
  EXPECT_EQ(watch->rows(), 2u);
  Ask(&client, "abc", 4);
  const auto next = Exchange();
  Exchange();
  const std::vector<Watched> taken = Take(&client, 1);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].watch, next);
  EXPECT_EQ(next->rows(), 0u);
}

TEST_F(WatchedServerTest, RequestsThatAreRefusedAreNoRows) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const auto watch = Exchange();
  client.Settle();
  EXPECT_EQ(client.Ask("ModelInfer", AskRows("123456789abcdef", 5)).grpc_status(), "3");
  Ask(&client, "abc", 1);
  Exchange();
  ASSERT_EQ(Take(&client, 1).size(), 1u);
  EXPECT_EQ(watch->rows(), 1u);
  EXPECT_EQ(model.failed(batch::Reason::kInvalid), 1u);
}

// A version that is no longer served has nothing to fill it: it comes back at once.
TEST_F(WatchedServerTest, AWatchOutlivesTheVersionThatItIsOf) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const auto watch = Exchange();
  client.Settle();
  Ask(&client, "abc", 2);
  server->SetTable(std::make_shared<route::Table>());
  server->ExchangeWatch(model.served, nullptr);
  const std::vector<Watched> taken = Take(&client, 1);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(taken[0].watch->rows(), 2u);
}

TEST_F(WatchedServerTest, AServerThatStopsLetsGoOfItsWatches) {
  Start();
  AddInlineWorker();
  std::weak_ptr<batch::Watch> watch = Exchange();
  {
    Loopback client(server->port());
    client.Settle();
    Ask(&client, "abc", 1);
  }
  workers.clear();
  server.reset();
  model.served.reset();
  model.table.reset();
  EXPECT_TRUE(watch.expired());
}

}  // namespace
}  // namespace leeboard::front
