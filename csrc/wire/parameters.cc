#include "wire/parameters.h"

#include <algorithm>
#include <string>

#include "wire/proto_reader.h"
#include "wire/text.h"

namespace leeboard::wire {
namespace {

using Kind = Parameter::Kind;

constexpr unsigned Bit(Kind kind) {
  return 1U << static_cast<unsigned>(kind);
}

struct ReservedParameter {
  std::string_view name;
  unsigned kinds;  // Bits of the types that it may have.
  std::string_view expected;
};

// Places in RequestParameters::reserved_. `headers` and `binary_data_output` are
// reserved as well, but mean nothing here and may have any type.
enum Place : std::uint8_t {
  kSequenceId,
  kStart,
  kEnd,
  kPriority,
  kTimeout,
  kEmptyFinal
};

constexpr std::array<ReservedParameter, RequestParameters::kReserved> kReservedNames = {
    {{"sequence_id", Bit(Kind::kInt64) | Bit(Kind::kString),
      "int64_param or string_param"},
     {"sequence_start", Bit(Kind::kBool), "bool_param"},
     {"sequence_end", Bit(Kind::kBool), "bool_param"},
     {"priority", Bit(Kind::kUint64) | Bit(Kind::kInt64),
      "uint64_param or int64_param"},
     {"timeout", Bit(Kind::kInt64) | Bit(Kind::kUint64), "int64_param or uint64_param"},
     {"triton_enable_empty_final_response", Bit(Kind::kBool), "bool_param"}}};

constexpr std::string_view kTritonPrefix = "triton_";
constexpr std::string_view kSharedMemoryPrefix = "shared_memory_";

Status WrongKind(std::string_view name, std::string_view expected) {
  std::string sentence = "invalid value type for ";
  sentence.append(Quoted(name)).append(" parameter, expected ").append(expected);
  return Status::InvalidArgument(std::move(sentence));
}

Status Negative(std::string_view name, std::uint64_t value) {
  return Status::InvalidArgument("parameter " + Quoted(name) + " is " +
                                 std::to_string(static_cast<std::int64_t>(value)) +
                                 ", expected 0 or more");
}

bool IsNegative(const Parameter& parameter) {
  return parameter.kind == Kind::kInt64 &&
         static_cast<std::int64_t>(parameter.number) < 0;
}

void SetNumber(Kind kind, std::uint64_t number, Parameter* value) {
  value->kind = kind;
  value->number = number;
}

// Applies one InferParameter to `value`: a second one in the same entry is merged.
Status MergeParameter(std::span<const std::uint8_t> message, int nesting,
                      Parameter* value) {
  ProtoReader reader(message, nesting);
  while (reader.Next()) {
    switch (reader.tag()) {
      case VarintTag(1):
        SetNumber(Kind::kBool, reader.varint() != 0 ? 1 : 0, value);
        break;
      case VarintTag(2):
        SetNumber(Kind::kInt64, reader.varint(), value);
        break;
      case TextTag(3):
        if (!IsUtf8(reader.text())) {
          return NotUtf8("InferParameter.string_param");
        }
        value->kind = Kind::kString;
        value->text = reader.text();
        break;
      case Tag(4, WireType::kFixed64):
        value->kind = Kind::kDouble;
        break;
      case VarintTag(5):
        SetNumber(Kind::kUint64, reader.varint(), value);
        break;
      default:
        break;
    }
  }
  return reader.ok() ? Status() : Malformed("InferParameter", reader.error());
}

}  // namespace

Status ParseParameterEntry(std::span<const std::uint8_t> entry, int nesting,
                           std::string_view* key, Parameter* value) {
  *key = {};
  *value = {};
  value->present = true;
  ProtoReader reader(entry, nesting);
  while (reader.Next()) {
    if (reader.tag() == TextTag(1)) {
      if (!IsUtf8(reader.text())) {
        return NotUtf8("the key of a parameter");
      }
      *key = reader.text();
    } else if (reader.tag() == TextTag(2)) {
      Status merged = MergeParameter(reader.payload(), nesting + 1, value);
      if (!merged.ok()) {
        return merged;
      }
    }
  }
  return reader.ok() ? Status() : Malformed("map entry of parameters", reader.error());
}

Status RequestParameters::Add(std::span<const std::uint8_t> entry) {
  std::string_view key;
  Parameter value;
  Status parsed = ParseParameterEntry(entry, 1, &key, &value);
  if (!parsed.ok()) {
    return parsed;
  }
  for (std::size_t i = 0; i < kReservedNames.size(); ++i) {
    if (key == kReservedNames[i].name) {
      reserved_[i] = value;
      return {};
    }
  }
  if (key.starts_with(kTritonPrefix)) {
    return Status::InvalidArgument("parameter " + Quoted(key) +
                                   " is reserved: names that begin with 'triton_' "
                                   "cannot be custom parameters");
  }
  return {};
}

Status RequestParameters::Check(std::uint64_t* timeout_us) const {
  for (std::size_t i = 0; i < kReservedNames.size(); ++i) {
    const ReservedParameter& rule = kReservedNames[i];
    if (reserved_[i].present && (rule.kinds & Bit(reserved_[i].kind)) == 0) {
      return WrongKind(rule.name, rule.expected);
    }
  }
  const Parameter& sequence = reserved_[kSequenceId];
  if (sequence.present && (sequence.kind == Kind::kString ? !sequence.text.empty()
                                                          : sequence.number != 0)) {
    return Status::InvalidArgument(
        "parameter 'sequence_id' names a sequence, but sequences are not supported; "
        "expected 0, \"\" or no sequence_id");
  }
  for (const Place place : {kPriority, kTimeout}) {
    if (IsNegative(reserved_[place])) {
      return Negative(kReservedNames[place].name, reserved_[place].number);
    }
  }
  *timeout_us = reserved_[kTimeout].number;
  return {};
}

bool RequestParameters::wants_empty_final() const {
  return reserved_[kEmptyFinal].number != 0;
}

Status TensorParameters::Add(std::span<const std::uint8_t> entry) {
  std::string_view key;
  Parameter value;
  Status parsed = ParseParameterEntry(entry, 2, &key, &value);
  if (!parsed.ok()) {
    return parsed;
  }
  if (key == "classification") {
    classification_ = value;
  } else if (key.starts_with(kSharedMemoryPrefix)) {
    shared_memory_ = true;
  }
  return {};
}

Status TensorParameters::Check(TensorSide side, std::string_view tensor_name) const {
  if (shared_memory_) {
    std::string sentence = side == TensorSide::kInput ? "input " : "output ";
    sentence.append(Quoted(tensor_name))
        .append(" asks for shared memory, but shared memory is not enabled on this ")
        .append("server; expected its data in the message");
    return Status::InvalidArgument(std::move(sentence));
  }
  if (side == TensorSide::kInput || !classification_.present) {
    return {};
  }
  if (classification_.kind != Kind::kInt64) {
    return WrongKind("classification", "int64_param");
  }
  if (classification_.number == 0 || IsNegative(classification_)) {
    return Status::InvalidArgument(
        "output " + Quoted(tensor_name) + " asks for a classification of " +
        std::to_string(static_cast<std::int64_t>(classification_.number)) +
        " classes, expected 1 or more");
  }
  return {};
}

std::uint32_t TensorParameters::classes() const {
  constexpr std::uint64_t kMost = UINT32_MAX;  // More than any output has.
  return static_cast<std::uint32_t>(std::min(classification_.number, kMost));
}

}  // namespace leeboard::wire
