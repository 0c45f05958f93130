#include "wire/typed_contents.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>
#include <vector>

#include "wire/message_builder.h"

namespace leeboard::wire {
namespace {

using std::string_literals::operator""s;

InputTensor Tensor(const Message& contents) {
  InputTensor tensor;
  tensor.name = "x";
  tensor.contents = contents.span();
  tensor.has_contents = true;
  return tensor;
}

std::string Refusal(DType dtype, std::uint64_t elements, const Message& contents) {
  std::uint64_t size = 0;
  return MeasureContents(Tensor(contents), dtype, elements, &size).message();
}

// The raw bytes of contents that are expected to be right.
std::string Raw(DType dtype, std::uint64_t elements, const Message& contents) {
  const InputTensor tensor = Tensor(contents);
  std::uint64_t size = 0;
  const Status status = MeasureContents(tensor, dtype, elements, &size);
  EXPECT_TRUE(status.ok()) << status.message();
  std::vector<std::uint8_t> raw(size);
  ConvertContents(tensor, dtype, raw.data());
  return {raw.begin(), raw.end()};
}

TEST(TypedContentsTest, NumbersBecomeLittleEndianBytes) {
  EXPECT_EQ(Raw(DType::kBool, 2, Message().Packed(1, {0, 2})), "\x00\x01"s);
  EXPECT_EQ(Raw(DType::kInt8, 1, Message().Packed(2, {-2})), "\xfe"s);
  EXPECT_EQ(Raw(DType::kInt16, 1, Message().Packed(2, {-2})), "\xfe\xff"s);
  EXPECT_EQ(Raw(DType::kInt32, 1, Message().Packed(2, {258})), "\x02\x01\x00\x00"s);
  EXPECT_EQ(Raw(DType::kInt64, 1, Message().Packed(3, {-1})), std::string(8, '\xff'));
  EXPECT_EQ(Raw(DType::kUint8, 1, Message().Packed(4, {255})), "\xff"s);
  EXPECT_EQ(Raw(DType::kUint16, 1, Message().Packed(4, {258})), "\x02\x01"s);
  EXPECT_EQ(Raw(DType::kUint32, 1, Message().Packed(4, {1})), "\x01\x00\x00\x00"s);
  EXPECT_EQ(Raw(DType::kUint64, 1, Message().Packed(5, {-1})), std::string(8, '\xff'));
  EXPECT_EQ(Raw(DType::kFp32, 2, Message().Text(6, "abcdefgh")), "abcdefgh");
  EXPECT_EQ(Raw(DType::kFp64, 1, Message().Text(7, "abcdefgh")), "abcdefgh");
}

TEST(TypedContentsTest, ValuesThatDoNotFitLoseTheirHighBytes) {
  EXPECT_EQ(Raw(DType::kInt8, 1, Message().Packed(2, {300})), "\x2c"s);
  EXPECT_EQ(Raw(DType::kUint16, 1, Message().Packed(4, {0x12345})), "\x45\x23"s);
}

TEST(TypedContentsTest, BytesElementsGetALength) {
  EXPECT_EQ(Raw(DType::kBytes, 3, Message().Text(8, "ab").Text(8, "").Text(8, "\0c"s)),
            "\2\0\0\0ab\0\0\0\0\2\0\0\0\0c"s);
}

TEST(TypedContentsTest, PackedAndUnpackedOccurrencesMayAlternate) {
  EXPECT_EQ(
      Raw(DType::kUint8, 4, Message().Number(4, 1).Packed(4, {2, 3}).Number(4, 4)),
      "\1\2\3\4");
  EXPECT_EQ(Raw(DType::kFp32, 2,
                Message()
                    .Raw("\x35"
                         "abcd")
                    .Text(6, "efgh")),
            "abcdefgh");
  EXPECT_EQ(Raw(DType::kFp64, 1,
                Message().Raw("\x39"
                              "abcdefgh")),
            "abcdefgh");
}

TEST(TypedContentsTest, NoElementsAreNoBytes) {
  EXPECT_EQ(Raw(DType::kFp32, 0, Message()), "");
  EXPECT_EQ(Raw(DType::kBytes, 0, Message()), "");
  EXPECT_EQ(Raw(DType::kInt32, 0, Message().Packed(2, {}).Text(6, "")), "");
}

TEST(TypedContentsTest, UnknownFieldsMeanNothing) {
  EXPECT_EQ(Raw(DType::kUint8, 1,
                Message().Number(6, 1).Number(9, 1).Number(4, 7).Raw("\x2d"
                                                                     "four")),
            "\7");
}

TEST(TypedContentsTest, ADatatypeHasOneField) {
  EXPECT_EQ(
      Refusal(DType::kFp32, 1, Message().Packed(2, {1})),
      "input 'x' has values in int_contents, expected fp32_contents for the datatype "
      "FP32");
  EXPECT_EQ(Refusal(DType::kFp16, 1, Message()),
            "input 'x' has the datatype FP16 and contents, but this datatype has no "
            "contents field; expected its data in raw_input_contents");
  EXPECT_EQ(Refusal(DType::kInvalid, 1, Message()),
            "input 'x' has the datatype '', expected one of KServe v2 (e.g. 'FP32')");
}

TEST(TypedContentsTest, TheNumberOfElementsIsThatOfTheShape) {
  EXPECT_EQ(Refusal(DType::kInt64, 2, Message().Packed(3, {1, 2, 3})),
            "input 'x' has 3 elements in int64_contents, expected 2 by its shape");
  EXPECT_EQ(Refusal(DType::kBytes, 1, Message()),
            "input 'x' has 0 elements in bytes_contents, expected 1 by its shape");
}

TEST(TypedContentsTest, CutElementsAreMalformed) {
  EXPECT_EQ(Refusal(DType::kInt32, 1, Message().Text(2, "\x80")),
            "malformed InferTensorContents: int_contents ends within an element");
  EXPECT_NE(Refusal(DType::kFp32, 1, Message().Text(6, "abc")), "");
  EXPECT_NE(Refusal(DType::kFp64, 1, Message().Text(7, "abcd")), "");
  EXPECT_NE(
      Refusal(DType::kInt32, 1, Message().Text(2, std::string(10, '\xff') + "\1")), "");
  EXPECT_EQ(Refusal(DType::kInt32, 1, Message().Raw("\x12\x05")),
            "malformed InferTensorContents: a field passes the end of its message");
}

std::string CountOf(std::initializer_list<std::int64_t> dims) {
  InputTensor tensor;
  for (const std::int64_t dim : dims) {
    tensor.shape.dims[tensor.shape.rank++] = dim;
  }
  std::uint64_t elements = 0;
  const Status status = CountElements(tensor, &elements);
  return status.ok() ? std::to_string(elements) : "refused";
}

TEST(TypedContentsTest, ElementsAreCountedWithoutOverflow) {
  EXPECT_EQ(CountOf({}), "1");
  EXPECT_EQ(CountOf({2, 3}), "6");
  EXPECT_EQ(CountOf({INT64_MAX}), "9223372036854775807");
  EXPECT_EQ(CountOf({INT64_MAX, 2}), "refused");
  EXPECT_EQ(CountOf({1LL << 32, 1LL << 32, 1LL << 32}), "refused");
  EXPECT_EQ(CountOf({1LL << 40, 1LL << 40, 0}), "0");
}

std::string RawRefusal(std::string_view raw, std::uint64_t elements) {
  return CheckRawBytes("x", BytesOf(raw), elements).message();
}

TEST(TypedContentsTest, RawBytesHoldExactlyTheirElements) {
  EXPECT_EQ(RawRefusal("", 0), "");
  EXPECT_EQ(RawRefusal("\2\0\0\0ab\0\0\0\0"s, 2), "");
  EXPECT_EQ(RawRefusal("\2\0\0\0ab"s, 2),
            "input 'x' has 1 elements in its BYTES data, expected 2 by its shape");
  EXPECT_EQ(
      RawRefusal("\2\0\0\0ab\3\0\0\0ab"s, 2),
      "input 'x' has BYTES data that ends within element 1, expected a 4-byte length "
      "and as many bytes");
  EXPECT_NE(RawRefusal("\2\0\0"s, 1), "");
  EXPECT_NE(RawRefusal("\xff\xff\xff\xff"s, 1), "");
}

TEST(TypedContentsTest, APrefixOfRawBytesIsMeasured) {
  const std::string raw = "\2\0\0\0ab\0\0\0\0\1\0\0\0c"s;
  EXPECT_EQ(RawBytesPrefix(BytesOf(raw), 0), 0U);
  EXPECT_EQ(RawBytesPrefix(BytesOf(raw), 1), 6U);
  EXPECT_EQ(RawBytesPrefix(BytesOf(raw), 3), raw.size());
}

}  // namespace
}  // namespace leeboard::wire
