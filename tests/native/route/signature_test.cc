#include "route/signature.h"

#include <gtest/gtest.h>

#include "wire/message_builder.h"

namespace leeboard::route {
namespace {

using wire::DType;
using wire::Entry;
using wire::Input;
using wire::Message;

wire::TensorSpec Spec(const char* name, DType dtype, std::vector<std::int64_t> dims) {
  wire::TensorSpec spec;
  spec.name = name;
  spec.dtype = dtype;
  spec.shape.rank = static_cast<std::uint8_t>(dims.size());
  std::copy(dims.begin(), dims.end(), spec.shape.dims.begin());
  return spec;
}

Signature Batched() {
  return {"m",
          4,
          {Spec("x", DType::kFp32, {2}), Spec("n", DType::kInt64, {-1})},
          {Spec("y", DType::kFp32, {1}), Spec("z", DType::kFp32, {1})}};
}

class CheckerTest : public testing::Test {
 protected:
  // What the checker says of a whole message; "" when it is right.
  std::string Check(const Message& message) {
    text_ = message.str();
    Status status = wire::ParseInferRequest(wire::BytesOf(text_), &request_);
    EXPECT_TRUE(status.ok()) << status.message();
    status = checker.CheckHead(request_, signature);
    if (status.ok()) {
      status = checker.CheckData(request_, signature);
    }
    EXPECT_TRUE(status.ok() || status.code() == Code::kInvalidArgument);
    return status.message();
  }
  // A message with these inputs, each with no bytes of data.
  std::string CheckInputs(std::initializer_list<Message> inputs) {
    Message message = Message().Text(1, "m");
    for (const Message& input : inputs) {
      message.Nested(5, input).Text(7, "");
    }
    return Check(message);
  }

  Signature signature = Batched();
  Checker checker;

 private:
  std::string text_;
  wire::InferRequest request_;
};

TEST_F(CheckerTest, TakesInputsInAnyOrder) {
  const Message message = Message()
                              .Text(1, "m")
                              .Nested(5, Input("n", "INT64", {2, 3}))
                              .Nested(5, Input("x", "FP32", {2, 2}))
                              .Text(7, std::string(48, 'n'))
                              .Text(7, std::string(16, 'x'));
  EXPECT_EQ(Check(message), "");
  const wire::RequestRows rows = checker.rows();
  EXPECT_EQ(rows.rows, 2u);
  EXPECT_EQ(rows.inputs[0].row_bytes, 8u);
  EXPECT_EQ(rows.inputs[1].elements, 3u);
  EXPECT_EQ(rows.data[0].tensor->raw.front(), 'x');
  EXPECT_EQ(rows.data[1].size, 48u);
  EXPECT_EQ(checker.places()[0], 1u);
  EXPECT_EQ(checker.raw_sizes()[1], 48u);
  EXPECT_TRUE(checker.outputs().empty());
}

TEST_F(CheckerTest, NamesAnInputThatTheModelLacks) {
  EXPECT_EQ(CheckInputs({Input("w", "FP32", {1, 2})}),
            "model 'm' has no input 'w'; its inputs are 'x', 'n'");
}

TEST_F(CheckerTest, NamesAnInputThatIsMissing) {
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {1, 2})}),
            "input 'n' of model 'm' is missing: got 1 inputs, expected 2");
}

TEST_F(CheckerTest, AnOptionalInputMayBeLeftOut) {
  signature.inputs[0].optional = true;
  const Message message = Message()
                              .Text(1, "m")
                              .Nested(5, Input("n", "INT64", {2, 3}))
                              .Text(7, std::string(48, 'n'));
  EXPECT_EQ(Check(message), "");
  const wire::RequestRows rows = checker.rows();
  EXPECT_EQ(rows.rows, 2u);
  ASSERT_EQ(rows.inputs.size(), 1u);
  ASSERT_EQ(rows.data.size(), 1u);
  EXPECT_EQ(rows.inputs[0].index, 1u);
  EXPECT_EQ(rows.inputs[0].elements, 3u);
  EXPECT_EQ(checker.places()[0], 0u);
  EXPECT_EQ(checker.raw_sizes()[0], 48u);
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {1, 2})}),
            "input 'n' of model 'm' is missing: got 1 inputs, expected 2");
}

