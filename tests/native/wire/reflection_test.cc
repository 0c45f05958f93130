// The messages of server reflection.

#include <gtest/gtest.h>

#include "message_builder.h"
#include "wire/messages.h"

namespace leeboard::wire {
namespace {

using Wish = ReflectionRequest::Wish;

ReflectionRequest Parsed(const Message& message) {
  ReflectionRequest request;
  EXPECT_TRUE(ParseReflectionRequest(message.span(), &request).ok());
  return request;
}

TEST(Reflection, KnowsWhatIsAskedFor) {
  EXPECT_EQ(Parsed(Message()).wish, Wish::kNothing);
  EXPECT_EQ(Parsed(Message().Text(1, "host")).wish, Wish::kNothing);
  EXPECT_EQ(Parsed(Message().Text(3, "a.proto")).wish, Wish::kFile);
  EXPECT_EQ(Parsed(Message().Text(5, "")).wish, Wish::kExtension);
  EXPECT_EQ(Parsed(Message().Text(6, "x.Y")).wish, Wish::kExtension);
  EXPECT_EQ(Parsed(Message().Text(7, "*")).wish, Wish::kServices);
  const Message symbol = Message().Text(4, "x.Y");
  EXPECT_EQ(Parsed(symbol).wish, Wish::kSymbol);
  EXPECT_EQ(Parsed(symbol).text, "x.Y");
}

TEST(Reflection, TheLastMemberOfTheOneofCounts) {
  const Message message = Message().Text(7, "").Text(3, "a.proto");
  const ReflectionRequest request = Parsed(message);
  EXPECT_EQ(request.wish, Wish::kFile);
  EXPECT_EQ(request.text, "a.proto");
}

TEST(Reflection, RefusesWhatIsNoRequest) {
  ReflectionRequest request;
  EXPECT_FALSE(ParseReflectionRequest(BytesOf("\xFF"), &request).ok());
  EXPECT_FALSE(ParseReflectionRequest(Message().Text(4, "\xC3").span(), &request).ok());
}

}  // namespace
}  // namespace leeboard::wire
