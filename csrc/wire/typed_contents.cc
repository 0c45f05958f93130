#include "wire/typed_contents.h"

#include <array>
#include <bit>
#include <cstring>
#include <string>

#include "wire/proto_reader.h"
#include "wire/text.h"

namespace leeboard::wire {
namespace {

static_assert(std::endian::native == std::endian::little,
              "tensors travel in little-endian order and are copied as they are");

// One of the repeated fields of InferTensorContents; the index is the field's number.
struct ContentsField {
  std::string_view name;
  WireType element;
};

constexpr std::array<ContentsField, 9> kFields = {
    {{"", WireType::kGroupEnd},
     {"bool_contents", WireType::kVarint},
     {"int_contents", WireType::kVarint},
     {"int64_contents", WireType::kVarint},
     {"uint_contents", WireType::kVarint},
     {"uint64_contents", WireType::kVarint},
     {"fp32_contents", WireType::kFixed32},
     {"fp64_contents", WireType::kFixed64},
     {"bytes_contents", WireType::kLength}}};

constexpr std::uint32_t kBytesField = 8;
constexpr std::uint64_t kLengthPrefix = 4;

// The field that carries elements of dtype, or 0 when dtype travels raw only.
std::uint32_t FieldFor(DType dtype) {
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
    case DType::kBytes:
      return kBytesField;
    default:
      return 0;
  }
}

// Whether the field is one of InferTensorContents, packed or not; anything else
// (another number, another wire type) is unknown and means nothing.
bool IsKnown(std::uint32_t tag) {
  const std::uint32_t field = FieldOf(tag);
  if (field == 0 || field >= kFields.size()) {
    return false;
  }
  const WireType type = WireTypeOf(tag);
  return type == WireType::kLength || type == kFields[field].element;
}

bool IsPacked(std::uint32_t tag) {
  return FieldOf(tag) != kBytesField && WireTypeOf(tag) == WireType::kLength;
}

// False when the last varint has no end or one is too long.
bool CountVarints(Bytes packed, std::uint64_t* count) {
  int unfinished = 0;
  std::uint64_t finished = 0;
  for (const std::uint8_t byte : packed) {
    unfinished = byte >= 0x80 ? unfinished + 1 : 0;
    finished += byte < 0x80 ? 1 : 0;
    if (unfinished == kMaxVarintBytes) {
      return false;
    }
  }
  *count += finished;
  return unfinished == 0;
}

bool CountFixed(Bytes packed, std::size_t size, std::uint64_t* count) {
  *count += packed.size() / size;
  return packed.size() % size == 0;
}

// Adds the elements of one packed occurrence to *count.
bool CountPacked(WireType element, Bytes packed, std::uint64_t* count) {
  switch (element) {
    case WireType::kFixed32:
      return CountFixed(packed, 4, count);
    case WireType::kFixed64:
      return CountFixed(packed, 8, count);
    default:
      return CountVarints(packed, count);
  }
}

struct Counts {
  std::array<std::uint64_t, kFields.size()> elements{};  // By field.
  std::uint64_t raw_bytes = 0;  // Of bytes_contents, length prefixes included.
};

Status CountContents(Bytes contents, Counts* counts) {
  ProtoReader reader(contents, 2);
  while (reader.Next()) {
    if (!IsKnown(reader.tag())) {
      continue;
    }
    const std::uint32_t field = FieldOf(reader.tag());
    std::uint64_t* count = &counts->elements[field];
    if (!IsPacked(reader.tag())) {
      ++*count;
      counts->raw_bytes +=
          field == kBytesField ? kLengthPrefix + reader.payload().size() : 0;
    } else if (!CountPacked(kFields[field].element, reader.payload(), count)) {
      return Malformed("InferTensorContents",
                       std::string(kFields[field].name) + " ends within an element");
    }
  }
  return reader.ok() ? Status() : Malformed("InferTensorContents", reader.error());
}

Status NoTypedContents(const InputTensor& tensor, DType dtype) {
  if (dtype == DType::kInvalid) {
    return Status::InvalidArgument("input " + Quoted(tensor.name) +
                                   " has the datatype " + Quoted(tensor.datatype) +
                                   ", expected one of KServe v2 (e.g. 'FP32')");
  }
  std::string sentence = "input " + Quoted(tensor.name) + " has the datatype ";
  sentence.append(DTypeName(dtype))
      .append(
          " and contents, but this datatype has no contents field; expected its data ")
      .append("in raw_input_contents");
  return Status::InvalidArgument(std::move(sentence));
}

Status WrongField(const InputTensor& tensor, DType dtype, std::uint32_t came,
                  std::uint32_t expected) {
  std::string sentence = "input " + Quoted(tensor.name) + " has values in ";
  sentence.append(kFields[came].name)
      .append(", expected ")
      .append(kFields[expected].name)
      .append(" for the datatype ")
      .append(DTypeName(dtype));
  return Status::InvalidArgument(std::move(sentence));
}

Status WrongCount(std::string_view tensor, std::string_view where, std::uint64_t came,
                  std::uint64_t expected) {
  std::string sentence =
      "input " + Quoted(tensor) + " has " + std::to_string(came) + " elements in ";
  sentence.append(where).append(", expected ").append(std::to_string(expected));
  return Status::InvalidArgument(sentence.append(" by its shape"));
}

// Writes elements one behind the other.
class ElementWriter {
 public:
  ElementWriter(DType dtype, std::uint8_t* out)
      : is_bool_(dtype == DType::kBool), size_(ElementSize(dtype)), out_(out) {}

