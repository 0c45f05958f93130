#include "route/signature.h"

#include <algorithm>

#include "wire/typed_contents.h"

namespace leeboard::route {
namespace {

std::string Quoted(std::string_view name) {
  return "'" + std::string(name) + "'";
}

std::string NamesOf(const std::vector<wire::TensorSpec>& specs) {
  std::string names;
  for (const wire::TensorSpec& spec : specs) {
    names += (names.empty() ? "" : ", ") + Quoted(spec.name);
  }
  return names;
}

std::string Expected(const wire::TensorSpec& spec, bool batched) {
  std::vector<std::int64_t> dims(spec.shape.view().begin(), spec.shape.view().end());
  if (batched) {
    dims.insert(dims.begin(), -1);
  }
  return ShapeText(dims);
}

bool MatchesSpec(std::span<const std::int64_t> dims, const wire::TensorSpec& spec) {
  const auto wanted = spec.shape.view();
  return dims.size() == wanted.size() &&
         std::equal(dims.begin(), dims.end(), wanted.begin(),
                    [](std::int64_t dim, std::int64_t want) {
                      return want < 0 || dim == want;
                    });
}

}  // namespace

std::string ShapeText(std::span<const std::int64_t> dims) {
  std::string text = "[";
  for (const std::int64_t dim : dims) {
    text += (text.size() > 1 ? "," : "") + std::to_string(dim);
  }
  return text + "]";
}

Status Checker::CheckRows(const wire::InputTensor& tensor, const Signature& signature,
                          std::size_t index) {
  const std::int64_t rows = tensor.shape.dims[0];
  const std::string where =
      "input " + Quoted(tensor.name) + " of model " + Quoted(signature.model);
  if (rows < 1 || rows > signature.max_batch_size) {
    return Status::InvalidArgument(
        where + " has " + std::to_string(rows) + " rows; a request must have 1 to " +
        std::to_string(signature.max_batch_size) + " (max_batch_size)");
  }
  if (index > 0 && rows != rows_) {
    return Status::InvalidArgument(where + " has " + std::to_string(rows) +
                                   " rows, the inputs before it have " +
                                   std::to_string(rows_));
  }
  rows_ = static_cast<std::uint32_t>(rows);
  return {};
}

Status Checker::CheckInput(const wire::InputTensor& tensor,
                           const wire::TensorSpec& spec, const Signature& signature,
                           std::size_t index) {
  const bool batched = signature.max_batch_size > 0;
  const auto dims = tensor.shape.view();
  if (wire::DTypeFromName(tensor.datatype) != spec.dtype) {
    return Status::InvalidArgument("input " + Quoted(tensor.name) + " of model " +
                                   Quoted(signature.model) + " has datatype " +
                                   Quoted(tensor.datatype) + ", the model expects " +
                                   std::string(wire::DTypeName(spec.dtype)));
  }
  const std::size_t skip = batched ? 1 : 0;
  if (dims.size() < skip || !MatchesSpec(dims.subspan(skip), spec)) {
    return Status::InvalidArgument("input " + Quoted(tensor.name) + " of model " +
                                   Quoted(signature.model) + " has shape " +
                                   ShapeText(dims) + ", the model expects " +
                                   Expected(spec, batched));
  }
  if (batched) {
    Status status = CheckRows(tensor, signature, index);
    if (!status.ok()) {
      return status;
    }
  }
  wire::RowInput& row = inputs_[index];
  row.dtype = spec.dtype;
  row.shape.rank = static_cast<std::uint8_t>(dims.size() - skip);
  std::copy(dims.begin() + static_cast<std::ptrdiff_t>(skip), dims.end(),
            row.shape.dims.begin());
  row.elements = 1;
  bool overflow = false;
  for (const std::int64_t dim : row.shape.view()) {
    overflow =
        overflow || __builtin_mul_overflow(
                        row.elements, static_cast<std::uint64_t>(dim), &row.elements);
  }
  overflow =
      overflow || __builtin_mul_overflow(row.elements, wire::ElementSize(spec.dtype),
                                         &row.row_bytes);
  overflow = overflow || __builtin_mul_overflow(row.row_bytes, std::uint64_t{rows_},
                                                &raw_sizes_[index]);
  // Far more than a message can hold, and few enough that sizes add up without
  // wrapping.
  constexpr std::uint64_t kLargest = 1ULL << 40;
  if (overflow || row.elements > kLargest || raw_sizes_[index] > kLargest) {
    return Status::InvalidArgument("input " + Quoted(tensor.name) + " has shape " +
                                   ShapeText(dims) + ", which is too large");
  }
  return {};
}

Status Checker::CheckOutputs(const wire::InferRequest& request,
                             const Signature& signature) {
  outputs_.clear();
  classes_.clear();
  for (const std::string_view name : request.outputs) {
    const auto& specs = signature.outputs;
    const auto found = std::find_if(
        specs.begin(), specs.end(),
        [name](const wire::TensorSpec& spec) { return spec.name == name; });
    if (found == specs.end()) {
      return Status::InvalidArgument("model " + Quoted(signature.model) +
                                     " has no output " + Quoted(name) +
                                     "; its outputs are " + NamesOf(specs));
    }
    outputs_.push_back(static_cast<std::uint16_t>(found - specs.begin()));
  }
  if (request.classes.empty()) {
    return {};
  }
  classes_ = request.classes;
  classes_.resize(outputs_.size(), 0);
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    const wire::TensorSpec& spec = signature.outputs[outputs_[i]];
    if (classes_[i] > 0 && spec.dtype == wire::DType::kBytes) {
      return Status::InvalidArgument(
          "output " + Quoted(spec.name) + " of model " + Quoted(signature.model) +
          " is BYTES, which cannot be classified; expected an output of numbers");
    }
  }
  return {};
}

