#include "front/reply.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "front/classify.h"
#include "wire/infer_response.h"

namespace leeboard::front {
namespace {

constexpr std::uint64_t kCopied = 64 << 10;  // Tensor bytes of a reply that are copied.
constexpr std::uint64_t kCutWorthwhile = 4 << 10;
constexpr std::uint64_t kLargestMessage = INT32_MAX;

// Where one output's rows lie and what they are called.
struct Slice {
  const std::uint8_t* data = nullptr;
  std::array<std::int64_t, shm::kMaxRank> dims{};
};

// Bytes of the first `count` BYTES elements, within `raw` whatever it says: it was well
// formed when it was checked, but its worker can still write there.
std::uint64_t ElementBytes(wire::Bytes raw, std::uint64_t count) {
  std::uint64_t at = 0;
  for (; count > 0; --count) {
    std::uint32_t length = 0;
    if (raw.size() - at < sizeof length) {
      return raw.size();
    }
    std::memcpy(&length, raw.data() + at, sizeof length);
    at += sizeof length;
    if (length > raw.size() - at) {
      return raw.size();
    }
    at += length;
  }
  return at;
}

std::uint64_t SliceRows(const batch::Answer& answer, const wire::TensorSpec& spec,
                        const shm::OutputRecord& record, bool batched, Slice* slice) {
  slice->data = answer.base + record.offset;
  slice->dims = record.dims;
  if (!batched || answer.is_part) {
    return record.size;
  }
  slice->dims[0] = answer.rows;
  if (spec.dtype != wire::DType::kBytes) {
    const std::uint64_t row = record.size / answer.batch_rows;
    slice->data += row * answer.row_begin;
    return row * answer.rows;
  }
  std::uint64_t elements = 1;
  for (std::uint32_t i = 1; i < record.rank; ++i) {
    elements *= static_cast<std::uint64_t>(record.dims[i]);
  }
  const wire::Bytes all(slice->data, record.size);
  const std::uint64_t begin = ElementBytes(all, elements * answer.row_begin);
  slice->data += begin;
  return ElementBytes(all.subspan(begin), elements * answer.rows);
}

wire::ResponseIdentity IdentityOf(const batch::Request& request,
                                  const ReplyForm& form) {
  const batch::QueueOptions& options = request.queue->options();
  wire::ResponseIdentity identity{options.model, options.version, request.id,
                                  wire::Final::kUnsaid};
  if (form.in_stream) {
    identity.final = form.is_last ? wire::Final::kLast : wire::Final::kMore;
  }
  return identity;
}

bool IsByClass(const batch::Request& request, std::size_t output) {
  return !request.classes.empty() && request.classes[output] > 0;
}

// The slice's highest classes in place of its values. `elements` must outlive the
// slice.
Status ClassifySlice(const batch::QueueOptions& options, std::size_t index,
                     std::uint32_t most, wire::OutputTensor* tensor, Slice* slice,
                     std::string* elements) {
  const bool batched = options.max_batch_size > 0;
  Scores scores;
  scores.dtype = tensor->dtype;
  scores.raw = {slice->data, tensor->size};
  scores.rows = batched ? static_cast<std::uint64_t>(slice->dims[0]) : 1;
  scores.classes = 1;
  for (std::size_t i = batched ? 1 : 0; i < tensor->shape.size(); ++i) {
    scores.classes *= static_cast<std::uint64_t>(slice->dims[i]);
  }
  static const std::vector<std::string> kNoLabels;
  Status status =
      Classify(scores, most, options.labels.empty() ? kNoLabels : options.labels[index],
               elements);
  if (!status.ok()) {
    return {status.code(), options.label + ": output '" + std::string(tensor->name) +
                               "': " + status.message()};
  }
  slice->data = reinterpret_cast<const std::uint8_t*>(elements->data());
  slice->dims[batched ? 1 : 0] =
      static_cast<std::int64_t>(std::min<std::uint64_t>(most, scores.classes));
  tensor->dtype = wire::DType::kBytes;
  tensor->shape = {slice->dims.data(), batched ? 2U : 1U};
  tensor->size = elements->size();
  return {};
}

}  // namespace

Status MakeReply(const batch::Request& request, const batch::Answer& answer,
                 const ReplyForm& form, http2::ReplyBody* reply) {
  const batch::QueueOptions& options = request.queue->options();
  const bool batched = request.queue->batches();
  const std::size_t all = options.outputs.size();
  const std::size_t count = request.outputs.empty() ? all : request.outputs.size();
  std::array<wire::OutputTensor, shm::kMaxTensors> tensors;
  std::array<Slice, shm::kMaxTensors> slices;
  std::vector<std::string> named(request.classes.size());
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = request.outputs.empty() ? i : request.outputs[i];
    const wire::TensorSpec& spec = options.outputs[index];
    const shm::OutputRecord& record = answer.completion->outputs[index];
    const std::uint64_t size = SliceRows(answer, spec, record, batched, &slices[i]);
    tensors[i] = {spec.name, spec.dtype, {slices[i].dims.data(), record.rank}, size};
    if (IsByClass(request, i)) {
      Status status = ClassifySlice(options, index, request.classes[i], &tensors[i],
                                    &slices[i], &named[i]);
      if (!status.ok()) {
        return status;
      }
    }
    total += tensors[i].size;
  }
  const std::span<const wire::OutputTensor> outputs(tensors.data(), count);
  const wire::ResponseIdentity identity = IdentityOf(request, form);
  const std::uint64_t size = wire::InferResponseSize(identity, outputs);
  if (size > kLargestMessage) {
    return Status::InvalidArgument(options.label + ": the response has " +
                                   std::to_string(size) + " bytes, at most " +
                                   std::to_string(kLargestMessage) + " can be sent");
  }
  const bool copied = total <= kCopied || form.is_kept;
  constexpr std::size_t kEnvelope = 16;
  reply->text.reserve(kEnvelope +
                      (copied ? size : size - total + kCutWorthwhile * count));
  if (form.in_stream) {
    wire::AppendStreamHeader(size, &reply->text);
  }
  wire::AppendInferResponseHead(identity, outputs, &reply->text);
  for (std::size_t i = 0; i < count; ++i) {
    wire::AppendRawOutputHeader(tensors[i].size, &reply->text);
    if (copied || tensors[i].size < kCutWorthwhile || IsByClass(request, i)) {
      reply->text.append(reinterpret_cast<const char*>(slices[i].data),
                         tensors[i].size);
    } else {
      reply->cuts.push_back({reply->text.size(), {slices[i].data, tensors[i].size}});
      reply->memory = answer.outputs;
    }
  }
  return {};
}

void MakeEmptyFinal(const batch::Request& request, http2::ReplyBody* reply) {
  const ReplyForm form{.in_stream = true};
  const wire::ResponseIdentity identity = IdentityOf(request, form);
  wire::AppendStreamHeader(wire::InferResponseSize(identity, {}), &reply->text);
  wire::AppendInferResponseHead(identity, {}, &reply->text);
}

}  // namespace leeboard::front