  void AddVarint(std::uint64_t value) {
    const std::uint64_t element = is_bool_ ? (value != 0 ? 1 : 0) : value;
    std::memcpy(out_, &element, size_);
    out_ += size_;
  }

  void AddVarints(Bytes packed) {
    const std::uint8_t* at = packed.data();
    const std::uint8_t* end = at + packed.size();
    std::uint64_t value = 0;
    while (at != end &&
           ReadVarint(&at, end, kMaxVarintBytes, &value) == VarintEnd::kComplete) {
      AddVarint(value);
    }
  }

  void AddFixed(Bytes bytes) {
    if (!bytes.empty()) {
      std::memcpy(out_, bytes.data(), bytes.size());
      out_ += bytes.size();
    }
  }

  void AddPrefixed(Bytes bytes) {
    const auto length = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(out_, &length, kLengthPrefix);
    out_ += kLengthPrefix;
    AddFixed(bytes);
  }

 private:
  bool is_bool_;
  std::size_t size_;
  std::uint8_t* out_;
};

std::uint32_t LengthAt(const std::uint8_t* at) {
  std::uint32_t length = 0;
  std::memcpy(&length, at, kLengthPrefix);
  return length;
}

}  // namespace

Status CountElements(const InputTensor& tensor, std::uint64_t* elements) {
  std::uint64_t product = 1;
  bool too_many = false;
  for (const std::int64_t dim : tensor.shape.view()) {
    if (dim == 0) {
      *elements = 0;
      return {};
    }
    too_many |= product > static_cast<std::uint64_t>(INT64_MAX / dim);
    product *= static_cast<std::uint64_t>(dim);
  }
  if (too_many) {
    return Status::InvalidArgument("input " + Quoted(tensor.name) +
                                   " has a shape of more elements than can be counted, "
                                   "expected at most 2^63 - 1");
  }
  *elements = product;
  return {};
}

Status MeasureContents(const InputTensor& tensor, DType dtype, std::uint64_t elements,
                       std::uint64_t* raw_size) {
  const std::uint32_t field = FieldFor(dtype);
  if (field == 0) {
    return NoTypedContents(tensor, dtype);
  }
  Counts counts;
  Status status = CountContents(tensor.contents, &counts);
  if (!status.ok()) {
    return status;
  }
  for (std::uint32_t other = 1; other < kFields.size(); ++other) {
    if (other != field && counts.elements[other] > 0) {
      return WrongField(tensor, dtype, other, field);
    }
  }
  if (counts.elements[field] != elements) {
    return WrongCount(tensor.name, kFields[field].name, counts.elements[field],
                      elements);
  }
  *raw_size = field == kBytesField ? counts.raw_bytes : elements * ElementSize(dtype);
  return {};
}

void ConvertContents(const InputTensor& tensor, DType dtype, std::uint8_t* out) {
  const std::uint32_t field = FieldFor(dtype);
  const WireType element = kFields[field].element;
  ElementWriter writer(dtype, out);
  ProtoReader reader(tensor.contents, 2);
  while (reader.Next()) {
    if (FieldOf(reader.tag()) != field || !IsKnown(reader.tag())) {
      continue;
    }
    if (field == kBytesField) {
      writer.AddPrefixed(reader.payload());
    } else if (element != WireType::kVarint) {
      writer.AddFixed(reader.payload());
    } else if (IsPacked(reader.tag())) {
      writer.AddVarints(reader.payload());
    } else {
      writer.AddVarint(reader.varint());
    }
  }
}

Status CheckRawBytes(std::string_view name, Bytes raw, std::uint64_t elements) {
  std::size_t at = 0;
  std::uint64_t count = 0;
  while (at < raw.size()) {
    const std::size_t left = raw.size() - at;
    if (left < kLengthPrefix || LengthAt(raw.data() + at) > left - kLengthPrefix) {
      return Status::InvalidArgument(
          "input " + Quoted(name) + " has BYTES data that ends within element " +
          std::to_string(count) + ", expected a 4-byte length and as many bytes");
    }
    at += kLengthPrefix + LengthAt(raw.data() + at);
    ++count;
  }
  return count == elements ? Status()
                           : WrongCount(name, "its BYTES data", count, elements);
}

std::uint64_t RawBytesPrefix(Bytes raw, std::uint64_t count) {
  std::uint64_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    at += kLengthPrefix + LengthAt(raw.data() + at);
  }
  return at;
}

}  // namespace leeboard::wire
