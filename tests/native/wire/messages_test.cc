#include "wire/messages.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

#include "wire/message_builder.h"

namespace leeboard::wire {
namespace {

Message Timed(std::uint64_t count, std::uint64_t ns) {
  return Message().Number(1, count).Number(2, ns);
}

TEST(MessagesTest, ANameAndAVersionAreRead) {
  NameVersion out;
  const Message message = Message().Text(1, "fraud").Text(2, "7").Number(3, 1);
  ASSERT_TRUE(ParseNameVersion(message.span(), &out).ok());
  EXPECT_EQ(out.name, "fraud");
  EXPECT_EQ(out.version, "7");
  ASSERT_TRUE(ParseNameVersion({}, &out).ok());
  EXPECT_EQ(out.name, "");
}

TEST(MessagesTest, WrongNamesAreRefused) {
  NameVersion out;
  EXPECT_EQ(ParseNameVersion(BytesOf("\x0a\x05"), &out).message(),
            "malformed request: a field passes the end of its message");
  EXPECT_EQ(ParseNameVersion(BytesOf("\x0a\x01\xff"), &out).message(),
            "the name is not valid UTF-8, as a protobuf string must be");
}

TEST(MessagesTest, AnIndexRequestMayAskForReadyModelsOnly) {
  IndexRequest out;
  const Message message = Message().Text(1, "repository").Number(2, 1);
  ASSERT_TRUE(ParseIndexRequest(message.span(), &out).ok());
  EXPECT_EQ(out.repository_name, "repository");
  EXPECT_TRUE(out.ready_only);
  ASSERT_TRUE(ParseIndexRequest({}, &out).ok());
  EXPECT_FALSE(out.ready_only);
  EXPECT_FALSE(ParseIndexRequest(BytesOf("\x0a\x01\xff"), &out).ok());
  EXPECT_FALSE(ParseIndexRequest(BytesOf("\x10"), &out).ok());
}

TEST(MessagesTest, DefaultsAreLeftOut) {
  std::string out;
  AppendBool(false, &out);
  AppendHealth(Serving::kUnknown, &out);
  EXPECT_EQ(out, "");
  AppendBool(true, &out);
  AppendHealth(Serving::kNotServing, &out);
  EXPECT_EQ(out, Message().Number(1, 1).Number(1, 2).str());
}

TEST(MessagesTest, IndexEntriesFollowOneAnother) {
  std::string out;
  AppendIndexEntry({"a", "1", "READY", ""}, &out);
  AppendIndexEntry({"b", "", "", "why"}, &out);
  EXPECT_EQ(out, Message()
                     .Nested(1, Message().Text(1, "a").Text(2, "1").Text(3, "READY"))
                     .Nested(1, Message().Text(1, "b").Text(4, "why"))
                     .str());
}

TEST(MessagesTest, StatisticsCarryEveryDuration) {
  constexpr std::array<BatchStatistics, 1> kBatches = {
      {{4, {2, 100}, {2, 200}, {2, 300}}}};
  ModelStatistics statistics;
  statistics.name = "m";
  statistics.version = "3";
  statistics.last_inference_ms = 1'700'000'000'123;
  statistics.inference_count = 10;
  statistics.execution_count = 4;
  statistics.success = {1, 1000};
  statistics.queue = {3, 3000};
  statistics.compute_input = {4, 4000};
  statistics.compute_infer = {5, 5000};
  statistics.compute_output = {6, 6000};
  statistics.batches = kBatches;
  std::string out;
  AppendModelStatistics(statistics, &out);
  const Message durations = Message()
                                .Nested(1, Timed(1, 1000))
                                .Nested(2, Message())
                                .Nested(3, Timed(3, 3000))
                                .Nested(4, Timed(4, 4000))
                                .Nested(5, Timed(5, 5000))
                                .Nested(6, Timed(6, 6000));
  const Message batch = Message()
                            .Number(1, 4)
                            .Nested(2, Timed(2, 100))
                            .Nested(3, Timed(2, 200))
                            .Nested(4, Timed(2, 300));
  EXPECT_EQ(out, Message()
                     .Nested(1, Message()
                                    .Text(1, "m")
                                    .Text(2, "3")
                                    .Number(3, 1'700'000'000'123)
                                    .Number(4, 10)
                                    .Number(5, 4)
                                    .Nested(6, durations)
                                    .Nested(7, batch))
                     .str());
}

}  // namespace
}  // namespace leeboard::wire
