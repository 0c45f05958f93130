// Broken messages must be refused or read, never run past: under AddressSanitizer this
// is the proof that every read is inside its bounds. Messages are copied into memory of
// exactly their size, so that one byte too far is seen.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "wire/message_builder.h"
#include "wire/messages.h"
#include "wire/typed_contents.h"

namespace leeboard::wire {
namespace {

using Buffer = std::vector<std::uint8_t>;
using Clock = std::chrono::steady_clock;

constexpr int kMutations = 200'000;

Buffer BufferOf(const Message& message) {
  return {message.span().begin(), message.span().end()};
}

std::vector<Buffer> Seeds() {
  const Message timeout = Entry("timeout", Message().Number(2, 1000));
  const Message text = Entry("note", Message().Text(3, "gr\xc3\xbc\xc3\x9f"));
  const Message start =
      Message().Text(1, "model").Text(2, "12").Text(3, "id").Nested(4, text);
  const Message outputs = Message().Nested(6, Message().Text(1, "a").Nested(2, text));
  const Message raw = Message(start)
                          .Nested(4, timeout)
                          .Nested(5, Input("x", "FP32", {2, 300}).Nested(4, text))
                          .Nested(5, Input("y", "BYTES", {2}))
                          .Raw(outputs.str())
                          .Text(7, "12345678")
                          .Text(7, std::string("\2\0\0\0ab\0\0\0\0", 10));
  const Message numbers =
      Message(start)
          .Nested(5,
                  Input("x", "INT32", {3}).Nested(5, Message().Packed(2, {1, -2, 3})))
          .Nested(5, Input("y", "FP32", {2}).Nested(5, Message().Text(6, "abcdefgh")));
  const Message bytes =
      Message()
          .Raw("\x0b\x13\x08\x05\x14\x0c")
          .Nested(
              5,
              Input("s", "BYTES", {2}).Nested(5, Message().Text(8, "a").Text(8, "")));
  return {BufferOf(raw), BufferOf(numbers), BufferOf(bytes)};
}

class Mutator {
 public:
  // Changes, removes, adds or copies bytes, one to four times.
  void Mutate(Buffer* bytes) {
    for (std::uint32_t edits = 1 + Below(4); edits > 0 && !bytes->empty(); --edits) {
      const auto at = bytes->begin() + Below(static_cast<std::uint32_t>(bytes->size()));
      switch (Below(5)) {
        case 0:
          *at = static_cast<std::uint8_t>(Below(256));
          break;
        case 1:
          *at ^= static_cast<std::uint8_t>(1U << Below(8));
          break;
        case 2:
          bytes->erase(at);
          break;
        case 3:
          bytes->insert(at,
                        static_cast<std::uint8_t>(Below(2) == 0 ? 0xff : Below(256)));
          break;
        default:
          bytes->resize(static_cast<std::size_t>(at - bytes->begin()));
      }
    }
  }

  std::uint32_t Below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(random_() % bound);
  }

 private:
  std::mt19937_64 random_{20261123};
};

void ReadTensor(const InputTensor& tensor) {
  const DType dtype = DTypeFromName(tensor.datatype);
  std::uint64_t elements = 0;
  if (!CountElements(tensor, &elements).ok()) {
    return;
  }
  if (tensor.has_raw && CheckRawBytes(tensor.name, tensor.raw, elements).ok()) {
    EXPECT_EQ(RawBytesPrefix(tensor.raw, elements), tensor.raw.size());
  }
  std::uint64_t size = 0;
  if (tensor.has_contents && MeasureContents(tensor, dtype, elements, &size).ok()) {
    Buffer raw(size);
    ConvertContents(tensor, dtype, raw.data());
  }
}

// Reads a message in every way that the front end has; returns whether it was accepted.
bool ReadAll(Bytes message, InferRequest* request) {
  const LargeRaw large = FindLargeRaw(message, 0, 8);
  EXPECT_LE(large.resume_at, message.size());
  EXPECT_LE(large.payload_begin, message.size());
  if (large.state == LargeRaw::State::kFound) {
    (void)ParseInferRequestHead(message.first(large.field_begin), request).ok();
  }
  NameVersion name_version;
  IndexRequest index;
  (void)ParseNameVersion(message, &name_version).ok();
  (void)ParseIndexRequest(message, &index).ok();
  const Status status = ParseInferRequest(message, request);
  EXPECT_TRUE(status.ok() || status.code() == Code::kInvalidArgument);
  EXPECT_EQ(status.ok(), status.message().empty());
  if (!status.ok()) {
    return false;
  }
  for (const InputTensor& tensor : request->inputs) {
    ReadTensor(tensor);
  }
  return true;
}

TEST(WireFuzzTest, MutatedMessagesNeverReadPastTheirEnd) {
  const char* seconds = std::getenv("LEEBOARD_FUZZ_SECONDS");
  const auto end =
      Clock::now() + std::chrono::seconds(seconds ? std::atoi(seconds) : 0);
  const std::vector<Buffer> seeds = Seeds();
  Mutator mutator;
  InferRequest request;
  for (const Buffer& seed : seeds) {
    ASSERT_TRUE(ReadAll(seed, &request));
  }
  int accepted = 0;
  for (int i = 0; i < kMutations || Clock::now() < end; ++i) {
    Buffer bytes = seeds[mutator.Below(static_cast<std::uint32_t>(seeds.size()))];
    mutator.Mutate(&bytes);
    const Buffer exact(bytes);
    accepted += ReadAll(exact, &request) ? 1 : 0;
  }
  EXPECT_GT(accepted, kMutations / 50);
}

}  // namespace
}  // namespace leeboard::wire
