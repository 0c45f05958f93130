#include "load/exchange.h"

#include <gtest/gtest.h>
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "http2/framing.h"

namespace leeboard::load {
namespace {

using http2::Framed;
using http2::Prefix;

class ExchangeTest : public testing::Test {
 protected:
  // Delivers the body in portions of `portion` bytes.
  void Receive(std::string_view body, std::size_t portion = 3) {
    for (; !body.empty(); body.remove_prefix(std::min(portion, body.size()))) {
      const std::string_view part = body.substr(0, portion);
      exchange.OnBody(
          {reinterpret_cast<const std::uint8_t*>(part.data()), part.size()});
    }
  }
  [[nodiscard]] int StatusAfter(std::uint32_t error_code) const {
    return exchange.Conclude(error_code).status;
  }

  Exchange exchange;
};

TEST_F(ExchangeTest, AWholeMessageWithStatusZeroIsOk) {
  exchange.keeps_reply = true;
  exchange.OnHeader(":status", "200");
  Receive(Framed("the answer"));
  exchange.OnHeader("grpc-status", "0");
  EXPECT_EQ(StatusAfter(NGHTTP2_NO_ERROR), kStatusOk);
  EXPECT_EQ(exchange.reply, "the answer");
}

TEST_F(ExchangeTest, TheStatusAndItsWordsAreTheServers) {
  exchange.OnHeader("grpc-status", "5");
  exchange.OnHeader("grpc-message", "no%20model \"m%C3%BCsli\"");
  const Outcome outcome = exchange.Conclude(NGHTTP2_NO_ERROR);
  EXPECT_EQ(outcome.status, 5);
  EXPECT_EQ(outcome.text, "no model \"m\u00fcsli\"");
}

TEST_F(ExchangeTest, AnyCodeThatGrpcDoesNotHaveIsUnknown) {
  for (const char* code : {"17", "999999999999999999999", "-1", "five", "", "0x1"}) {
    exchange.Clear();
    exchange.OnHeader("grpc-status", code);
    EXPECT_EQ(StatusAfter(NGHTTP2_NO_ERROR), kStatusUnknown) << code;
  }
}

TEST_F(ExchangeTest, HalfAMessageIsInternal) {
  exchange.OnHeader("grpc-status", "0");
  Receive(Prefix(10) + "half");
  EXPECT_EQ(StatusAfter(NGHTTP2_NO_ERROR), kStatusInternal);
}

TEST_F(ExchangeTest, HalfAPrefixIsInternal) {
  exchange.OnHeader("grpc-status", "0");
  Receive(std::string(4, '\0'));
  EXPECT_EQ(StatusAfter(NGHTTP2_NO_ERROR), kStatusInternal);
}

TEST_F(ExchangeTest, TwoMessagesAreInternal) {
  exchange.OnHeader("grpc-status", "0");
  Receive(Framed("one") + Framed("two"));
  EXPECT_EQ(StatusAfter(NGHTTP2_NO_ERROR), kStatusInternal);
}

TEST_F(ExchangeTest, ACompressedMessageIsInternal) {
  exchange.OnHeader("grpc-status", "0");
  Receive(Framed("deflated", 1));
  const Outcome outcome = exchange.Conclude(NGHTTP2_NO_ERROR);
  EXPECT_EQ(outcome.status, kStatusInternal);
  EXPECT_NE(outcome.text.find("compressed"), std::string::npos);
}

TEST_F(ExchangeTest, AnAnswerWithoutGrpcStatusIsUnknown) {
  exchange.OnHeader(":status", "200");
  Receive(Framed(""));
  EXPECT_EQ(StatusAfter(NGHTTP2_NO_ERROR), kStatusUnknown);
}

TEST_F(ExchangeTest, HttpStatusesStandForTheCodesThatGrpcGivesThem) {
  const std::pair<const char*, int> kExpected[] = {
      {"400", kStatusInternal},         {"401", kStatusUnauthenticated},
      {"403", kStatusPermissionDenied}, {"404", kStatusUnimplemented},
      {"429", kStatusUnavailable},      {"502", kStatusUnavailable},
      {"503", kStatusUnavailable},      {"504", kStatusUnavailable},
      {"500", kStatusUnknown},          {"302", kStatusUnknown}};
  for (const auto& [http, code] : kExpected) {
    exchange.Clear();
    exchange.OnHeader(":status", http);
    EXPECT_EQ(StatusAfter(NGHTTP2_NO_ERROR), code) << http;
  }
}

TEST_F(ExchangeTest, TheGrpcStatusGoesBeforeTheHttpStatusAndTheReset) {
  exchange.OnHeader(":status", "503");
  exchange.OnHeader("grpc-status", "8");
  EXPECT_EQ(StatusAfter(NGHTTP2_CANCEL), kStatusResourceExhausted);
}

TEST_F(ExchangeTest, OnlyARefusedStreamMayBeAskedAgain) {
  const Outcome refused = exchange.Conclude(NGHTTP2_REFUSED_STREAM);
  EXPECT_TRUE(refused.refused);
  EXPECT_EQ(refused.status, kStatusUnavailable);
  EXPECT_FALSE(exchange.Conclude(NGHTTP2_CANCEL).refused);
  exchange.OnHeader("grpc-status", "14");
  EXPECT_FALSE(exchange.Conclude(NGHTTP2_REFUSED_STREAM).refused);
}

TEST_F(ExchangeTest, ResetsStandForTheCodesThatGrpcGivesThem) {
  EXPECT_EQ(StatusAfter(NGHTTP2_CANCEL), kStatusCancelled);
  EXPECT_EQ(StatusAfter(NGHTTP2_ENHANCE_YOUR_CALM), kStatusResourceExhausted);
  EXPECT_EQ(StatusAfter(NGHTTP2_INADEQUATE_SECURITY), kStatusPermissionDenied);
  EXPECT_EQ(StatusAfter(NGHTTP2_PROTOCOL_ERROR), kStatusInternal);
  EXPECT_EQ(StatusAfter(12345), kStatusInternal);
}

TEST_F(ExchangeTest, AClearedExchangeRemembersNothingOfTheAnswer) {
  exchange.OnHeader("grpc-status", "3");
  exchange.OnHeader("grpc-message", "bad");
  Receive(Framed("old"));
  exchange.Clear();
  exchange.OnHeader("grpc-status", "0");
  Receive(Framed(""));
  const Outcome outcome = exchange.Conclude(NGHTTP2_NO_ERROR);
  EXPECT_EQ(outcome.status, kStatusOk);
  EXPECT_EQ(outcome.text, "");
}

TEST(PercentDecodeTest, WhatIsNoEscapeStaysAsItIs) {
  EXPECT_EQ(PercentDecode("%41b%20%7E"), "Ab ~");
  EXPECT_EQ(PercentDecode("100%"), "100%");
  EXPECT_EQ(PercentDecode("%4"), "%4");
  EXPECT_EQ(PercentDecode("%zz%%41"), "%zz%A");
  EXPECT_EQ(PercentDecode("%c3%bc"), "\u00fc");
  EXPECT_EQ(PercentDecode(""), "");
}

}  // namespace
}  // namespace leeboard::load
