#include "load/golden.h"

#include <gtest/gtest.h>

#include <bit>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "wire/message_builder.h"

namespace leeboard::load {
namespace {

using wire::DType;
using wire::Message;

template <typename T>
std::string Raw(std::initializer_list<T> values) {
  std::string raw(values.size() * sizeof(T), '\0');
  std::memcpy(raw.data(), values.begin(), raw.size());
  return raw;
}

GoldenOutput Expected(DType dtype, std::int64_t elements, std::string raw,
                      double relative = 0.0, double absolute = 0.0) {
  GoldenOutput golden;
  golden.name = "y";
  golden.dtype = dtype;
  golden.shape.rank = 1;
  golden.shape.dims[0] = elements;
  golden.raw = std::move(raw);
  golden.relative = relative;
  golden.absolute = absolute;
  return golden;
}

// A ModelInferResponse with one output and its raw bytes.
std::string Response(DType dtype, std::int64_t elements, const std::string& raw) {
  return Message()
      .Text(1, "model")
      .Nested(5, wire::Input("y", wire::DTypeName(dtype), {elements}))
      .Text(6, raw)
      .str();
}

// The same with InferTensorContents.
std::string TypedResponse(DType dtype, std::int64_t elements, const Message& contents) {
  return Message()
      .Nested(5,
              wire::Input("y", wire::DTypeName(dtype), {elements}).Nested(5, contents))
      .str();
}

bool Matches(const std::string& response, const Golden& golden) {
  return GoldenCheck().Matches(wire::BytesOf(response), golden);
}

template <typename T>
bool IsNear(DType dtype, T answered, const GoldenOutput& golden) {
  return Matches(Response(dtype, 1, Raw<T>({answered})), {golden});
}

TEST(GoldenTest, EqualBytesMatchForEveryDatatype) {
  for (int i = 1; i <= static_cast<int>(DType::kBf16); ++i) {
    const auto dtype = static_cast<DType>(i);
    const std::string raw = dtype == DType::kBytes
                                ? std::string("\3\0\0\0abc\0\0\0\0", 11)
                                : std::string(2 * wire::ElementSize(dtype), '\x3c');
    EXPECT_TRUE(Matches(Response(dtype, 2, raw), {Expected(dtype, 2, raw)})) << i;
  }
}

TEST(GoldenTest, AFloatMayDifferByTheToleranceAndNotByMore) {
  const GoldenOutput golden =
      Expected(DType::kFp32, 1, Raw<float>({100.0F}), 0.01, 0.5);
  EXPECT_TRUE(IsNear(DType::kFp32, 101.5F, golden));
  EXPECT_TRUE(IsNear(DType::kFp32, 98.5F, golden));
  EXPECT_FALSE(IsNear(DType::kFp32, 101.51F, golden));
  EXPECT_FALSE(IsNear(DType::kFp32, -100.0F, golden));
}

TEST(GoldenTest, TheRelativePartIsOfTheExpectedValue) {
  const GoldenOutput golden = Expected(DType::kFp64, 1, Raw<double>({1e-9}), 0.1);
  EXPECT_TRUE(IsNear(DType::kFp64, 1.1e-9, golden));
  EXPECT_FALSE(IsNear(DType::kFp64, 1.2e-9, golden));
  EXPECT_FALSE(IsNear(DType::kFp64, 0.0, golden));
}

TEST(GoldenTest, HalvesAreComparedAsNumbers) {
  // 1.0, 1.001 (the next one), 1.5 as FP16.
  const GoldenOutput half =
      Expected(DType::kFp16, 1, Raw<std::uint16_t>({0x3c00}), 0.001);
  EXPECT_TRUE(IsNear<std::uint16_t>(DType::kFp16, 0x3c01, half));
  EXPECT_FALSE(IsNear<std::uint16_t>(DType::kFp16, 0x3e00, half));
  // The smallest FP16 above 0 and 0.
  const GoldenOutput tiny =
      Expected(DType::kFp16, 1, Raw<std::uint16_t>({0x0001}), 0.0, 1e-7);
  EXPECT_TRUE(IsNear<std::uint16_t>(DType::kFp16, 0x0000, tiny));
  EXPECT_FALSE(IsNear<std::uint16_t>(DType::kFp16, 0x8002, tiny));
  // 1.0 and 1.0078 as BF16.
  const GoldenOutput brain =
      Expected(DType::kBf16, 1, Raw<std::uint16_t>({0x3f80}), 0.01);
  EXPECT_TRUE(IsNear<std::uint16_t>(DType::kBf16, 0x3f81, brain));
  EXPECT_FALSE(IsNear<std::uint16_t>(DType::kBf16, 0x3f90, brain));
}

TEST(GoldenTest, MinusZeroIsZero) {
  EXPECT_TRUE(IsNear(DType::kFp32, -0.0F, Expected(DType::kFp32, 1, Raw({0.0F}))));
}

TEST(GoldenTest, NothingIsNearANanOrAnInfinityButItself) {
  const double infinity = std::numeric_limits<double>::infinity();
  const double nan = std::nan("");
  const std::vector<double> values = {nan, infinity, -infinity, 1.0};
  for (const double expected : values) {
    for (const double answered : values) {
      const GoldenOutput golden =
          Expected(DType::kFp64, 1, Raw({expected}), 1e300, 1e300);
      const bool is_same =
          expected == answered || (std::isnan(expected) && std::isnan(answered));
      EXPECT_EQ(IsNear(DType::kFp64, answered, golden), is_same)
          << expected << " and " << answered;
    }
  }
  const GoldenOutput other_nan = Expected(DType::kFp64, 1, Raw({nan}));
  EXPECT_TRUE(IsNear(DType::kFp64, -nan, other_nan));
}

TEST(GoldenTest, IntegersMustBeEqualWhateverTheTolerance) {
  const GoldenOutput golden =
      Expected(DType::kInt32, 1, Raw<std::int32_t>({100}), 1.0, 100.0);
  EXPECT_TRUE(IsNear<std::int32_t>(DType::kInt32, 100, golden));
  EXPECT_FALSE(IsNear<std::int32_t>(DType::kInt32, 101, golden));
}

TEST(GoldenTest, OneBadElementAmongManyIsSeen) {
  std::vector<float> values(1000, 1.0F);
  const auto raw = [&values] {
    return std::string(reinterpret_cast<const char*>(values.data()),
                       values.size() * sizeof(float));
  };
  const Golden golden = {Expected(DType::kFp32, 1000, raw(), 1e-6)};
  EXPECT_TRUE(Matches(Response(DType::kFp32, 1000, raw()), golden));
  values.back() = 2.0F;
  EXPECT_FALSE(Matches(Response(DType::kFp32, 1000, raw()), golden));
}

TEST(GoldenTest, TypedContentsAreTheSameAsRawOnes) {
  const Golden ints = {Expected(DType::kInt16, 3, Raw<std::int16_t>({1, -2, 300}))};
  EXPECT_TRUE(Matches(
      TypedResponse(DType::kInt16, 3, Message().Packed(2, {1, -2, 300})), ints));
  EXPECT_FALSE(Matches(
      TypedResponse(DType::kInt16, 3, Message().Packed(2, {1, -2, 301})), ints));
  EXPECT_FALSE(
      Matches(TypedResponse(DType::kInt16, 3, Message().Packed(2, {1, -2})), ints));
  const Golden floats = {Expected(DType::kFp32, 2, Raw({1.0F, 2.0F}), 0.01)};
  EXPECT_TRUE(Matches(
      TypedResponse(DType::kFp32, 2, Message().Text(6, Raw({1.005F, 2.0F}))), floats));
  const Golden texts = {
      Expected(DType::kBytes, 2, std::string("\1\0\0\0a\2\0\0\0bc", 11))};
  EXPECT_TRUE(Matches(
      TypedResponse(DType::kBytes, 2, Message().Text(8, "a").Text(8, "bc")), texts));
  EXPECT_FALSE(Matches(
      TypedResponse(DType::kBytes, 2, Message().Text(8, "ab").Text(8, "c")), texts));
}

TEST(GoldenTest, AnotherNameDatatypeOrShapeIsWrong) {
  const std::string raw = Raw({1.0F, 2.0F});
  const Golden golden = {Expected(DType::kFp32, 2, raw, 1.0, 1.0)};
  EXPECT_FALSE(Matches("", golden));
  EXPECT_FALSE(Matches(
      Message().Nested(5, wire::Input("z", "FP32", {2})).Text(6, raw).str(), golden));
  EXPECT_FALSE(Matches(Response(DType::kInt32, 2, raw), golden));
  EXPECT_FALSE(
      Matches(Message().Nested(5, wire::Input("y", "FP32", {1, 2})).Text(6, raw).str(),
              golden));
  EXPECT_FALSE(Matches(Response(DType::kFp32, 2, raw + "more"), golden));
  EXPECT_FALSE(Matches(Response(DType::kFp32, 2, ""), golden));
  EXPECT_FALSE(
      Matches(Message().Nested(5, wire::Input("y", "FP32", {2})).str(), golden));
}

TEST(GoldenTest, OutputsAreFoundByNameAndTheirRawBytesByPosition) {
  const std::string response = Message()
                                   .Nested(5, wire::Input("x", "UINT8", {1}))
                                   .Nested(5, wire::Input("y", "UINT8", {2}))
                                   .Text(6, "X")
                                   .Text(6, "YY")
                                   .str();
  GoldenOutput x = Expected(DType::kUint8, 1, "X");
  x.name = "x";
  const GoldenOutput y = Expected(DType::kUint8, 2, "YY");
  EXPECT_TRUE(Matches(response, {y, x}));
  EXPECT_TRUE(Matches(response, {y}));
  x.raw = "Y";
  EXPECT_FALSE(Matches(response, {y, x}));
}

TEST(GoldenTest, AScalarAndAnEmptyTensorMatch) {
  GoldenOutput scalar = Expected(DType::kUint8, 0, "S");
  scalar.shape.rank = 0;
  const std::string answer =
      Message().Nested(5, Message().Text(1, "y").Text(2, "UINT8")).Text(6, "S").str();
  EXPECT_TRUE(Matches(answer, {scalar}));
  EXPECT_TRUE(Matches(Response(DType::kFp32, 0, ""), {Expected(DType::kFp32, 0, "")}));
}

TEST(GoldenTest, MoreRawBytesThanOutputsOrTooManyDimsAreWrong) {
  const Golden golden = {Expected(DType::kUint8, 1, "Y")};
  EXPECT_FALSE(
      Matches(Response(DType::kUint8, 1, "Y") + Message().Text(6, "Z").str(), golden));
  EXPECT_FALSE(
      Matches(Message()
                  .Nested(5, wire::Input("y", "UINT8", {1, 1, 1, 1, 1, 1, 1, 1, 1}))
                  .Text(6, "Y")
                  .str(),
              golden));
}

TEST(GoldenTest, AHugeShapeWithoutContentsCostsNothing) {
  const std::int64_t many = std::int64_t{1} << 40;
  const Golden golden = {Expected(DType::kFp64, many, "")};
  EXPECT_FALSE(Matches(TypedResponse(DType::kFp64, many, Message()), golden));
}

void CheckDamaged(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const std::string raw = Raw({1.0F, 2.0F, 3.0F});
  const Message contents = Message().Text(6, raw);
  const Golden golden = {Expected(DType::kFp32, 3, raw, 1e-6)};
  std::string bytes = seed % 2 == 0 ? Response(DType::kFp32, 3, raw)
                                    : TypedResponse(DType::kFp32, 3, contents);
  for (std::uint64_t times = 1 + random() % 4; times > 0 && !bytes.empty(); --times) {
    const std::size_t at = random() % bytes.size();
    switch (random() % 3) {
      case 0:
        bytes[at] = static_cast<char>(random());
        break;
      case 1:
        bytes.erase(at, random() % 8);
        break;
      default:
        bytes.insert(at, bytes.substr(random() % bytes.size(), random() % 8));
    }
  }
  // On the heap, to the byte: a read past the end is seen.
  const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
  GoldenCheck().Matches(exact, golden);
}

TEST(GoldenTest, AnAnswerIsHeldToTheOutputsOfItsVersion) {
  const std::string raw[] = {Raw<float>({1.0F}), Raw<float>({2.0F})};
  Golden golden;
  for (const char* version : {"1", "2"}) {
    golden.push_back(Expected(DType::kFp32, 1, raw[golden.size()]));
    golden.back().version = version;
  }
  const auto answer = [&](const char* version, const std::string& values) {
    return Message().Text(2, version).str() + Response(DType::kFp32, 1, values);
  };
  EXPECT_TRUE(Matches(answer("1", raw[0]), golden));
  EXPECT_TRUE(Matches(answer("2", raw[1]), golden));
  EXPECT_FALSE(Matches(answer("1", raw[1]), golden));
  EXPECT_FALSE(Matches(answer("2", raw[0]), golden));
  // Of a version that nothing is known of, or of none.
  EXPECT_FALSE(Matches(answer("3", raw[0]), golden));
  EXPECT_FALSE(Matches(Response(DType::kFp32, 1, raw[0]), golden));
  EXPECT_TRUE(Matches(answer("3", raw[0]), {}));
  // An output of any version is expected beside those of one.
  golden.front().version.clear();
  EXPECT_TRUE(Matches(answer("3", raw[0]), golden));
  EXPECT_FALSE(Matches(answer("2", raw[1]), golden));
}

TEST(GoldenTest, TheVersionIsThatOfTheLastAnswer) {
  GoldenCheck check;
  EXPECT_EQ(check.version(), 0u);
  const std::pair<std::string, std::uint32_t> cases[] = {
      {"17", 17},        {"", 0},   {"4294967295", 4294967295U},
      {"4294967296", 0}, {"1a", 0}, {"-1", 0}};
  for (const auto& [text, number] : cases) {
    check.Matches(wire::BytesOf(Message().Text(2, text).str()), {});
    EXPECT_EQ(check.version(), number) << text;
  }
}

TEST(GoldenFuzz, DamagedAnswersAreJudgedWithoutHarm) {
  std::uint64_t seed = 1;
  for (; seed <= 20'000; ++seed) {
    CheckDamaged(seed);
  }
  const char* seconds = std::getenv("LEEBOARD_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  for (; std::chrono::steady_clock::now() < end; ++seed) {
    CheckDamaged(seed);
  }
}

}  // namespace
}  // namespace leeboard::load
