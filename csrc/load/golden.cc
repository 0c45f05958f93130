#include "load/golden.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "wire/proto_reader.h"
#include "wire/typed_contents.h"

namespace leeboard::load {
namespace {

using wire::DType;

float FloatFromHalf(std::uint16_t bits) {
  const std::uint32_t exponent = (bits >> 10U) & 0x1fU;
  const std::uint32_t fraction = bits & 0x3ffU;
  float value = 0.0F;
  if (exponent == 0x1f) {
    value = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(static_cast<float>(fraction), -24);
  } else {
    value = std::ldexp(static_cast<float>(fraction | 0x400U),
                       static_cast<int>(exponent) - 25);
  }
  return (bits & 0x8000U) != 0 ? -value : value;
}

template <typename T>
T Load(const std::uint8_t* at) {
  T value{};
  std::memcpy(&value, at, sizeof value);
  return value;
}

double ValueAt(DType dtype, const std::uint8_t* at) {
  switch (dtype) {
    case DType::kFp16:
      return FloatFromHalf(Load<std::uint16_t>(at));
    case DType::kBf16:
      return std::bit_cast<float>(static_cast<std::uint32_t>(Load<std::uint16_t>(at))
                                  << 16U);
    case DType::kFp32:
      return Load<float>(at);
    default:
      return Load<double>(at);
  }
}

bool IsFloating(DType dtype) {
  return dtype == DType::kFp16 || dtype == DType::kBf16 || dtype == DType::kFp32 ||
         dtype == DType::kFp64;
}

bool IsNear(double answered, double expected, const GoldenOutput& golden) {
  if (answered == expected || (std::isnan(answered) && std::isnan(expected))) {
    return true;
  }
  // An infinity is near nothing but itself, and inf - inf compares false.
  return std::isfinite(expected) &&
         std::abs(answered - expected) <=
             golden.absolute + golden.relative * std::abs(expected);
}

bool ValuesMatch(wire::Bytes raw, const GoldenOutput& golden) {
  const auto* expected = reinterpret_cast<const std::uint8_t*>(golden.raw.data());
  if (raw.size() != golden.raw.size()) {
    return false;
  }
  if (raw.empty() || std::memcmp(raw.data(), expected, raw.size()) == 0) {
    return true;
  }
  if (!IsFloating(golden.dtype)) {
    return false;
  }
  const std::size_t step = wire::ElementSize(golden.dtype);
  for (std::size_t at = 0; at + step <= raw.size(); at += step) {
    if (!IsNear(ValueAt(golden.dtype, raw.data() + at),
                ValueAt(golden.dtype, expected + at), golden)) {
      return false;
    }
  }
  return true;
}

// Appends packed or unpacked dims. False: malformed, or too many.
bool ReadDims(const wire::ProtoReader& reader, wire::Shape* shape) {
  const auto add = [shape](std::uint64_t dim) {
    if (shape->rank == wire::kMaxDims) {
      return false;
    }
    shape->dims[shape->rank++] = static_cast<std::int64_t>(dim);
    return true;
  };
  if (wire::WireTypeOf(reader.tag()) == wire::WireType::kVarint) {
    return add(reader.varint());
  }
  const std::uint8_t* at = reader.payload().data();
  const std::uint8_t* end = at + reader.payload().size();
  while (at != end) {
    std::uint64_t dim = 0;
    if (wire::ReadVarint(&at, end, wire::kMaxVarintBytes, &dim) !=
            wire::VarintEnd::kComplete ||
        !add(dim)) {
      return false;
    }
  }
  return true;
}

}  // namespace

bool GoldenCheck::Matches(std::span<const std::uint8_t> response,
                          const Golden& golden) {
  if (!Read(response)) {
    return false;
  }
  bool is_known = golden.empty();
  for (const GoldenOutput& expected : golden) {
    if (!expected.version.empty() && expected.version != version_) {
      continue;
    }
    is_known = true;
    const auto found =
        std::find_if(outputs_.begin(), outputs_.end(),
                     [&](const auto& output) { return output.name == expected.name; });
    if (found == outputs_.end() || !OutputMatches(*found, expected)) {
      return false;
    }
  }
  return is_known;
}

std::uint32_t GoldenCheck::version() const {
  std::uint32_t number = 0;
  const char* end = version_.data() + version_.size();
  const auto [at, error] = std::from_chars(version_.data(), end, number);
  return error == std::errc() && at == end ? number : 0;
}

// ModelInferResponse {model_version = 2, outputs = 5, raw_output_contents = 6}.
bool GoldenCheck::Read(std::span<const std::uint8_t> response) {
  outputs_.clear();
  raws_.clear();
  version_.clear();
  wire::ProtoReader reader(response);
  while (reader.Next()) {
    if (reader.tag() == wire::TextTag(5)) {
      if (!ReadOutput(reader.payload())) {
        return false;
      }
    } else if (reader.tag() == wire::TextTag(6)) {
      raws_.push_back(reader.payload());
    } else if (reader.tag() == wire::TextTag(2)) {
      version_ = reader.text();
    }
  }
  if (!reader.ok() || raws_.size() > outputs_.size()) {
    return false;
  }
  for (std::size_t i = 0; i < raws_.size(); ++i) {
    outputs_[i].raw = raws_[i];
    outputs_[i].has_raw = true;
  }
  return true;
}

// InferOutputTensor {name = 1, datatype = 2, shape = 3, contents = 5}.
bool GoldenCheck::ReadOutput(std::span<const std::uint8_t> bytes) {
  wire::InputTensor output;
  wire::ProtoReader reader(bytes, 1);
  while (reader.Next()) {
    switch (reader.tag()) {
      case wire::TextTag(1):
        output.name = reader.text();
        break;
      case wire::TextTag(2):
        output.datatype = reader.text();
        break;
      case wire::TextTag(3):
      case wire::VarintTag(3):
        if (!ReadDims(reader, &output.shape)) {
          return false;
        }
        break;
      case wire::TextTag(5):
        output.contents = reader.payload();
        output.has_contents = true;
        break;
      default:
        break;
    }
  }
  outputs_.push_back(output);
  return reader.ok();
}

bool GoldenCheck::OutputMatches(const wire::InputTensor& output,
                                const GoldenOutput& expected) {
  const auto dims = output.shape.view();
  const auto wanted = expected.shape.view();
  if (wire::DTypeFromName(output.datatype) != expected.dtype ||
      !std::equal(dims.begin(), dims.end(), wanted.begin(), wanted.end())) {
    return false;
  }
  if (output.has_raw) {
    return ValuesMatch(output.raw, expected);
  }
  std::uint64_t elements = 0;
  std::uint64_t size = 0;
  if (!wire::CountElements(output, &elements).ok() ||
      !wire::MeasureContents(output, expected.dtype, elements, &size).ok()) {
    return false;
  }
  converted_.resize(size);
  auto* converted = reinterpret_cast<std::uint8_t*>(converted_.data());
  wire::ConvertContents(output, expected.dtype, converted);
  return ValuesMatch({converted, size}, expected);
}

}  // namespace leeboard::load
