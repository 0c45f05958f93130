#include "wire/proto_reader.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/message_builder.h"

namespace leeboard::wire {
namespace {

// The number of fields, or -1 when the message is malformed.
int Fields(std::string_view message, int nesting = 0) {
  ProtoReader reader(BytesOf(message), nesting);
  int fields = 0;
  while (reader.Next()) {
    ++fields;
  }
  return reader.ok() ? fields : -1;
}

std::string Groups(int count) {
  return std::string(static_cast<std::size_t>(count), '\x0b') +
         std::string(static_cast<std::size_t>(count), '\x0c');
}

TEST(ProtoReaderTest, ReadsEveryWireType) {
  const std::string message = Message()
                                  .Number(1, 300)
                                  .Text(2, "text")
                                  .Raw(
                                      "\x1d"
                                      "four")
                                  .Raw(
                                      "\x21"
                                      "eight...")
                                  .str();
  ProtoReader reader(BytesOf(message));
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.tag(), VarintTag(1));
  EXPECT_EQ(reader.varint(), 300U);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.text(), "text");
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.tag(), Tag(3, WireType::kFixed32));
  EXPECT_EQ(reader.text(), "four");
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.text(), "eight...");
  EXPECT_FALSE(reader.Next());
  EXPECT_TRUE(reader.ok());
}

TEST(ProtoReaderTest, AnEmptyMessageHasNoFields) {
  EXPECT_EQ(Fields(""), 0);
  ProtoReader reader({});
  EXPECT_FALSE(reader.Next());
  EXPECT_TRUE(reader.ok());
}

TEST(ProtoReaderTest, EveryPrefixThatCutsAFieldIsMalformed) {
  const std::string message = Message().Number(100, 300).Text(2, "text").str();
  const std::size_t boundary = Message().Number(100, 300).str().size();
  for (std::size_t size = 1; size < message.size(); ++size) {
    EXPECT_EQ(Fields(message.substr(0, size)), size == boundary ? 1 : -1) << size;
  }
}

TEST(ProtoReaderTest, ALengthMayNotPassTheEnd) {
  EXPECT_EQ(Fields("\x0a\x02"
                   "a"),
            -1);
  EXPECT_EQ(Fields("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
                   "a"),
            -1);
}

TEST(ProtoReaderTest, VarintsHaveAtMostTenBytesAndTagsFive) {
  EXPECT_EQ(Fields("\x08" + std::string(9, '\xff') + "\x7f"), 1);
  EXPECT_EQ(Fields("\x08" + std::string(10, '\xff') + "\x01"), -1);
  EXPECT_EQ(Fields(std::string("\x88\x80\x80\x80\x00\x01", 6)), 1);
  EXPECT_EQ(Fields(std::string("\x88\x80\x80\x80\x80\x00\x01", 7)), -1);
  EXPECT_EQ(Fields("\x88\x80\x80\x80\x10\x01"), -1);
}

TEST(ProtoReaderTest, FieldZeroAndUnknownWireTypesAreMalformed) {
  EXPECT_EQ(Fields(std::string("\x00\x01", 2)), -1);
  EXPECT_EQ(Fields("\x02\x01"
                   "a"),
            -1);
  EXPECT_EQ(Fields("\x0e"), -1);
  EXPECT_EQ(Fields("\x0f"), -1);
}

TEST(ProtoReaderTest, AGroupIsOneFieldToSkip) {
  EXPECT_EQ(Fields("\x0b\x08\x01\x12\x01"
                   "a\x0c"),
            1);
  EXPECT_EQ(Fields("\x0b\x0b\x0c\x0c\x08\x01"), 2);
}

TEST(ProtoReaderTest, AGroupEndsWithItsOwnNumber) {
  EXPECT_EQ(Fields("\x0b"), -1);
  EXPECT_EQ(Fields("\x0c"), -1);
  EXPECT_EQ(Fields("\x0b\x14"), -1);
  EXPECT_EQ(Fields("\x0b\x0b\x0c"), -1);
}

TEST(ProtoReaderTest, NestingHasTheLimitOfProtobuf) {
  EXPECT_EQ(Fields(Groups(100)), 1);
  EXPECT_EQ(Fields(Groups(101)), -1);
  EXPECT_EQ(Fields(Groups(98), 2), 1);
  EXPECT_EQ(Fields(Groups(99), 2), -1);
}

}  // namespace
}  // namespace leeboard::wire
