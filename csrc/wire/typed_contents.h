// Tensor data: how many bytes a tensor must have, and typed contents turned into the
// raw layout (row-major, little-endian; BYTES elements each behind a uint32 length).
//
// Thread safety: pure functions.

#ifndef LEEBOARD_WIRE_TYPED_CONTENTS_H_
#define LEEBOARD_WIRE_TYPED_CONTENTS_H_

#include <cstdint>
#include <string_view>

#include "base/status.h"
#include "wire/dtype.h"
#include "wire/infer_request.h"

namespace leeboard::wire {

// The product of the tensor's dims (1 without dims), or an error when it passes 2^63
// - 1.
Status CountElements(const InputTensor& tensor, std::uint64_t* elements);

// The raw size of InferTensorContents once converted to `dtype`, or an error: malformed
// protobuf, values in a field that does not belong to dtype, FP16/BF16 (raw only), or a
// number of elements other than `elements`. The message names the tensor, what came and
// what was expected.
Status MeasureContents(const InputTensor& tensor, DType dtype, std::uint64_t elements,
                       std::uint64_t* raw_size);

// Writes the converted elements at `out`. Types narrower than their contents field take
// the low bytes of each value.
// REQUIRES: MeasureContents succeeded for the same tensor; out has room for raw_size
// bytes.
void ConvertContents(const InputTensor& tensor, DType dtype, std::uint8_t* out);

// Checks the raw layout of a BYTES tensor: exactly `elements` length-prefixed elements.
Status CheckRawBytes(std::string_view name, Bytes raw, std::uint64_t elements);

// The number of raw bytes of the first `count` elements of a checked BYTES tensor.
std::uint64_t RawBytesPrefix(Bytes raw, std::uint64_t count);

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_TYPED_CONTENTS_H_
