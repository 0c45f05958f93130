#include "wire/infer_response.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "wire/message_builder.h"

namespace leeboard::wire {
namespace {

// The whole response: each output's data is its size in `x`s.
std::string Write(const ResponseIdentity& identity,
                  const std::vector<OutputTensor>& outputs) {
  std::string message;
  AppendInferResponseHead(identity, outputs, &message);
  for (const OutputTensor& output : outputs) {
    AppendRawOutputHeader(output.size, &message);
    message.append(output.size, 'x');
  }
  EXPECT_EQ(InferResponseSize(identity, outputs), message.size());
  return message;
}

TEST(InferResponseTest, EveryOutputHasMetadataAndData) {
  constexpr std::array<std::int64_t, 2> kShape = {1, 300};
  constexpr std::array<std::int64_t, 1> kEmpty = {0};
  const std::vector<OutputTensor> outputs = {{"y", DType::kFp32, kShape, 1200},
                                             {"z", DType::kBytes, kEmpty, 0},
                                             {"s", DType::kInt64, {}, 8}};
  EXPECT_EQ(Write({"m", "2", "id"}, outputs),
            Message()
                .Text(1, "m")
                .Text(2, "2")
                .Text(3, "id")
                .Nested(5, Message().Text(1, "y").Text(2, "FP32").Packed(3, {1, 300}))
                .Nested(5, Message().Text(1, "z").Text(2, "BYTES").Packed(3, {0}))
                .Nested(5, Message().Text(1, "s").Text(2, "INT64"))
                .Text(6, std::string(1200, 'x'))
                .Text(6, "")
                .Text(6, std::string(8, 'x'))
                .str());
}

TEST(InferResponseTest, AnEmptyIdIsLeftOut) {
  EXPECT_EQ(Write({"m", "1", ""}, {}), Message().Text(1, "m").Text(2, "1").str());
}

TEST(InferResponseTest, SizesPassFourGigabytes) {
  const std::vector<OutputTensor> outputs = {{"y", DType::kUint8, {}, 5'000'000'000}};
  std::string head;
  AppendInferResponseHead({"m", "1", ""}, outputs, &head);
  AppendRawOutputHeader(5'000'000'000, &head);
  EXPECT_EQ(InferResponseSize({"m", "1", ""}, outputs), head.size() + 5'000'000'000);
}

TEST(InferResponse, SaysWhetherItIsTheLastOfItsStream) {
  for (const bool last : {false, true}) {
    ResponseIdentity identity{"m", "1", "7", last ? Final::kLast : Final::kMore};
    std::string out;
    AppendInferResponseHead(identity, {}, &out);
    const Message value = Message().Number(1, last ? 1 : 0);
    EXPECT_EQ(out, Message()
                       .Text(1, "m")
                       .Text(2, "1")
                       .Text(3, "7")
                       .Nested(4, Entry("triton_final_response", value))
                       .str());
    EXPECT_EQ(InferResponseSize(identity, {}), out.size());
  }
}

TEST(InferResponse, AnErrorOfAStreamNamesItsRequest) {
  std::string out;
  AppendStreamError("7", "what is wrong", &out);
  EXPECT_EQ(out,
            Message().Text(1, "what is wrong").Nested(2, Message().Text(3, "7")).str());
  out.clear();
  AppendStreamError("", "what is wrong", &out);
  EXPECT_EQ(out, Message().Text(1, "what is wrong").Nested(2, Message()).str());
}

}  // namespace
}  // namespace leeboard::wire
