// Writes a ModelInferResponse as pieces: a head (everything but tensor data) and, for
// each output, a tag with its length, so that tensor bytes can leave from where the
// model put them. Every output gets a raw_output_contents entry, empty ones included:
// clients index them by position without looking.
//
// Thread safety: pure functions.

#ifndef LEEBOARD_WIRE_INFER_RESPONSE_H_
#define LEEBOARD_WIRE_INFER_RESPONSE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "wire/dtype.h"

namespace leeboard::wire {

struct OutputTensor {
  std::string_view name;
  DType dtype = DType::kInvalid;
  std::span<const std::int64_t> shape;
  std::uint64_t size = 0;  // Bytes of tensor data.
};

// Whether a response of a stream is its request's last (`triton_final_response`).
enum class Final : std::uint8_t { kUnsaid, kMore, kLast };

struct ResponseIdentity {
  std::string_view model_name;
  std::string_view model_version;
  std::string_view id;  // Echoed; omitted when empty.
  Final final = Final::kUnsaid;
};

// Bytes of the whole response message, tensor data included.
std::uint64_t InferResponseSize(const ResponseIdentity& identity,
                                std::span<const OutputTensor> outputs);

// Appends model_name, model_version, id and the outputs' metadata.
void AppendInferResponseHead(const ResponseIdentity& identity,
                             std::span<const OutputTensor> outputs, std::string* out);

// Appends the tag and length of one raw_output_contents entry; `size` bytes must
// follow.
void AppendRawOutputHeader(std::uint64_t size, std::string* out);

// Appends what makes a ModelStreamInferResponse of the response of `size` bytes that
// must follow.
void AppendStreamHeader(std::uint64_t size, std::string* out);

// Appends a ModelStreamInferResponse that tells what is wrong with the request `id`.
void AppendStreamError(std::string_view id, std::string_view message, std::string* out);

}  // namespace leeboard::wire

#endif  // LEEBOARD_WIRE_INFER_RESPONSE_H_