TEST_F(CheckerTest, ARequestHasAtLeastOneInput) {
  signature.inputs[0].optional = signature.inputs[1].optional = true;
  EXPECT_EQ(CheckInputs({}),
            "the request has no inputs; model 'm' takes one or more of 'x', 'n'");
}

TEST_F(CheckerTest, OnlyNumbersHaveClasses) {
  signature.outputs[1].dtype = DType::kBytes;
  const Message two = Entry("classification", Message().Number(2, 2));
  const Message ask = Message()
                          .Text(1, "m")
                          .Nested(5, Input("x", "FP32", {1, 2}))
                          .Nested(5, Input("n", "INT64", {1, 1}))
                          .Text(7, std::string(8, 'x'))
                          .Text(7, std::string(8, 'n'))
                          .Nested(6, Message().Text(1, "y").Nested(2, two));
  EXPECT_EQ(Check(ask), "");
  EXPECT_EQ(checker.classes().size(), 1u);
  EXPECT_EQ(checker.classes()[0], 2u);
  EXPECT_EQ(Check(Message(ask).Nested(6, Message().Text(1, "z").Nested(2, two))),
            "output 'z' of model 'm' is BYTES, which cannot be classified; expected an "
            "output of numbers");
}

TEST_F(CheckerTest, NamesAWrongDatatype) {
  EXPECT_EQ(CheckInputs({Input("x", "FP64", {1, 2}), Input("n", "INT64", {1, 2})}),
            "input 'x' of model 'm' has datatype 'FP64', the model expects FP32");
}

TEST_F(CheckerTest, NamesAWrongShapeWithTheBatchDimension) {
  const char* expected =
      "input 'x' of model 'm' has shape [1,3], the model expects [-1,2]";
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {1, 3}), Input("n", "INT64", {1, 2})}),
            expected);
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {2}), Input("n", "INT64", {1, 2})}),
            "input 'x' of model 'm' has shape [2], the model expects [-1,2]");
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {}), Input("n", "INT64", {1, 2})}),
            "input 'x' of model 'm' has shape [], the model expects [-1,2]");
}

TEST_F(CheckerTest, NamesTooManyRowsAndNone) {
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {5, 2}), Input("n", "INT64", {5, 1})}),
            "input 'x' of model 'm' has 5 rows; a request must have 1 to 4 "
            "(max_batch_size)");
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {0, 2}), Input("n", "INT64", {0, 1})}),
            "input 'x' of model 'm' has 0 rows; a request must have 1 to 4 "
            "(max_batch_size)");
}

TEST_F(CheckerTest, NamesInputsThatDisagreeAboutTheRows) {
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {2, 2}), Input("n", "INT64", {3, 1})}),
            "input 'n' of model 'm' has 3 rows, the inputs before it have 2");
}

TEST_F(CheckerTest, NamesDataOfTheWrongSize) {
  const Message message = Message()
                              .Text(1, "m")
                              .Nested(5, Input("x", "FP32", {2, 2}))
                              .Nested(5, Input("n", "INT64", {2, 1}))
                              .Text(7, std::string(15, 'x'))
                              .Text(7, std::string(16, 'n'));
  EXPECT_EQ(Check(message),
            "input 'x' has 15 bytes of data, expected 16 for FP32 [2,2]");
}

TEST_F(CheckerTest, ShapesThatMultiplyBeyondMemoryAreTooLarge) {
  constexpr std::int64_t kHuge = INT64_MAX;
  signature = {"m", 0, {Spec("x", DType::kFp32, {-1, -1, -1})}, {}};
  for (const auto& dims :
       {Input("x", "FP32", {kHuge, 1, 1}), Input("x", "FP32", {1 << 30, 1 << 30, 16}),
        Input("x", "FP32", {1LL << 32, 1LL << 32, 1}),
        Input("x", "FP32", {kHuge, kHuge, kHuge}),
        Input("x", "FP32", {1LL << 40, 1, 1})}) {
    EXPECT_NE(CheckInputs({dims}).find("which is too large"), std::string::npos);
  }
}