// Finds the model's inputs in the request. Afterwards places_ has the place of each one
// that is there, inputs_ which one it is.
Status Checker::PlaceInputs(const wire::InferRequest& request,
                            const Signature& signature) {
  const std::size_t count = signature.inputs.size();
  places_.assign(count, UINT32_MAX);
  for (std::uint32_t at = 0; at < request.inputs.size(); ++at) {
    const std::string_view name = request.inputs[at].name;
    std::size_t index = 0;
    while (index < count && signature.inputs[index].name != name) {
      ++index;
    }
    if (index == count) {
      return Status::InvalidArgument("model " + Quoted(signature.model) +
                                     " has no input " + Quoted(name) +
                                     "; its inputs are " + NamesOf(signature.inputs));
    }
    places_[index] = at;
  }
  inputs_.resize(count);
  std::size_t present = 0;
  for (std::uint32_t index = 0; index < count; ++index) {
    if (places_[index] == UINT32_MAX) {
      const wire::TensorSpec& spec = signature.inputs[index];
      if (spec.optional) {
        continue;
      }
      return Status::InvalidArgument("input " + Quoted(spec.name) + " of model " +
                                     Quoted(signature.model) + " is missing: got " +
                                     std::to_string(request.inputs.size()) +
                                     " inputs, expected " + std::to_string(count));
    }
    inputs_[present].index = index;
    places_[present++] = places_[index];
  }
  if (present == 0 && count > 0) {
    return Status::InvalidArgument("the request has no inputs; model " +
                                   Quoted(signature.model) + " takes one or more of " +
                                   NamesOf(signature.inputs));
  }
  inputs_.resize(present);
  places_.resize(present);
  return {};
}

Status Checker::CheckHead(const wire::InferRequest& request,
                          const Signature& signature) {
  rows_ = 1;
  Status status = PlaceInputs(request, signature);
  if (!status.ok()) {
    return status;
  }
  raw_sizes_.assign(inputs_.size(), 0);
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    status = CheckInput(request.inputs[places_[i]], signature.inputs[inputs_[i].index],
                        signature, i);
    if (!status.ok()) {
      return status;
    }
  }
  return CheckOutputs(request, signature);
}

Status Checker::CheckData(const wire::InferRequest& request,
                          const Signature& signature) {
  data_.resize(inputs_.size());
  for (std::size_t index = 0; index < inputs_.size(); ++index) {
    const wire::InputTensor& tensor = request.inputs[places_[index]];
    const wire::RowInput& row = inputs_[index];
    const std::uint64_t elements = row.elements * rows_;
    wire::InputData& data = data_[index];
    data = {&tensor, tensor.raw.size(), false};
    if (!tensor.has_raw && !tensor.has_contents && elements > 0) {
      return Status::InvalidArgument("unable to find data for input tensor " +
                                     Quoted(tensor.name) + " of model " +
                                     Quoted(signature.model));
    }
    Status status;
    if (!tensor.has_raw) {
      data.typed = true;
      status = wire::MeasureContents(tensor, row.dtype, elements, &data.size);
    } else if (row.is_bytes()) {
      status = wire::CheckRawBytes(tensor.name, tensor.raw, elements);
    } else if (tensor.raw.size() != raw_sizes_[index]) {
      status = Status::InvalidArgument(
          "input " + Quoted(tensor.name) + " has " + std::to_string(tensor.raw.size()) +
          " bytes of data, expected " + std::to_string(raw_sizes_[index]) + " for " +
          std::string(wire::DTypeName(row.dtype)) + " " +
          ShapeText(tensor.shape.view()));
    }
    if (!status.ok()) {
      return status;
    }
  }
  return {};
}

}  // namespace leeboard::route
