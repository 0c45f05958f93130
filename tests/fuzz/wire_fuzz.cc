// The wire reader against protobuf: what ours accepts, protobuf accepts with the same
// fields; what protobuf refuses, ours refuses.
//
// Input: one byte for the size of the pieces in which a message arrives, one for the
// size from which an entry is large, then the message. It is read as a
// ModelInferRequest and as each of the small requests.
//
// Ours refuses more than protobuf, and that is no find:
//   - KServe v2's rules and our limits (infer_request.h lists them);
//   - a tag above 32 bits in 5 bytes, of which protobuf's C++ drops the upper bits;
//   - a `contents` field given twice, which protobuf merges.
// Ours accepts what protobuf refuses in one place only: contents are delimited by
// ParseInferRequest and judged by MeasureContents, so a request counts as accepted when
// every typed tensor could be measured as well.

#include <string>
#include <vector>

#include "check.h"
#include "protobuf_view.h"
#include "wire/dtype.h"
#include "wire/infer_request.h"
#include "wire/messages.h"
#include "wire/text.h"
#include "wire/typed_contents.h"

namespace leeboard::fuzz {
namespace {

using wire::Bytes;
using wire::DType;
using wire::InferRequest;
using wire::InputTensor;
using wire::LargeRaw;

// More elements than a message of this size can carry are not converted.
constexpr std::uint64_t kMostElements = 1 << 20;

std::string TextOf(Bytes bytes) {
  return {bytes.begin(), bytes.end()};
}

// The field of InferTensorContents for a type.
int FieldFor(DType dtype) {
  switch (dtype) {
    case DType::kBool:
      return 1;
    case DType::kInt8:
    case DType::kInt16:
    case DType::kInt32:
      return 2;
    case DType::kInt64:
      return 3;
    case DType::kUint8:
    case DType::kUint16:
    case DType::kUint32:
      return 4;
    case DType::kUint64:
      return 5;
    case DType::kFp32:
      return 6;
    case DType::kFp64:
      return 7;
    default:
      return 8;
  }
}

// The raw layout of typed contents, made from protobuf's values.
std::string RawOf(const View& contents, DType dtype) {
  const int field = FieldFor(dtype);
  const std::size_t width = ElementSize(dtype);
  std::string raw;
  for (int i = 0; i < contents.Count(field); ++i) {
    const std::string element = contents.ElementAt(field, i);
    if (dtype == DType::kBytes) {
      const auto size = static_cast<std::uint32_t>(element.size());
      raw.append(reinterpret_cast<const char*>(&size), sizeof size).append(element);
    } else {
      raw.append(element, 0, width);
    }
  }
  return raw;
}

// What became of one tensor's typed contents.
struct Converted {
  bool accepted = true;
  DType dtype = DType::kInvalid;
  bool typed = false;
  std::string raw;
};

Converted Convert(const InputTensor& tensor) {
  Converted result;
  result.dtype = wire::DTypeFromName(tensor.datatype);
  std::uint64_t elements = 0;
  const bool counted = CountElements(tensor, &elements).ok();
  if (tensor.has_raw && counted &&
      wire::CheckRawBytes(tensor.name, tensor.raw, elements).ok()) {
    Require(wire::RawBytesPrefix(tensor.raw, elements) == tensor.raw.size(),
            "checked BYTES data is all prefix");
  }
  if (!tensor.has_contents) {
    return result;
  }
  std::uint64_t size = 0;
  result.typed = true;
  result.accepted =
      counted && MeasureContents(tensor, result.dtype, elements, &size).ok();
  if (result.accepted) {
    Require(elements <= kMostElements, "a small message holds few elements");
    std::vector<std::uint8_t> raw(size);
    ConvertContents(tensor, result.dtype, raw.data());
    result.raw.assign(raw.begin(), raw.end());
  }
  return result;
}

void CompareInput(const InputTensor& ours, const Converted& converted,
                  const View& theirs) {
  Require(ours.name == theirs.Text(1), "an input's name is protobuf's");
  Require(ours.datatype == theirs.Text(2), "an input's datatype is protobuf's");
  Require(ours.shape.rank == theirs.Count(3), "an input's rank is protobuf's");
  for (int i = 0; i < ours.shape.rank; ++i) {
    const std::int64_t dim = ours.shape.view()[static_cast<std::size_t>(i)];
    Require(theirs.ElementAt(3, i) ==
                std::string(reinterpret_cast<const char*>(&dim), sizeof dim),
            "an input's dims are protobuf's");
  }
  Require(ours.has_contents == theirs.Has(5), "contents are there for both");
  if (converted.typed) {
    Require(converted.raw == RawOf(theirs.Nested(5), converted.dtype),
            "typed contents become protobuf's values");
  }
}

// The last entry of a key is the one that counts, in any protobuf map.
std::uint64_t TimeoutOf(const View& request) {
  std::uint64_t timeout = 0;
  for (int i = 0; i < request.Count(4); ++i) {
    const View entry = request.At(4, i);
    if (entry.Text(1) == "timeout") {
      const View value = entry.Nested(2);
      timeout =
          value.Has(2) ? static_cast<std::uint64_t>(value.Int64(2)) : value.Uint64(5);
    }
  }
  return timeout;
}

void CompareRequest(const InferRequest& ours, const std::vector<Converted>& converted,
                    const View& theirs) {
  Require(ours.model_name == theirs.Text(1), "model_name is protobuf's");
  Require(ours.model_version == theirs.Text(2), "model_version is protobuf's");
  Require(ours.id == theirs.Text(3), "id is protobuf's");
  Require(ours.timeout_us == TimeoutOf(theirs), "timeout is protobuf's");
  Require(static_cast<int>(ours.inputs.size()) == theirs.Count(5), "as many inputs");
  Require(static_cast<int>(ours.outputs.size()) == theirs.Count(6), "as many outputs");
  Require(static_cast<int>(ours.raw_count) == theirs.Count(7), "as many raw entries");
  for (std::size_t i = 0; i < ours.inputs.size(); ++i) {
    const auto index = static_cast<int>(i);
    CompareInput(ours.inputs[i], converted[i], theirs.At(5, index));
    Require(ours.inputs[i].has_raw == (i < ours.raw_count), "raw entries by position");
    if (ours.inputs[i].has_raw) {
      Require(TextOf(ours.inputs[i].raw) == theirs.TextAt(7, index),
              "a raw entry has protobuf's bytes");
    }
  }
  for (std::size_t i = 0; i < ours.outputs.size(); ++i) {
    Require(ours.outputs[i] == theirs.At(6, static_cast<int>(i)).Text(1),
            "a requested output is protobuf's");
  }
}

void CheckStatus(const Status& status) {
  Require(status.ok() || status.code() == Code::kInvalidArgument,
          "a request is refused as INVALID_ARGUMENT");
  Require(status.ok() == status.message().empty(), "a refusal has a sentence");
  Require(wire::IsUtf8(status.message()), "a refusal is UTF-8");
}

// "a tag ...": see the second exception above.
bool IsMalformed(const Status& status) {
  const std::string_view sentence = status.message();
  return sentence.starts_with("malformed ") &&
         sentence.find("a tag is cut off or too long") == std::string_view::npos;
}

bool CheckInferRequest(Bytes message, InferRequest* request) {
  const Status status = ParseInferRequest(message, request);
  CheckStatus(status);
  const auto theirs =
      Types::Get().Parse("inference.ModelInferRequest", message.data(), message.size());
  if (!status.ok()) {
    Require(!IsMalformed(status) || theirs == nullptr,
            "what ours calls malformed, protobuf refuses");
    return false;
  }
  std::vector<Converted> converted;
  bool accepted = true;
  for (const InputTensor& tensor : request->inputs) {
    converted.push_back(Convert(tensor));
    accepted = accepted && converted.back().accepted;
  }
  if (accepted) {
    Require(theirs != nullptr, "what ours accepts, protobuf accepts");
    CompareRequest(*request, converted, View(*theirs));
  }
  return true;
}

bool Same(const LargeRaw& a, const LargeRaw& b) {
  return a.state == b.state && a.resume_at == b.resume_at &&
         a.field_begin == b.field_begin && a.payload_begin == b.payload_begin &&
         a.payload_size == b.payload_size;
}

// The head is a part of the whole: what it shows, the whole shows.
void CheckHead(const InferRequest& head, const LargeRaw& large, Bytes message,
               const InferRequest& whole) {
  Require(head.inputs.size() <= whole.inputs.size(), "a head has no more inputs");
  for (std::size_t i = 0; i < head.inputs.size(); ++i) {
    Require(head.inputs[i].name == whole.inputs[i].name, "a head has the same inputs");
  }
  if (large.state == LargeRaw::State::kFound) {
    Require(head.raw_count < whole.inputs.size(), "the large entry has an input");
    const Bytes raw = whole.inputs[head.raw_count].raw;
    Require(raw.data() == message.data() + large.payload_begin &&
                raw.size() == large.payload_size,
            "the large entry lies where the whole message has it");
  }
}

// Feeds the message in pieces; reads the head at every boundary that comes up.
void CheckPieces(Bytes message, std::size_t piece, std::size_t min_size,
                 const InferRequest* whole) {
  const LargeRaw at_once = wire::FindLargeRaw(message, 0, min_size);
  Require(at_once.resume_at <= message.size(), "a scan stays inside the message");
  InferRequest head;
  LargeRaw found;
  std::size_t arrived = 0;
  while (arrived < message.size() && found.state == LargeRaw::State::kNeedMore) {
    arrived = std::min(message.size(), arrived + piece);
    // Exactly what has arrived, so that a read past it is seen.
    const std::vector<std::uint8_t> received(
        message.begin(), message.begin() + static_cast<long>(arrived));
    const std::size_t before = found.resume_at;
    found = wire::FindLargeRaw(received, before, min_size);
    Require(found.resume_at >= before && found.resume_at <= arrived,
            "a scan goes forward and stays inside what has arrived");
    if (found.state != LargeRaw::State::kMalformed && found.resume_at > before) {
      const Status status =
          ParseInferRequestHead(message.first(found.resume_at), &head);
      CheckStatus(status);
      if (status.ok() && whole != nullptr) {
        CheckHead(head, found, message, *whole);
      }
    }
  }
  Require(Same(found, at_once), "pieces are scanned as the whole is");
}

void CheckSmallRequests(Bytes message) {
  wire::NameVersion name_version;
  Status status = ParseNameVersion(message, &name_version);
  CheckStatus(status);
  auto theirs =
      Types::Get().Parse("inference.ModelReadyRequest", message.data(), message.size());
  if (status.ok()) {
    Require(theirs != nullptr, "a name that ours accepts, protobuf accepts");
    Require(name_version.name == View(*theirs).Text(1), "name is protobuf's");
    Require(name_version.version == View(*theirs).Text(2), "version is protobuf's");
  } else {
    Require(!IsMalformed(status) || theirs == nullptr, "a malformed name is refused");
  }
  wire::IndexRequest index;
  status = ParseIndexRequest(message, &index);
  CheckStatus(status);
  theirs = Types::Get().Parse("inference.RepositoryIndexRequest", message.data(),
                              message.size());
  if (status.ok()) {
    Require(theirs != nullptr, "an index request that ours accepts, protobuf accepts");
    Require(index.repository_name == View(*theirs).Text(1), "repository is protobuf's");
    Require(index.ready_only == View(*theirs).Bool(2), "ready is protobuf's");
  } else {
    Require(!IsMalformed(status) || theirs == nullptr, "a malformed index is refused");
  }
}

}  // namespace
}  // namespace leeboard::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leeboard;
  fuzz::Input input(data, size);
  const std::size_t piece = std::size_t{1} + input.Byte();
  const std::size_t min_size = input.Byte();
  const wire::Bytes message(reinterpret_cast<const std::uint8_t*>(input.rest().data()),
                            input.rest().size());
  static wire::InferRequest request;  // Reused, as the front end does.
  const bool accepted = fuzz::CheckInferRequest(message, &request);
  fuzz::CheckPieces(message, piece, min_size, accepted ? &request : nullptr);
  fuzz::CheckSmallRequests(message);
  return 0;
}