TEST_F(CheckerTest, SizesOfAllInputsAddUpWithoutWrapping) {
  signature = {"m", 65'535, {}, {}};
  Message message = Message().Text(1, "m");
  std::vector<std::string> names;
  for (int i = 0; i < 128; ++i) {
    names.push_back("x" + std::to_string(i));
  }
  for (const std::string& name : names) {
    signature.inputs.push_back(Spec(name.c_str(), DType::kFp64, {-1}));
    message.Nested(5, Input(name, "FP64", {65'535, 1LL << 40})).Text(7, "");
  }
  EXPECT_NE(Check(message).find("which is too large"), std::string::npos);
}

TEST_F(CheckerTest, AShapeWithoutElementsNeedsNoData) {
  signature = {"m", 0, {Spec("x", DType::kFp32, {-1, -1})}, {}};
  EXPECT_EQ(CheckInputs({Input("x", "FP32", {0, 1LL << 40})}), "");
  EXPECT_EQ(checker.rows().inputs[0].row_bytes, 0u);
}

TEST_F(CheckerTest, AModelThatDoesNotBatchHasNoBatchDimension) {
  signature = {"m", 0, {Spec("x", DType::kUint8, {2, 2})}, {}};
  const Message right =
      Message().Text(1, "m").Nested(5, Input("x", "UINT8", {2, 2})).Text(7, "abcd");
  EXPECT_EQ(Check(right), "");
  EXPECT_EQ(checker.rows().rows, 1u);
  EXPECT_EQ(CheckInputs({Input("x", "UINT8", {1, 2, 2})}),
            "input 'x' of model 'm' has shape [1,2,2], the model expects [2,2]");
}

TEST_F(CheckerTest, TextsMustBeWellFormed) {
  signature = {"m", 4, {Spec("t", DType::kBytes, {1})}, {}};
  const auto message = [](std::string_view raw) {
    return Message().Text(1, "m").Nested(5, Input("t", "BYTES", {1, 1})).Text(7, raw);
  };
  using namespace std::string_view_literals;
  EXPECT_EQ(Check(message("\2\0\0\0hi"sv)), "");
  EXPECT_NE(Check(message("\3\0\0\0hi"sv)).find("'t' has BYTES data that ends"),
            std::string::npos);
  EXPECT_NE(Check(message(""sv)).find("'t'"), std::string::npos);
}

TEST_F(CheckerTest, TypedContentsAreMeasured) {
  signature = {"m", 4, {Spec("x", DType::kInt32, {2})}, {}};
  const Message contents = Message().Packed(2, {1, 2});
  EXPECT_EQ(Check(Message().Text(1, "m").Nested(
                5, Message(Input("x", "INT32", {1, 2})).Nested(5, contents))),
            "");
  EXPECT_TRUE(checker.rows().data[0].typed);
  EXPECT_EQ(checker.rows().data[0].size, 8u);
}

TEST_F(CheckerTest, RequestedOutputsComeByTheirPlaces) {
  const Message inputs = Message()
                             .Text(1, "m")
                             .Nested(5, Input("x", "FP32", {1, 2}))
                             .Nested(5, Input("n", "INT64", {1, 0}))
                             .Text(7, "12345678")
                             .Text(7, "");
  EXPECT_EQ(Check(Message(inputs).Nested(6, Message().Text(1, "z"))), "");
  ASSERT_EQ(checker.outputs().size(), 1u);
  EXPECT_EQ(checker.outputs()[0], 1u);
  EXPECT_EQ(Check(Message(inputs).Nested(6, Message().Text(1, "w"))),
            "model 'm' has no output 'w'; its outputs are 'y', 'z'");
}

TEST(ShapeText, IsAListInBrackets) {
  EXPECT_EQ(ShapeText({}), "[]");
  const std::int64_t dims[] = {-1, 32};
  EXPECT_EQ(ShapeText(dims), "[-1,32]");
}

}  // namespace
}  // namespace leeboard::route
