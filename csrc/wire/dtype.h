// Element types of KServe v2 tensors, by the names that travel on the wire.
//
// Thread safety: pure functions.

#ifndef LEEBOARD_WIRE_DTYPE_H_
#define LEEBOARD_WIRE_DTYPE_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace leeboard::wire {

enum class DType : std::uint8_t {
  kInvalid = 0,
  kBool,
  kUint8,
  kUint16,
  kUint32,
  kUint64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kFp16,
  kFp32,
  kFp64,
  kBytes,  // Elements of varying length: uint32 little-endian length, then the bytes.
  kBf16,
};

// "FP32" -> kFp32; kInvalid for a name the protocol does not have.
DType DTypeFromName(std::string_view name);
std::string_view DTypeName(DType dtype);
// Bytes of one element; 0 for kBytes and kInvalid.
std::size_t ElementSize(DType dtype);

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_DTYPE_H_
