// Requests that no worker claims in time, in a whole server.

#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

class PolicyTest : public ServerTest {
 protected:
  // The same model, whose queue has a policy.
  void Use(const batch::QueuePolicy& policy) {
    batch::QueueOptions options;
    options.model = "m";
    options.version = "1";
    options.label = "model 'm' version 1";
    options.input_bytes = 64 << 20;
    options.policy = policy;
    ASSERT_TRUE(
        Served::Create(model.served->signature, std::move(options), &model.served)
            .ok());
    auto version = std::make_shared<route::Version>(*model.table->all()[0]);
    version->context = model.served->queue.get();
    model.table = std::make_shared<route::Table>();
    model.table->Add(std::move(version));
  }
  // A request with the parameter `timeout`.
  static std::string AskWithin(std::string_view data, std::uint64_t timeout_us) {
    const wire::Message timeout =
        wire::Entry("timeout", wire::Message().Number(2, timeout_us));
    return AskRows(data) + wire::Message().Nested(4, timeout).str();
  }
};

constexpr Nanos kSoon = 1'000'000;
constexpr Nanos kLate = 3'600'000'000'000;

TEST_F(PolicyTest, ARequestThatNobodyClaimedIsRefused) {
  Use({true, kSoon, false, false});
  Start();
  Loopback client(server->port());
  const http2::Response& answer = client.Wait(client.Infer(AskRows("a")));
  EXPECT_EQ(answer.grpc_status(), "14");
  EXPECT_EQ(answer.field("grpc-message"), "Request timeout expired");
  EXPECT_EQ(model.failed(batch::Reason::kTimeout), 1u);
  client.Settle();
  ExpectIdle();
}

TEST_F(PolicyTest, AClaimedRequestIsAnsweredHoweverLongItTakes) {
  Use({true, kSoon * 100, false, false});
  Start();
  auto worker = AddWorker();
  Loopback client(server->port());
  const std::int32_t claimed = client.Infer(AskRows("a"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  // Refused when the other one's time is out as well.
  const std::int32_t waits = client.Infer(AskRows("b"));
  EXPECT_EQ(client.Wait(waits).grpc_status(), "14");
  worker->Finish();
  EXPECT_EQ(client.Wait(claimed).grpc_status(), "0");
  client.Settle();
  ExpectIdle();
}

TEST_F(PolicyTest, ARequestMayShortenTheTimeWhereThatIsAllowed) {
  Use({true, kLate, false, true});
  Start();
  Loopback client(server->port());
  const http2::Response& answer = client.Wait(client.Infer(AskWithin("a", 1000)));
  EXPECT_EQ(answer.field("grpc-message"), "Request timeout expired");
  EXPECT_EQ(model.failed(batch::Reason::kTimeout), 1u);
}

TEST_F(PolicyTest, ElsewhereItsTimeoutIsIgnored) {
  Use({true, kLate, false, false});
  Start();
  Loopback client(server->port());
  const std::int32_t waits = client.Infer(AskWithin("a", 1));
  const std::int32_t hurries = client.Infer(AskRows("b"), {{"grpc-timeout", "50m"}});
  EXPECT_EQ(client.Wait(hurries).grpc_status(), "4");
  AddInlineWorker();
  EXPECT_EQ(client.Wait(waits).grpc_status(), "0");
}

TEST_F(PolicyTest, WhereTheyAreDelayedLaterOnesOvertake) {
  Use({true, kLate, true, true});
  Start();
  auto worker = AddWorker();
  Loopback client(server->port());
  const std::int32_t first = client.Infer(AskRows("a"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  const std::int32_t old = client.Infer(AskWithin("b", 1000));
  // Times run out in their order: when this one hears it, the other one is delayed.
  const std::int32_t hurries = client.Infer(AskRows("c"), {{"grpc-timeout", "50m"}});
  EXPECT_EQ(client.Wait(hurries).grpc_status(), "4");
  const std::int32_t young = client.Infer(AskRows("young"));
  client.Settle();
  worker->Finish();
  EXPECT_EQ(client.Wait(first).grpc_status(), "0");
  ASSERT_TRUE(worker->Take(kPatienceMs));
  EXPECT_EQ(worker->Look().inputs[0][0], "young");
  worker->Finish();
  EXPECT_EQ(client.Wait(young).grpc_status(), "0");
  EXPECT_FALSE(client.client.response(old).closed);
  ASSERT_TRUE(worker->Take(kPatienceMs));
  EXPECT_EQ(worker->Look().inputs[0][0], "b");
  worker->Finish();
  EXPECT_EQ(client.Wait(old).grpc_status(), "0");
  client.Settle();
  ExpectIdle();
  EXPECT_EQ(model.failed(batch::Reason::kTimeout), 0u);
}

TEST_F(PolicyTest, WithoutAPolicyTheTimeoutIsADeadline) {
  Start();
  Loopback client(server->port());
  EXPECT_EQ(client.Wait(client.Infer(AskWithin("a", 1000))).grpc_status(), "4");
  EXPECT_EQ(model.failed(batch::Reason::kDeadline), 1u);
}

}  // namespace
}  // namespace leeboard::front
