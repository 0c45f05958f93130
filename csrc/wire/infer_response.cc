#include "wire/infer_response.h"

#include "wire/proto_writer.h"

namespace leeboard::wire {
namespace {

constexpr std::uint32_t kModelName = 1;
constexpr std::uint32_t kModelVersion = 2;
constexpr std::uint32_t kId = 3;
constexpr std::uint32_t kParameters = 4;
constexpr std::uint32_t kOutputs = 5;
constexpr std::uint32_t kRawOutputContents = 6;
// InferOutputTensor.
constexpr std::uint32_t kName = 1;
constexpr std::uint32_t kDatatype = 2;
constexpr std::uint32_t kShape = 3;
// ModelStreamInferResponse.
constexpr std::uint32_t kErrorMessage = 1;
constexpr std::uint32_t kInferResponse = 2;

// An entry of parameters: {key = 1, value = 2 {bool_param = 1}}.
constexpr std::string_view kFinalName = "triton_final_response";
constexpr std::size_t kFinalValue = 2;
constexpr std::size_t kFinalEntry =
    LengthFieldSize(kFinalName.size()) + LengthFieldSize(kFinalValue);

void AppendFinal(bool value, std::string* out) {
  AppendLength(kParameters, kFinalEntry, out);
  AppendText(1, kFinalName, out);
  AppendLength(2, kFinalValue, out);
  out->push_back(static_cast<char>(VarintTag(1)));
  out->push_back(value ? 1 : 0);
}

std::size_t PackedSize(std::span<const std::int64_t> shape) {
  std::size_t size = 0;
  for (const std::int64_t dim : shape) {
    size += VarintSize(static_cast<std::uint64_t>(dim));
  }
  return size;
}

std::size_t MetadataSize(const OutputTensor& output) {
  const std::size_t packed = PackedSize(output.shape);
  return TextFieldSize(output.name) + TextFieldSize(DTypeName(output.dtype)) +
         (packed == 0 ? 0 : LengthFieldSize(packed));
}

void AppendMetadata(const OutputTensor& output, std::string* out) {
  AppendLength(kOutputs, MetadataSize(output), out);
  AppendText(kName, output.name, out);
  AppendText(kDatatype, DTypeName(output.dtype), out);
  if (!output.shape.empty()) {
    AppendLength(kShape, PackedSize(output.shape), out);
    for (const std::int64_t dim : output.shape) {
      AppendVarint(static_cast<std::uint64_t>(dim), out);
    }
  }
}

}  // namespace

std::uint64_t InferResponseSize(const ResponseIdentity& identity,
                                std::span<const OutputTensor> outputs) {
  std::uint64_t size =
      TextFieldSize(identity.model_name) + TextFieldSize(identity.model_version) +
      TextFieldSize(identity.id) +
      (identity.final == Final::kUnsaid ? 0 : LengthFieldSize(kFinalEntry));
  for (const OutputTensor& output : outputs) {
    size += LengthFieldSize(MetadataSize(output)) + LengthFieldSize(output.size);
  }
  return size;
}

void AppendInferResponseHead(const ResponseIdentity& identity,
                             std::span<const OutputTensor> outputs, std::string* out) {
  AppendText(kModelName, identity.model_name, out);
  AppendText(kModelVersion, identity.model_version, out);
  AppendText(kId, identity.id, out);
  if (identity.final != Final::kUnsaid) {
    AppendFinal(identity.final == Final::kLast, out);
  }
  for (const OutputTensor& output : outputs) {
    AppendMetadata(output, out);
  }
}

void AppendRawOutputHeader(std::uint64_t size, std::string* out) {
  AppendLength(kRawOutputContents, size, out);
}

void AppendStreamHeader(std::uint64_t size, std::string* out) {
  AppendLength(kInferResponse, size, out);
}

void AppendStreamError(std::string_view id, std::string_view message,
                       std::string* out) {
  AppendText(kErrorMessage, message, out);
  AppendLength(kInferResponse, TextFieldSize(id), out);
  AppendText(kId, id, out);
}

}  // namespace leeboard::wire
