#include "wire/infer_request.h"
#include "wire/proto_reader.h"

namespace leeboard::wire {
namespace {

using State = LargeRaw::State;

constexpr std::uint32_t kRawInputContents = TextTag(7);

// What one step over a top-level field found; kNeedMore means that the field is
// complete.
struct Field {
  std::uint32_t tag = 0;
  const std::uint8_t* payload = nullptr;
  std::uint64_t size = 0;
};

enum class Step : std::uint8_t { kRead, kIncomplete, kMalformed };

Step StepOf(VarintEnd end) {
  return end == VarintEnd::kComplete    ? Step::kRead
         : end == VarintEnd::kTruncated ? Step::kIncomplete
                                        : Step::kMalformed;
}

Step ReadTag(const std::uint8_t** at, const std::uint8_t* end, std::uint32_t* tag) {
  std::uint64_t value = 0;
  const Step step = StepOf(ReadVarint(at, end, kMaxTagBytes, &value));
  *tag = static_cast<std::uint32_t>(value);
  const bool possible = value <= UINT32_MAX && *tag >= 8;
  return step == Step::kRead && !possible ? Step::kMalformed : step;
}

// Reads the field that begins at `at` up to its payload.
Step ReadField(const std::uint8_t* at, const std::uint8_t* end, Field* field) {
  const Step step = ReadTag(&at, end, &field->tag);
  if (step != Step::kRead) {
    return step;
  }
  std::uint64_t value = 0;
  Step rest = Step::kRead;
  switch (WireTypeOf(field->tag)) {
    case WireType::kVarint:
      rest = StepOf(ReadVarint(&at, end, kMaxVarintBytes, &value));
      break;
    case WireType::kLength:
      rest = StepOf(ReadVarint(&at, end, kMaxVarintBytes, &field->size));
      if (rest == Step::kRead && field->size > INT32_MAX) {
        return Step::kMalformed;
      }
      break;
    case WireType::kFixed32:
      field->size = 4;
      break;
    case WireType::kFixed64:
      field->size = 8;
      break;
    default:
      return Step::kMalformed;
  }
  field->payload = at;
  return rest;
}

}  // namespace

LargeRaw FindLargeRaw(Bytes received, std::size_t from, std::size_t min_size) {
  LargeRaw result;
  result.resume_at = from;
  const std::uint8_t* begin = received.data();
  const std::uint8_t* end = begin + received.size();
  while (result.resume_at < received.size()) {
    Field field;
    const Step step = ReadField(begin + result.resume_at, end, &field);
    if (step == Step::kMalformed) {
      result.state = State::kMalformed;
      return result;
    }
    if (step == Step::kIncomplete) {
      return result;
    }
    if (field.tag == kRawInputContents && field.size >= min_size) {
      result.state = State::kFound;
      result.field_begin = result.resume_at;
      result.payload_begin = static_cast<std::size_t>(field.payload - begin);
      result.payload_size = static_cast<std::size_t>(field.size);
      return result;
    }
    if (field.size > static_cast<std::uint64_t>(end - field.payload)) {
      return result;
    }
    result.resume_at = static_cast<std::size_t>(field.payload - begin) +
                       static_cast<std::size_t>(field.size);
  }
  return result;
}

}  // namespace leeboard::wire
