#include "wire/infer_request.h"

#include <gtest/gtest.h>

#include <string>

#include "wire/message_builder.h"

namespace leeboard::wire {
namespace {

class InferRequestTest : public testing::Test {
 protected:
  // What the client would be told; empty when the request is accepted.
  std::string Refusal(const Message& message) {
    sent_ = message.str();
    const Status status = ParseInferRequest(BytesOf(sent_), &request_);
    EXPECT_TRUE(status.ok() || status.code() == Code::kInvalidArgument);
    return status.message();
  }
  std::string RefusalOfParameter(std::string_view key, const Message& value) {
    return Refusal(Message().Nested(4, Entry(key, value)));
  }
  std::string RefusalOfHead(const Message& message) {
    sent_ = message.str();
    return ParseInferRequestHead(BytesOf(sent_), &request_).message();
  }

  std::string sent_;
  InferRequest request_;
};

std::string_view TextOf(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Message BoolParam(bool value) {
  return Message().Number(1, value ? 1 : 0);
}
Message Int64Param(std::int64_t value) {
  return Message().Number(2, static_cast<std::uint64_t>(value));
}
Message StringParam(std::string_view value) {
  return Message().Text(3, value);
}
Message Uint64Param(std::uint64_t value) {
  return Message().Number(5, value);
}

TEST_F(InferRequestTest, AnOrdinaryRequestIsReadInPlace) {
  ASSERT_EQ(Refusal(Message()
                        .Text(1, "fraud")
                        .Text(2, "7")
                        .Text(3, "id-1")
                        .Nested(4, Entry("timeout", Int64Param(1500)))
                        .Nested(5, Input("x", "FP32", {1, 2}))
                        .Nested(6, Message().Text(1, "score"))
                        .Text(7, "12345678")),
            "");
  EXPECT_EQ(request_.model_name, "fraud");
  EXPECT_EQ(request_.model_version, "7");
  EXPECT_EQ(request_.id, "id-1");
  EXPECT_EQ(request_.timeout_us, 1500U);
  ASSERT_EQ(request_.outputs.size(), 1U);
  EXPECT_EQ(request_.outputs[0], "score");
  ASSERT_EQ(request_.inputs.size(), 1U);
  EXPECT_EQ(request_.inputs[0].datatype, "FP32");
  ASSERT_EQ(request_.inputs[0].shape.rank, 2);
  EXPECT_EQ(request_.inputs[0].shape.dims[1], 2);
  EXPECT_EQ(TextOf(request_.inputs[0].raw), "12345678");
  EXPECT_GE(request_.inputs[0].raw.data(), BytesOf(sent_).data());
}

TEST_F(InferRequestTest, NothingOfAnEarlierMessageStays) {
  ASSERT_EQ(Refusal(Message()
                        .Text(1, "m")
                        .Nested(4, Entry("timeout", Int64Param(1)))
                        .Nested(5, Input("x", "FP32", {1}))
                        .Text(7, "1234")),
            "");
  ASSERT_EQ(Refusal(Message()), "");
  EXPECT_TRUE(request_.model_name.empty());
  EXPECT_TRUE(request_.inputs.empty());
  EXPECT_EQ(request_.timeout_us, 0U);
  EXPECT_EQ(request_.raw_count, 0U);
}

TEST_F(InferRequestTest, DataFindsItsInputWhateverComesFirst) {
  const Message first = Input("a", "BYTES", {1});
  const Message second = Input("b", "BYTES", {1});
  for (const Message& message :
       {Message().Text(7, "A").Text(7, "B").Nested(5, first).Nested(5, second),
        Message().Text(7, "A").Nested(5, first).Nested(5, second).Text(7, "B"),
        Message().Nested(5, first).Text(7, "A").Text(7, "B").Nested(5, second)}) {
    ASSERT_EQ(Refusal(message), "");
    EXPECT_EQ(TextOf(request_.inputs[0].raw), "A");
    EXPECT_EQ(TextOf(request_.inputs[1].raw), "B");
  }
}

TEST_F(InferRequestTest, TheLastOfASingularFieldCounts) {
  ASSERT_EQ(Refusal(Message().Text(1, "old").Text(1, "new")), "");
  EXPECT_EQ(request_.model_name, "new");
}

TEST_F(InferRequestTest, UnknownFieldsAndWrongWireTypesAreSkipped) {
  ASSERT_EQ(Refusal(Message().Number(1, 5).Number(99, 1).Raw("\x0b\x0c").Number(5, 1)),
            "");
  EXPECT_TRUE(request_.model_name.empty());
  EXPECT_TRUE(request_.inputs.empty());
}

TEST_F(InferRequestTest, AShapeMayBeUnpacked) {
  ASSERT_EQ(Refusal(Message()
                        .Nested(5, Input("x", "FP32", {2}).Number(3, 3).Packed(3, {4}))
                        .Text(7, "")),
            "");
  const Shape& shape = request_.inputs[0].shape;
  ASSERT_EQ(shape.rank, 3);
  EXPECT_EQ(shape.dims[0] * 100 + shape.dims[1] * 10 + shape.dims[2], 234);
}

TEST_F(InferRequestTest, AShapeHasAtMostEightDims) {
  EXPECT_EQ(Refusal(Message()
                        .Nested(5, Input("x", "FP32", {1, 1, 1, 1, 1, 1, 1, 1}))
                        .Text(7, "1234")),
            "");
  EXPECT_EQ(
      Refusal(Message().Nested(5, Input("x", "FP32", {1, 1, 1, 1, 1, 1, 1, 1, 1}))),
      "input 'x' has 9 dimensions, expected at most 8");
}

TEST_F(InferRequestTest, ANegativeDimIsRefused) {
  EXPECT_EQ(Refusal(Message().Nested(5, Input("x", "FP32", {2, -1}))),
            "input 'x' has the dimension -1, expected 0 or more");
}

TEST_F(InferRequestTest, EachInputHasOneSourceOfData) {
  EXPECT_EQ(
      Refusal(Message().Nested(5, Input("x", "FP32", {1}))),
      "input 'x' has no data, expected contents or an entry of raw_input_contents");
  EXPECT_EQ(
      Refusal(Message()
                  .Nested(5, Input("x", "FP32", {1}).Text(5, ""))
                  .Nested(5, Input("y", "FP32", {1}))
                  .Text(7, "1234")),
      "input 'x' has contents, but the request also has raw_input_contents; expected "
      "one of the two for all inputs");
  EXPECT_EQ(
      Refusal(Message().Nested(5, Input("x", "FP32", {1}).Text(5, "").Text(5, ""))),
      "input 'x' has its contents field twice, expected once");
  EXPECT_EQ(
      Refusal(Message().Text(7, "1234")),
      "the request has 1 entries of raw_input_contents, expected at most one for each "
      "of its 0 inputs");
}

TEST_F(InferRequestTest, NamesAreUnique) {
  EXPECT_EQ(Refusal(Message()
                        .Nested(5, Input("x", "FP32", {1}).Text(5, ""))
                        .Nested(5, Input("x", "FP32", {1}).Text(5, ""))),
            "input 'x' occurs more than once in the request, expected once");
  EXPECT_EQ(Refusal(Message()
                        .Nested(6, Message().Text(1, "y"))
                        .Nested(6, Message().Text(1, "y"))),
            "requested output 'y' occurs more than once in the request, expected once");
}

TEST_F(InferRequestTest, AmongManyNamesADuplicateIsFoundToo) {
  Message message;
  for (int i = 0; i < 100; ++i) {
    message.Nested(6, Message().Text(1, std::to_string(i)));
  }
  EXPECT_EQ(Refusal(message), "");
  EXPECT_EQ(
      Refusal(message.Nested(6, Message().Text(1, "42"))),
      "requested output '42' occurs more than once in the request, expected once");
}

TEST_F(InferRequestTest, TheNumberOfTensorsIsBounded) {
  Message inputs;
  Message outputs;
  for (std::size_t i = 0; i <= kMaxTensors; ++i) {
    inputs.Text(5, "");
    outputs.Text(6, "");
  }
  EXPECT_EQ(Refusal(inputs), "the request has more than 1024 inputs");
  EXPECT_EQ(Refusal(outputs), "the request has more than 1024 requested outputs");
}

TEST_F(InferRequestTest, TextMustBeUtf8) {
  EXPECT_EQ(
      Refusal(Message().Text(1, "\xff")),
      "ModelInferRequest.model_name is not valid UTF-8, as a protobuf string must be");
  for (const Message& message :
       {Message().Text(2, "\xff"), Message().Text(3, "\xff").Text(3, "ok"),
        Message().Nested(5, Message().Text(1, "\xff")),
        Message().Nested(5, Message().Text(2, "\xff")),
        Message().Nested(6, Message().Text(1, "\xff")),
        Message().Nested(4, Message().Text(1, "\xff")),
        Message().Nested(4, Entry("k", StringParam("\xff")))}) {
    EXPECT_NE(Refusal(message).find("not valid UTF-8"), std::string::npos);
  }
}

TEST_F(InferRequestTest, MalformedPartsAreNamed) {
  EXPECT_EQ(Refusal(Message().Raw("\x0a")),
            "malformed ModelInferRequest: a varint is cut off or longer than 10 bytes");
  EXPECT_EQ(Refusal(Message().Text(5, "\x0a\x05")),
            "malformed InferInputTensor: a field passes the end of its message");
  EXPECT_EQ(Refusal(Message().Text(6, "\x0f")),
            "malformed InferRequestedOutputTensor: a field has a wire type that cannot "
            "stand here");
  EXPECT_EQ(Refusal(Message().Text(5, "\x1a\x01\x80")),
            "malformed InferInputTensor: its packed shape is cut off");
}

TEST_F(InferRequestTest, ReservedParametersHaveTheirTypes) {
  EXPECT_EQ(RefusalOfParameter("timeout", StringParam("1")),
            "invalid value type for 'timeout' parameter, expected int64_param or "
            "uint64_param");
  EXPECT_EQ(RefusalOfParameter("sequence_start", Int64Param(1)),
            "invalid value type for 'sequence_start' parameter, expected bool_param");
  for (const char* name : {"sequence_id", "sequence_end", "priority",
                           "triton_enable_empty_final_response"}) {
    EXPECT_EQ(RefusalOfParameter(name, Message()).find("invalid value type for"), 0U);
  }
}

TEST_F(InferRequestTest, ATimeoutIsAnyUnsignedNumberOfMicroseconds) {
  EXPECT_EQ(RefusalOfParameter("timeout", Uint64Param(UINT64_MAX)), "");
  EXPECT_EQ(request_.timeout_us, UINT64_MAX);
  EXPECT_EQ(RefusalOfParameter("timeout", Int64Param(-5)),
            "parameter 'timeout' is -5, expected 0 or more");
}

TEST_F(InferRequestTest, APriorityIsCheckedAndHasNoEffect) {
  EXPECT_EQ(RefusalOfParameter("priority", Uint64Param(UINT64_MAX)), "");
  EXPECT_EQ(RefusalOfParameter("priority", Int64Param(3)), "");
  EXPECT_EQ(RefusalOfParameter("priority", Int64Param(-1)),
            "parameter 'priority' is -1, expected 0 or more");
}

TEST_F(InferRequestTest, SequencesAreRefusedAndTheirDefaultsAreNot) {
  EXPECT_EQ(RefusalOfParameter("sequence_id", Int64Param(0)), "");
  EXPECT_EQ(RefusalOfParameter("sequence_id", StringParam("")), "");
  EXPECT_EQ(RefusalOfParameter("sequence_start", BoolParam(true)), "");
  EXPECT_NE(RefusalOfParameter("sequence_id", Int64Param(7)).find("not supported"),
            std::string::npos);
  EXPECT_NE(RefusalOfParameter("sequence_id", StringParam("s")).find("not supported"),
            std::string::npos);
}

TEST_F(InferRequestTest, CustomParametersMayHaveAnyType) {
  EXPECT_EQ(RefusalOfParameter("temperature", Message().Raw("\x21"
                                                            "12345678")),
            "");
  EXPECT_EQ(RefusalOfParameter("seed", Uint64Param(1)), "");
  EXPECT_EQ(RefusalOfParameter("headers", Int64Param(1)), "");
  EXPECT_EQ(RefusalOfParameter("binary_data_output", BoolParam(true)), "");
}

TEST_F(InferRequestTest, UnknownTritonParametersAreRefused) {
  EXPECT_EQ(RefusalOfParameter("triton_enable_empty_final_response", BoolParam(true)),
            "");
  EXPECT_EQ(RefusalOfParameter("triton_surprise", BoolParam(true)),
            "parameter 'triton_surprise' is reserved: names that begin with 'triton_' "
            "cannot be custom parameters");
}

TEST_F(InferRequestTest, OfTwoEntriesWithOneKeyTheLastCounts) {
  EXPECT_EQ(Refusal(Message()
                        .Nested(4, Entry("timeout", StringParam("soon")))
                        .Nested(4, Entry("timeout", Int64Param(2)))),
            "");
  EXPECT_EQ(request_.timeout_us, 2U);
}

TEST_F(InferRequestTest, AParameterGivenInPartsIsMerged) {
  const Message entry = Message()
                            .Nested(2, Int64Param(9))
                            .Text(1, "timeout")
                            .Nested(2, Message().Number(77, 1));
  EXPECT_EQ(Refusal(Message().Nested(4, entry)), "");
  EXPECT_EQ(request_.timeout_us, 9U);
}

TEST_F(InferRequestTest, SharedMemoryIsRefusedByTensorName) {
  const Message region = Entry("shared_memory_region", StringParam("r"));
  EXPECT_EQ(
      Refusal(Message().Nested(5, Input("x", "FP32", {1}).Nested(4, region))),
      "input 'x' asks for shared memory, but shared memory is not enabled on this "
      "server; expected its data in the message");
  EXPECT_EQ(
      Refusal(Message().Nested(6, Message().Nested(2, region).Text(1, "y"))),
      "output 'y' asks for shared memory, but shared memory is not enabled on this "
      "server; expected its data in the message");
}

TEST_F(InferRequestTest, OutputsMayBeAskedForByClass) {
  const Message three = Entry("classification", Int64Param(3));
  const Message most = Entry("classification", Int64Param(INT64_MAX));
  EXPECT_EQ(Refusal(Message()
                        .Nested(6, Message().Text(1, "x"))
                        .Nested(6, Message().Text(1, "y").Nested(2, three))
                        .Nested(6, Message().Text(1, "z"))),
            "");
  EXPECT_EQ(request_.classes, (std::vector<std::uint32_t>{0, 3}));
  EXPECT_EQ(Refusal(Message().Nested(6, Message().Text(1, "y").Nested(2, most))), "");
  EXPECT_EQ(request_.classes, (std::vector<std::uint32_t>{UINT32_MAX}));
  EXPECT_EQ(Refusal(Message().Nested(6, Message().Text(1, "y"))), "");
  EXPECT_TRUE(request_.classes.empty());
}

TEST_F(InferRequestTest, AClassificationOfNothingIsRefused) {
  const Message none = Entry("classification", Int64Param(0));
  const Message less = Entry("classification", Int64Param(-2));
  const Message text = Entry("classification", StringParam("3"));
  EXPECT_EQ(Refusal(Message().Nested(6, Message().Text(1, "y").Nested(2, none))),
            "output 'y' asks for a classification of 0 classes, expected 1 or more");
  EXPECT_EQ(Refusal(Message().Nested(6, Message().Text(1, "y").Nested(2, less))),
            "output 'y' asks for a classification of -2 classes, expected 1 or more");
  EXPECT_EQ(Refusal(Message().Nested(6, Message().Text(1, "y").Nested(2, text))),
            "invalid value type for 'classification' parameter, expected int64_param");
}

TEST_F(InferRequestTest, AHeadMayLackDataAndInputs) {
  EXPECT_EQ(RefusalOfHead(Message().Nested(5, Input("x", "FP32", {1}))), "");
  EXPECT_FALSE(request_.inputs[0].has_raw);
  EXPECT_EQ(RefusalOfHead(Message().Text(7, "1234")), "");
  EXPECT_EQ(request_.raw_count, 1U);
  EXPECT_NE(RefusalOfHead(Message().Nested(5, Input("x", "FP32", {-1}))), "");
}

TEST(FindId, FindsWhatIsThere) {
  const std::string whole = Message().Text(1, "m").Text(3, "a").Text(3, "b").str();
  EXPECT_EQ(FindId(BytesOf(whole)), "b");
  const std::string damaged = whole + "\xFF\xFF";
  EXPECT_EQ(FindId(BytesOf(damaged)), "b");
  EXPECT_EQ(FindId(Message().Text(1, "m").span()), "");
  EXPECT_EQ(FindId(Message().Text(3, "\xC3").span()), "");
  EXPECT_EQ(FindId({}), "");
}

TEST(InferRequest, SaysWhetherAnEmptyFinalResponseIsWanted) {
  const auto parse = [](const Message& value) {
    InferRequest request;
    const Message message = Message().Text(1, "m").Nested(
        4, Entry("triton_enable_empty_final_response", value));
    EXPECT_TRUE(ParseInferRequest(message.span(), &request).ok());
    return request.wants_empty_final;
  };
  EXPECT_TRUE(parse(Message().Number(1, 1)));
  EXPECT_FALSE(parse(Message().Number(1, 0)));
}

}  // namespace
}  // namespace leeboard::wire
