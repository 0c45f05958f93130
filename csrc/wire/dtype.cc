#include "wire/dtype.h"

#include <array>

namespace leeboard::wire {
namespace {

struct Entry {
  std::string_view name;
  std::size_t size;
};

// Indexed by DType.
constexpr std::array<Entry, 15> kTypes = {{{"INVALID", 0},
                                           {"BOOL", 1},
                                           {"UINT8", 1},
                                           {"UINT16", 2},
                                           {"UINT32", 4},
                                           {"UINT64", 8},
                                           {"INT8", 1},
                                           {"INT16", 2},
                                           {"INT32", 4},
                                           {"INT64", 8},
                                           {"FP16", 2},
                                           {"FP32", 4},
                                           {"FP64", 8},
                                           {"BYTES", 0},
                                           {"BF16", 2}}};
static_assert(kTypes.size() == static_cast<std::size_t>(DType::kBf16) + 1);

}  // namespace

DType DTypeFromName(std::string_view name) {
  for (std::size_t i = 1; i < kTypes.size(); ++i) {
    if (kTypes[i].name == name) {
      return static_cast<DType>(i);
    }
  }
  return DType::kInvalid;
}

std::string_view DTypeName(DType dtype) {
  return kTypes[static_cast<std::size_t>(dtype)].name;
}

std::size_t ElementSize(DType dtype) {
  return kTypes[static_cast<std::size_t>(dtype)].size;
}

}  // namespace leeboard::wire
