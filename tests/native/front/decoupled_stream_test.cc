// Decoupled models behind ModelStreamInfer, and clients that do not read.

#include "batch/responding.h"
#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

using batch::Room;

class DecoupledStream : public testing::Test {
 protected:
  void Start(Nanos stall_timeout = 60'000'000'000) {
    ServerOptions options;
    options.streams.stall_timeout = stall_timeout;
    server = std::make_unique<Server>(options);
    server->AddServed(model.served);
    server->SetTable(model.table);
    ASSERT_TRUE(server->Start().ok());
    std::unique_ptr<batch::WorkerLink> link;
    worker = model.MakeWorker(&link);
    server->AddWorker(model.served, std::move(link));
  }
  static std::int32_t Open(Loopback& client, const std::string& body) {
    const http2::Fields fields =
        http2::CallFields({{":path", std::string(kService) + "ModelStreamInfer"}});
    const std::int32_t id = client.client.Start(fields, body, /*leave_open=*/true);
    client.Send();
    return id;
  }
  static std::string Ask(const std::string& id) {
    return http2::Framed(AskRows("abc", 1, "m", id));
  }
  [[nodiscard]] bool Take() const { return worker->Take(kPatienceMs); }
  // Waits for the moment at which the worker may write again, or must not at all.
  [[nodiscard]] Room NextRoom() const { return RoomOf(*worker, kPatienceMs); }

  ServedModel model{Echo({Spec("x", wire::DType::kUint8, {-1})}), 64 << 20, true};
  std::unique_ptr<Server> server;
  std::unique_ptr<batch::FakeWorker> worker;
};

TEST_F(DecoupledStream, APartThatCannotBeSentEndsItsRequestAndNothingElse) {
  Start();
  Loopback client(server->port());
  constexpr int kOthers = 20;  // More than a stream keeps messages for.
  std::string body;
  for (int i = 0; i < kOthers; ++i) {
    body += Ask(std::to_string(i));
  }
  const wire::Message most = wire::Message().Number(2, 20'000);
  const wire::Message by_class =
      wire::Message().Text(1, "x").Nested(2, wire::Entry("classification", most));
  body += http2::Framed(
      wire::Message().Raw(AskRows("abc", 1, "m", "bad")).Nested(6, by_class).str());
  const std::int32_t stream = Open(client, body);
  for (int i = 0; i < kOthers; ++i) {
    ASSERT_TRUE(Take());
    EndResponses(*worker);
  }
  ASSERT_TRUE(Take());
  Respond(*worker, std::string(20'000, 'x'));
  EXPECT_EQ(NextRoom(), Room::kCancelled);
  EndResponses(*worker);
  client.client.Send(stream, "", /*leave_open=*/false);
  EXPECT_EQ(client.Wait(stream).grpc_status(), "0");
  EXPECT_EQ(client.client.response(stream).messages().size(), 1u);
  EXPECT_EQ(server->counters().live_calls.get(), 0u);
}

TEST_F(DecoupledStream, AClientThatTakesNothingDoesNotKeepAnInstance) {
  Start(/*stall_timeout=*/10'000'000);
  Loopback deaf(server->port(), {.stream_window = 0, .connection_window = 65535});
  Open(deaf, Ask("1"));
  ASSERT_TRUE(Take());
  Room room = Room::kFree;
  int responses = 0;
  while (room == Room::kFree && responses < 100) {
    Respond(*worker, "x");
    ++responses;
    room = NextRoom();
  }
  EXPECT_EQ(room, Room::kCancelled);
  EXPECT_EQ(responses, 16);
  EXPECT_EQ(model.failed(batch::Reason::kCancelled), 1u);
  EndResponses(*worker);
  Loopback other(server->port());
  const std::int32_t stream = Open(other, Ask("2"));
  ASSERT_TRUE(Take());
  Respond(*worker, "y");
  EXPECT_TRUE(other.Until(
      [&] { return other.client.response(stream).messages().size() == 1; }));
  EXPECT_EQ(NextRoom(), Room::kFree);
  EndResponses(*worker);
}

TEST_F(DecoupledStream, NorDoesOneThatLeavesALargeAnswerInItsMemory) {
  Start(/*stall_timeout=*/10'000'000);
  const std::string large(100'000, 'x');
  Loopback first(server->port());
  Open(first, Ask("0"));
  ASSERT_TRUE(Take());
  Respond(*worker, large);  // What this shape's outputs take is known from here on.
  EXPECT_EQ(NextRoom(), Room::kFree);
  EndResponses(*worker);
  Loopback deaf(server->port(), {.stream_window = 1000, .connection_window = 65535});
  Open(deaf, Ask("1"));
  ASSERT_TRUE(Take());
  ASSERT_GE(worker->port.header(worker->claim()).output_capacity, large.size());
  Respond(*worker, large);
  EXPECT_EQ(NextRoom(), Room::kCancelled);
  EXPECT_EQ(model.failed(batch::Reason::kCancelled), 1u);
}

}  // namespace
}  // namespace leeboard::front
