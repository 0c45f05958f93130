// What a whole server records of requests, however they end.

#include <thread>

#include "front/trace_context.h"
#include "loopback.h"
#include "server_rig.h"

namespace leeboard::front {
namespace {

constexpr const char* kCaller =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

class TraceCallsTest : public ServerTest {
 protected:
  void StartTraced(const TraceOptions& options = {
                       .on = true, .share = 1.0, .most_per_s = 1e9}) {
    Start();
    server->SetTracing(options);
    Loopback(server->port()).Settle();
  }
  // The one record that there is, once there is one.
  TraceRecord Only() {
    std::vector<TraceRecord> records;
    while (records.empty()) {
      records = server->TakeTraces();
      std::this_thread::yield();
    }
    EXPECT_EQ(records.size(), 1u);
    return records[0];
  }
  void ExpectNeverRan(const TraceRecord& record) {
    EXPECT_EQ(record.run_began, 0);
    EXPECT_EQ(record.run_ended, 0);
    EXPECT_FALSE(record.was_claimed);
    EXPECT_GE(record.replied, record.trace.arrived);
  }
};

TEST_F(TraceCallsTest, AnAnswerHasAllPhasesInOrderAndCarriesOurSpan) {
  StartTraced();
  AddInlineWorker();
  Loopback client(server->port());
  const http2::Response& response = client.Wait(client.Infer(
      AskRows("abcd", 2, "m", "7"), {{"traceparent", kCaller}, {"tracestate", "a=b"}}));
  EXPECT_EQ(response.grpc_status(), "0");
  const TraceRecord record = Only();
  TraceContext ours;
  ASSERT_TRUE(ParseTraceparent(response.field("traceparent"), &ours));
  EXPECT_EQ(ours.trace_low, 0x8448EB211C80319CU);
  EXPECT_EQ(ours.span, record.trace.span);
  EXPECT_TRUE(ours.sampled);
  EXPECT_EQ(record.trace.parent, 0xB7AD6B7169203331U);
  EXPECT_EQ(record.tracestate, "a=b");
  EXPECT_GT(record.trace.arrived, 0);
  EXPECT_LE(record.trace.arrived, record.trace.complete);
  EXPECT_LE(record.trace.complete, record.trace.queued);
  EXPECT_LE(record.trace.complete, record.claimed);
  EXPECT_LE(record.claimed, record.run_began);
  EXPECT_LE(record.run_began, record.run_ended);
  EXPECT_LE(record.run_ended, record.replied);
  EXPECT_EQ(record.code, Code::kOk);
  EXPECT_EQ(record.model, "m");
  EXPECT_EQ(record.version, "1");
  EXPECT_EQ(record.request_id, "7");
  EXPECT_EQ(record.rows, 2u);
  EXPECT_EQ(record.batch_rows, 2u);
}

TEST_F(TraceCallsTest, WithoutTracingThereIsNothingAndNoHeader) {
  Start();
  AddInlineWorker();
  Loopback client(server->port());
  const http2::Response& response =
      client.Wait(client.Infer(AskRows("abc"), {{"traceparent", kCaller}}));
  EXPECT_EQ(response.grpc_status(), "0");
  EXPECT_EQ(response.field("traceparent"), "");
  EXPECT_TRUE(server->TakeTraces().empty());
  EXPECT_EQ(server->trace_counters().sampled.get(), 0u);
}

TEST_F(TraceCallsTest, OneThatIsCancelledInTheQueueNeverRan) {
  StartTraced();
  Loopback client(server->port());
  client.Reset(client.Infer(AskRows("abc")));
  client.Settle();
  const TraceRecord record = Only();
  EXPECT_EQ(record.code, Code::kCancelled);
  EXPECT_GT(record.trace.queued, 0);
  ExpectNeverRan(record);
}

TEST_F(TraceCallsTest, OneThatIsCancelledWhileItRunsWasClaimed) {
  StartTraced();
  const auto worker = AddWorker();
  Loopback client(server->port());
  const std::int32_t call = client.Infer(AskRows("abc"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  client.Reset(call);
  client.Settle();
  const TraceRecord record = Only();
  EXPECT_EQ(record.code, Code::kCancelled);
  EXPECT_TRUE(record.was_claimed);
  EXPECT_EQ(record.run_began, 0);
  worker->Finish();
}

TEST_F(TraceCallsTest, OneWhoseMessageNeverComesWholeWasNotQueued) {
  StartTraced();
  Loopback client(server->port());
  const std::string framed = http2::Framed(AskRows(std::string(1000, 'x')));
  client.client.Start(http2::CallFields(), framed.substr(0, 300), true);
  client.Settle();
  client.HangUp();
  const TraceRecord record = Only();
  EXPECT_EQ(record.code, Code::kCancelled);
  EXPECT_EQ(record.trace.complete, 0);
  EXPECT_EQ(record.trace.queued, 0);
  ExpectNeverRan(record);
}

TEST_F(TraceCallsTest, OneThatNeverBeginsItsMessageIsOfNoModel) {
  StartTraced();
  AddInlineWorker();
  Loopback client(server->port());
  // Its state is used again by the next call.
  EXPECT_EQ(client.Ask("ModelInfer", AskRows("abc")).grpc_status(), "0");
  EXPECT_EQ(Only().model, "m");
  client.client.Start(http2::CallFields(), "", true);
  client.Settle();
  client.HangUp();
  const TraceRecord record = Only();
  EXPECT_EQ(record.code, Code::kCancelled);
  EXPECT_EQ(record.model, "");
  ExpectNeverRan(record);
}

TEST_F(TraceCallsTest, RefusalsAreRecordedWithTheirCode) {
  StartTraced();
  Loopback client(server->port());
  const auto refused = [&](const std::string& message, Code code) {
    client.Ask("ModelInfer", message);
    const TraceRecord record = Only();
    EXPECT_EQ(record.code, code);
    ExpectNeverRan(record);
    EXPECT_EQ(record.trace.queued, 0);
    return record.model;
  };
  EXPECT_EQ(refused(AskRows("x", 1, "other"), Code::kNotFound), "other");
  EXPECT_EQ(refused("\xFF", Code::kInvalidArgument), "");
  EXPECT_EQ(refused(AskRows("123456", 6), Code::kInvalidArgument), "m");
}

TEST_F(TraceCallsTest, ADeadlineInTheQueueLeavesNoRun) {
  StartTraced();
  Loopback client(server->port());
  client.Wait(client.Infer(AskRows("abc"), {{"grpc-timeout", "1m"}}));
  const TraceRecord record = Only();
  EXPECT_EQ(record.code, Code::kDeadlineExceeded);
  ExpectNeverRan(record);
}

TEST_F(TraceCallsTest, AModelThatFailsHasRun) {
  StartTraced();
  const auto worker = AddWorker();
  worker->fails_on = "abc";
  Loopback client(server->port());
  const std::int32_t call = client.Infer(AskRows("abc"));
  ASSERT_TRUE(worker->Take(kPatienceMs));
  worker->Finish();
  EXPECT_NE(client.Wait(call).grpc_status(), "0");
  const TraceRecord record = Only();
  EXPECT_EQ(record.code, Code::kUnknown);
  EXPECT_GT(record.run_began, 0);
  EXPECT_LE(record.run_began, record.run_ended);
  EXPECT_LE(record.run_ended, record.replied);
  EXPECT_EQ(record.batch_rows, 1u);
}

TEST_F(TraceCallsTest, SlowRequestsAreRecordedWithoutASpan) {
  StartTraced({.slow_after = 1});
  AddInlineWorker();
  Loopback client(server->port());
  const http2::Response& response =
      client.Wait(client.Infer(AskRows("abc"), {{"traceparent", kCaller}}));
  EXPECT_EQ(response.field("traceparent"), "");
  const TraceRecord record = Only();
  EXPECT_TRUE(record.slow);
  EXPECT_FALSE(record.trace.sampled);
  EXPECT_EQ(record.trace.trace_low, 0x8448EB211C80319CU);
  EXPECT_EQ(server->trace_counters().slow.get(), 1u);
}

TEST_F(TraceCallsTest, OtherMethodsAreNotTraced) {
  StartTraced();
  Loopback client(server->port());
  client.Settle();
  client.Ask("ModelReady", wire::Message().Text(1, "m").str());
  EXPECT_TRUE(server->TakeTraces().empty());
}

}  // namespace
}  // namespace leeboard::front
