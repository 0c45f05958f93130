#include "http2/grpc_headers.h"

#include <gtest/gtest.h>

namespace leeboard::http2 {
namespace {

TEST(GrpcHeaders, TimeoutTakesEachUnit) {
  EXPECT_EQ(ParseTimeout("2H"), Nanos{7'200'000'000'000});
  EXPECT_EQ(ParseTimeout("3M"), Nanos{180'000'000'000});
  EXPECT_EQ(ParseTimeout("4S"), Nanos{4'000'000'000});
  EXPECT_EQ(ParseTimeout("5m"), Nanos{5'000'000});
  EXPECT_EQ(ParseTimeout("6u"), Nanos{6'000});
  EXPECT_EQ(ParseTimeout("7n"), Nanos{7});
  EXPECT_EQ(ParseTimeout("0n"), Nanos{0});
}

TEST(GrpcHeaders, TimeoutThatDoesNotFitIsNever) {
  EXPECT_EQ(ParseTimeout("99999999S"), Nanos{99'999'999'000'000'000});
  EXPECT_EQ(ParseTimeout("99999999H"), kNever);
  EXPECT_EQ(DeadlineAfter(5, kNever), kNever);
  EXPECT_EQ(DeadlineAfter(5, kNever - 4), kNever);
  EXPECT_EQ(DeadlineAfter(5, 7), 12);
}

TEST(GrpcHeaders, MalformedTimeoutIsRefused) {
  for (const char* text : {"", "S", "5", "5s", "5h", "-5S", "+5S", "5.0S", " 5S", "5S ",
                           "123456789n", "1e3m", "5SS"}) {
    EXPECT_FALSE(ParseTimeout(text).has_value()) << text;
  }
}

TEST(GrpcHeaders, ContentTypesOfGrpcAreAccepted) {
  for (const char* type :
       {"application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8",
        "application/grpc+proto; charset=utf-8"}) {
    EXPECT_TRUE(IsGrpcContentType(type)) << type;
  }
  for (const char* type :
       {"", "application/json", "application/grpc-web", "application/grpc+json",
        "application/grpcx", "text/plain"}) {
    EXPECT_FALSE(IsGrpcContentType(type)) << type;
  }
}

TEST(GrpcHeaders, MessageIsPercentEncoded) {
  std::string encoded = "left over";
  PercentEncode("plain ~text", &encoded);
  EXPECT_EQ(encoded, "plain ~text");
  PercentEncode("100%\n\x7f\xc3\xa9", &encoded);
  EXPECT_EQ(encoded, "100%25%0A%7F%C3%A9");
}

TEST(GrpcHeaders, LongMessageIsCutBetweenCharacters) {
  std::string encoded;
  PercentEncode(std::string(5000, '%'), &encoded);
  EXPECT_LE(encoded.size(), 4096u);
  EXPECT_EQ(encoded.size() % 3, 0u);
}

TEST(GrpcHeaders, StatusDigitsCoverEveryCode) {
  EXPECT_EQ(StatusDigits(Code::kOk), "0");
  EXPECT_EQ(StatusDigits(Code::kInvalidArgument), "3");
  EXPECT_EQ(StatusDigits(Code::kUnavailable), "14");
}

}  // namespace
}  // namespace leeboard::http2
