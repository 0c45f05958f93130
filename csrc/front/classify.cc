#include "front/classify.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <numeric>
#include <type_traits>

namespace leeboard::front {
namespace {

// Halves as they lie in memory; compared and printed as floats.
struct Fp16 {
  std::uint16_t bits;
};
struct Bf16 {
  std::uint16_t bits;
};

float Widen(Bf16 value) {
  return std::bit_cast<float>(std::uint32_t{value.bits} << 16);
}

float Widen(Fp16 value) {
  const int exponent = value.bits >> 10 & 0x1F;
  const auto fraction = static_cast<float>(value.bits & 0x3FF);
  float size = 0;
  if (exponent == 0x1F) {
    size = fraction == 0 ? INFINITY : NAN;
  } else if (exponent == 0) {
    size = std::ldexp(fraction, -24);
  } else {
    size = std::ldexp(fraction + 1024, exponent - 25);
  }
  return (value.bits & 0x8000) != 0 ? -size : size;
}

template <typename T>
T Widen(T value) {
  return value;
}

template <typename T>
bool IsNan(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    return std::isnan(value);
  }
  return false;
}

template <typename T>
void AppendValue(T value, std::string* out) {
  char text[512];  // "%f" of the largest double has 317 characters.
  std::to_chars_result result{};
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) {
      out->append(std::signbit(value) ? "-nan" : "nan");
      return;
    }
    result =
        std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, 6);
  } else {
    result = std::to_chars(text, text + sizeof text, value);
  }
  out->append(text, result.ptr);
}

template <typename T>
using Wide = decltype(Widen(T()));

template <typename T>
void AppendElement(Wide<T> value, std::uint32_t index,
                   const std::vector<std::string>& labels, std::string* out) {
  const std::size_t begin = out->size();
  std::uint32_t length = 0;
  out->append(sizeof length, '\0');
  AppendValue(value, out);
  out->append(":").append(std::to_string(index));
  if (index < labels.size() && !labels[index].empty()) {
    out->append(":").append(labels[index]);
  }
  length = static_cast<std::uint32_t>(out->size() - begin - sizeof length);
  std::memcpy(out->data() + begin, &length, sizeof length);
}

template <typename T>
void ClassifyAs(const Scores& scores, std::uint64_t most,
                const std::vector<std::string>& labels, std::string* elements) {
  std::vector<Wide<T>> values(scores.classes);
  std::vector<std::uint32_t> order(scores.classes);
  const auto end = order.begin() + static_cast<std::ptrdiff_t>(most);
  for (std::uint64_t row = 0; row < scores.rows; ++row) {
    for (std::uint64_t i = 0; i < scores.classes; ++i) {
      T value{};
      std::memcpy(&value, scores.raw.data() + (row * scores.classes + i) * sizeof value,
                  sizeof value);
      values[i] = Widen(value);
    }
    std::iota(order.begin(), order.end(), 0U);
    const auto before = [&values](std::uint32_t a, std::uint32_t b) {
      const bool a_nan = IsNan(values[a]);
      const bool b_nan = IsNan(values[b]);
      if (a_nan || b_nan) {
        return a_nan == b_nan ? a < b : b_nan;
      }
      return values[a] != values[b] ? values[a] > values[b] : a < b;
    };
    std::partial_sort(order.begin(), end, order.end(), before);
    for (auto index = order.begin(); index != end; ++index) {
      AppendElement<T>(values[*index], *index, labels, elements);
    }
  }
}

using Classifier = void (*)(const Scores&, std::uint64_t,
                            const std::vector<std::string>&, std::string*);

Classifier ClassifierOf(wire::DType dtype) {
  switch (dtype) {
    case wire::DType::kBool:
    case wire::DType::kUint8:
      return ClassifyAs<std::uint8_t>;
    case wire::DType::kUint16:
      return ClassifyAs<std::uint16_t>;
    case wire::DType::kUint32:
      return ClassifyAs<std::uint32_t>;
    case wire::DType::kUint64:
      return ClassifyAs<std::uint64_t>;
    case wire::DType::kInt8:
      return ClassifyAs<std::int8_t>;
    case wire::DType::kInt16:
      return ClassifyAs<std::int16_t>;
    case wire::DType::kInt32:
      return ClassifyAs<std::int32_t>;
    case wire::DType::kInt64:
      return ClassifyAs<std::int64_t>;
    case wire::DType::kFp16:
      return ClassifyAs<Fp16>;
    case wire::DType::kFp32:
      return ClassifyAs<float>;
    case wire::DType::kFp64:
      return ClassifyAs<double>;
    case wire::DType::kBf16:
      return ClassifyAs<Bf16>;
    case wire::DType::kBytes:
    case wire::DType::kInvalid:
      break;
  }
  return nullptr;
}

}  // namespace

Status Classify(const Scores& scores, std::uint64_t most,
                const std::vector<std::string>& labels, std::string* elements) {
  const std::uint64_t size = wire::ElementSize(scores.dtype);
  const std::uint64_t all = size == 0 ? 0 : scores.raw.size() / size;
  most = std::min(most, scores.classes);
  if (all > kMostScores || scores.rows * most > kMostNamed) {
    return Status::ResourceExhausted(
        "a classification of " + std::to_string(scores.rows) + " rows by " +
        std::to_string(scores.classes) + " classes, the highest " +
        std::to_string(most) + " of each, is too much for one request; at most " +
        std::to_string(kMostScores) + " values are looked at and " +
        std::to_string(kMostNamed) + " given back");
  }
  const Classifier classify = ClassifierOf(scores.dtype);
  if (classify == nullptr || scores.rows * scores.classes != all) {
    return Status::Internal("an output that has no classes cannot be classified");
  }
  classify(scores, most, labels, elements);
  return {};
}

}  // namespace leeboard::front
