#include "wire/dtype.h"

#include <gtest/gtest.h>

namespace leeboard::wire {
namespace {

TEST(DTypeTest, EveryTypeIsFoundByItsName) {
  for (auto i = static_cast<int>(DType::kBool); i <= static_cast<int>(DType::kBf16);
       ++i) {
    const auto dtype = static_cast<DType>(i);
    EXPECT_EQ(DTypeFromName(DTypeName(dtype)), dtype) << DTypeName(dtype);
  }
}

TEST(DTypeTest, NamesOfOtherVocabulariesAreInvalid) {
  for (const char* name :
       {"", "INVALID", "fp32", "FLOAT", "STRING", "FP32 ", "TYPE_FP32"}) {
    EXPECT_EQ(DTypeFromName(name), DType::kInvalid) << name;
  }
}

TEST(DTypeTest, ElementsHaveTheSizesOfTheProtocol) {
  EXPECT_EQ(ElementSize(DType::kBool), 1U);
  EXPECT_EQ(ElementSize(DType::kUint16), 2U);
  EXPECT_EQ(ElementSize(DType::kFp16), 2U);
  EXPECT_EQ(ElementSize(DType::kBf16), 2U);
  EXPECT_EQ(ElementSize(DType::kFp32), 4U);
  EXPECT_EQ(ElementSize(DType::kInt64), 8U);
  EXPECT_EQ(ElementSize(DType::kBytes), 0U);
  EXPECT_EQ(ElementSize(DType::kInvalid), 0U);
}

}  // namespace
}  // namespace leeboard::wire
