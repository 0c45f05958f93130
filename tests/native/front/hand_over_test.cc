// Calls that the control plane answers.

#include "front/hand_over.h"

#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

constexpr const char* kLoad = "RepositoryModelLoad";

class HandOverTest : public ServerTest {
 protected:
  // The calls that were handed over, once there are any: large messages need more than
  // one round of the client.
  std::vector<HandedCall> NextCalls(Loopback* client) {
    pollfd wait{server->notices_fd(), POLLIN, 0};
    while (poll(&wait, 1, 0) == 0) {
      client->Settle();
    }
    EXPECT_TRUE(server->TakeNotices().empty());
    return server->TakeCalls();
  }
};

TEST_F(HandOverTest, ACallIsTakenWholeAndAnswered) {
  Start();
  Loopback client(server->port());
  const std::string large(3 << 20, 'm');
  const std::int32_t load = client.Start(kLoad, large);
  client.Settle();
  const std::vector<HandedCall> first = NextCalls(&client);
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].method, "RepositoryModelLoad");
  EXPECT_EQ(first[0].message, large);
  const std::int32_t unload = client.Start("RepositoryModelUnload", "");
  client.Settle();
  const std::vector<HandedCall> second = NextCalls(&client);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_EQ(second[0].method, "RepositoryModelUnload");
  EXPECT_NE(second[0].id, first[0].id);
  server->Answer(second[0].id, Status::NotFound("no such model"), "");
  server->Answer(first[0].id, {}, "reply");
  EXPECT_EQ(client.Wait(load).message(), "reply");
  EXPECT_EQ(client.Wait(unload).grpc_status(), "5");
  EXPECT_EQ(client.Wait(unload).field("grpc-message"), "no such model");
  client.Settle();
  ExpectIdle();
}

TEST_F(HandOverTest, TheBellRingsWhicheverIsTakenFirst) {
  Start();
  Loopback client(server->port());
  client.Start(kLoad, "1");
  client.Settle();
  EXPECT_EQ(server->TakeCalls().size(), 1u);
  client.Start(kLoad, "2");
  client.Settle();
  EXPECT_TRUE(server->TakeNotices().empty());
  pollfd wait{server->notices_fd(), POLLIN, 0};
  EXPECT_EQ(poll(&wait, 1, kPatienceMs), 1);
  EXPECT_EQ(server->TakeCalls().size(), 1u);
  EXPECT_TRUE(server->TakeNotices().empty());
  EXPECT_EQ(poll(&wait, 1, 0), 0);
}

TEST_F(HandOverTest, WhoeverHasGoneIsForgotten) {
  Start();
  Loopback client(server->port());
  const std::int32_t gone = client.Start(kLoad, "1");
  client.Settle();
  const std::vector<HandedCall> calls = NextCalls(&client);
  client.Reset(gone);
  client.Settle();
  EXPECT_EQ(server->counters().live_calls.get(), 0u);
  server->Answer(calls.at(0).id, {}, "late");
  server->Answer(calls.at(0).id, {}, "twice");
  server->Answer(12345, {}, "never asked");
  client.Settle();
  ExpectIdle();
}

TEST_F(HandOverTest, ADeadlineEndsTheCall) {
  Start();
  Loopback client(server->port());
  const std::int32_t call = client.Start(kLoad, "1", {{"grpc-timeout", "1m"}});
  EXPECT_EQ(client.Wait(call).grpc_status(), "4");
  server->Answer(NextCalls(&client).at(0).id, {}, "late");
  client.Settle();
  ExpectIdle();
}

TEST_F(HandOverTest, OnlySoManyWait) {
  Start();
  Loopback client(server->port());
  std::vector<std::int32_t> calls;
  for (std::size_t i = 0; i < HandOver::kMost; ++i) {
    calls.push_back(client.Start(kLoad, "1"));
  }
  const http2::Response& refused = client.Ask(kLoad, "1");
  EXPECT_EQ(refused.grpc_status(), "8");
  const std::vector<HandedCall> taken = NextCalls(&client);
  ASSERT_EQ(taken.size(), HandOver::kMost);
  server->Answer(taken[0].id, {}, "");
  EXPECT_EQ(client.Wait(calls[0]).grpc_status(), "0");
  client.Start(kLoad, "2");
  client.Settle();
  EXPECT_EQ(NextCalls(&client).size(), 1u);
}

TEST_F(HandOverTest, CallsThatWentUntakenStillCount) {
  Start();
  Loopback client(server->port());
  for (std::size_t i = 0; i < HandOver::kMost; ++i) {
    client.Reset(client.Start(kLoad, "1"));
  }
  EXPECT_EQ(client.Ask(kLoad, "1").grpc_status(), "8");
  EXPECT_EQ(server->TakeCalls().size(), HandOver::kMost);
  client.Start(kLoad, "1");
  client.Settle();
  EXPECT_EQ(server->TakeCalls().size(), 1u);
}

TEST_F(HandOverTest, AMessageHasItsLimit) {
  Start();
  Loopback client(server->port());
  const std::string large(HandOver::kLargestMessage + 1, 'x');
  EXPECT_EQ(client.Ask(kLoad, large).grpc_status(), "3");
  EXPECT_TRUE(server->TakeCalls().empty());
}

TEST_F(HandOverTest, ADrainEndsThem) {
  Start();
  Loopback client(server->port());
  const std::int32_t open = client.Start(kLoad, "1");
  client.Settle();
  server->BeginDrain();
  EXPECT_EQ(client.Wait(open).grpc_status(), "14");
  EXPECT_EQ(client.Wait(open).field("grpc-message"), "the server is stopping");
}

TEST_F(HandOverTest, AStopEndsThem) {
  Start();
  Loopback client(server->port());
  const std::int32_t open = client.Start(kLoad, "1");
  client.Settle();
  server->Stop();
  EXPECT_EQ(client.Wait(open).grpc_status(), "14");
}

}  // namespace
}  // namespace leeboard::front
