#include <gtest/gtest.h>

#include <string>

#include "wire/infer_request.h"
#include "wire/message_builder.h"

namespace leeboard::wire {
namespace {

using State = LargeRaw::State;

LargeRaw Find(std::string_view received, std::size_t min_size, std::size_t from = 0) {
  return FindLargeRaw(BytesOf(received), from, min_size);
}

TEST(FindLargeRawTest, TheFirstLargeEntryIsFoundBeforeItsDataArrives) {
  const Message small = Message().Text(1, "m").Text(7, "1234");
  const std::string message = Message(small).Text(7, std::string(1000, 'x')).str();
  const LargeRaw found = Find(message.substr(0, small.str().size() + 3), 1000);
  EXPECT_EQ(found.state, State::kFound);
  EXPECT_EQ(found.field_begin, small.str().size());
  EXPECT_EQ(found.payload_begin, small.str().size() + 3);
  EXPECT_EQ(found.payload_size, 1000U);
  EXPECT_EQ(found.resume_at, found.field_begin);
}

TEST(FindLargeRawTest, FedByteByByteItGivesTheSameAnswer) {
  const std::string message = Message()
                                  .Text(1, "model")
                                  .Number(99, 1U << 30)
                                  .Raw(
                                      "\x65"
                                      "four")
                                  .Text(7, "1234")
                                  .Text(7, std::string(300, 'x'))
                                  .str();
  const LargeRaw whole = Find(message, 300);
  LargeRaw grown;
  for (std::size_t size = 0; size <= message.size() && grown.state == State::kNeedMore;
       ++size) {
    grown = Find(message.substr(0, size), 300, grown.resume_at);
  }
  EXPECT_EQ(whole.state, State::kFound);
  EXPECT_EQ(grown.state, whole.state);
  EXPECT_EQ(grown.field_begin, whole.field_begin);
  EXPECT_EQ(grown.payload_begin, whole.payload_begin);
}

TEST(FindLargeRawTest, WithoutALargeEntryItWaitsAtTheLastBoundary) {
  const std::string message = Message().Text(1, "m").Text(7, "1234").str();
  EXPECT_EQ(Find(message, 5).resume_at, message.size());
  EXPECT_EQ(Find(message + "\x3a", 5).resume_at, message.size());
  EXPECT_EQ(Find(message + "\x3a\x04"
                           "12",
                 5)
                .resume_at,
            message.size());
  EXPECT_EQ(Find(message, 5).state, State::kNeedMore);
  EXPECT_EQ(Find("", 0).state, State::kNeedMore);
}

TEST(FindLargeRawTest, OtherFieldsAreNeverLargeEntries) {
  const std::string message = Message().Text(1, std::string(100, 'x')).str();
  EXPECT_EQ(Find(message, 10).state, State::kNeedMore);
  EXPECT_EQ(Find(Message().Number(7, 100).str(), 10).state, State::kNeedMore);
}

TEST(FindLargeRawTest, WhatIsNotProtobufIsMalformed) {
  for (const std::string& message :
       {std::string("\x02\x01x"), std::string("\x0f"), std::string("\x0c"),
        "\x08" + std::string(10, '\xff') + "\x01", std::string(6, '\xff'),
        std::string("\x3a\x80\x80\x80\x80\x08")}) {
    EXPECT_EQ(Find(message, 10).state, State::kMalformed);
  }
}

TEST(FindLargeRawTest, AGroupEndsTheSearch) {
  EXPECT_EQ(Find("\x0b\x0c", 10).state, State::kMalformed);
}

}  // namespace
}  // namespace leeboard::wire
