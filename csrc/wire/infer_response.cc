#include "wire/infer_response.h"

#include "wire/proto_writer.h"

namespace leeboard::wire {
namespace {

constexpr std::uint32_t kModelName = 1;
constexpr std::uint32_t kModelVersion = 2;
constexpr std::uint32_t kId = 3;
constexpr std::uint32_t kOutputs = 5;
constexpr std::uint32_t kRawOutputContents = 6;
// InferOutputTensor.
constexpr std::uint32_t kName = 1;
constexpr std::uint32_t kDatatype = 2;
constexpr std::uint32_t kShape = 3;

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
  std::uint64_t size = TextFieldSize(identity.model_name) +
                       TextFieldSize(identity.model_version) +
                       TextFieldSize(identity.id);
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
  for (const OutputTensor& output : outputs) {
    AppendMetadata(output, out);
  }
}

void AppendRawOutputHeader(std::uint64_t size, std::string* out) {
  AppendLength(kRawOutputContents, size, out);
}

}  // namespace leeboard::wire
