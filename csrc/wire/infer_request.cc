#include "wire/infer_request.h"

#include <algorithm>
#include <string>

#include "wire/parameters.h"
#include "wire/proto_reader.h"
#include "wire/text.h"

namespace leeboard::wire {
namespace {

// Up to here, comparing all pairs of names is cheaper than sorting them.
constexpr std::size_t kFewNames = 16;

// Reads a string field; false when it is not UTF-8.
bool TakeText(const ProtoReader& reader, std::string_view* text) {
  *text = reader.text();
  return IsUtf8(*text);
}

// Takes the dims of one occurrence of the field `shape`, packed or not.
struct DimReader {
  InputTensor* input = nullptr;
  std::uint64_t count = 0;
  bool negative = false;

  void Add(std::uint64_t dim) {
    negative |= static_cast<std::int64_t>(dim) < 0;
    if (count < kMaxDims) {
      input->shape.dims[count] = static_cast<std::int64_t>(dim);
    }
    ++count;
  }

  bool AddPacked(Bytes packed) {
    const std::uint8_t* at = packed.data();
    const std::uint8_t* end = at + packed.size();
    while (at != end) {
      std::uint64_t dim = 0;
      if (ReadVarint(&at, end, kMaxVarintBytes, &dim) != VarintEnd::kComplete) {
        return false;
      }
      Add(dim);
    }
    return true;
  }

  Status Finish() {
    if (count > kMaxDims) {
      return Status::InvalidArgument(
          "input " + Quoted(input->name) + " has " + std::to_string(count) +
          " dimensions, expected at most " + std::to_string(kMaxDims));
    }
    input->shape.rank = static_cast<std::uint8_t>(count);
    if (!negative) {
      return {};
    }
    const auto dims = input->shape.view();
    return Status::InvalidArgument(
        "input " + Quoted(input->name) + " has the dimension " +
        std::to_string(*std::find_if(dims.begin(), dims.end(),
                                     [](std::int64_t dim) { return dim < 0; })) +
        ", expected 0 or more");
  }
};

Status FinishInput(bool contents_twice, const TensorParameters& parameters,
                   DimReader* dims) {
  const InputTensor& input = *dims->input;
  if (contents_twice) {
    return Status::InvalidArgument("input " + Quoted(input.name) +
                                   " has its contents field twice, expected once");
  }
  Status shape = dims->Finish();
  if (!shape.ok()) {
    return shape;
  }
  return parameters.Check(TensorSide::kInput, input.name);
}

Status ParseInput(Bytes message, InputTensor* input) {
  TensorParameters parameters;
  DimReader dims{input};
  bool contents_twice = false;
  ProtoReader reader(message, 1);
  while (reader.Next()) {
    switch (reader.tag()) {
      case TextTag(1):
        if (!TakeText(reader, &input->name)) {
          return NotUtf8("InferInputTensor.name");
        }
        break;
      case TextTag(2):
        if (!TakeText(reader, &input->datatype)) {
          return NotUtf8("InferInputTensor.datatype");
        }
        break;
      case VarintTag(3):
        dims.Add(reader.varint());
        break;
      case TextTag(3):
        if (!dims.AddPacked(reader.payload())) {
          return Malformed("InferInputTensor", "its packed shape is cut off");
        }
        break;
      case TextTag(4):
        if (Status entry = parameters.Add(reader.payload()); !entry.ok()) {
          return entry;
        }
        break;
      case TextTag(5):
        contents_twice |= input->has_contents;
        input->has_contents = true;
        input->contents = reader.payload();
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) {
    return Malformed("InferInputTensor", reader.error());
  }
  return FinishInput(contents_twice, parameters, &dims);
}

Status ParseOutput(Bytes message, std::string_view* name, std::uint32_t* classes) {
  TensorParameters parameters;
  ProtoReader reader(message, 1);
  while (reader.Next()) {
    if (reader.tag() == TextTag(1)) {
      if (!TakeText(reader, name)) {
        return NotUtf8("InferRequestedOutputTensor.name");
      }
    } else if (reader.tag() == TextTag(2)) {
      if (Status entry = parameters.Add(reader.payload()); !entry.ok()) {
        return entry;
      }
    }
  }
  if (!reader.ok()) {
    return Malformed("InferRequestedOutputTensor", reader.error());
  }
  Status status = parameters.Check(TensorSide::kOutput, *name);
  *classes = status.ok() ? parameters.classes() : 0;
  return status;
}

Status TooManyTensors(std::string_view what) {
  std::string sentence = "the request has more than ";
  sentence.append(std::to_string(kMaxTensors)).append(" ").append(what);
  return Status::InvalidArgument(std::move(sentence));
}

Status AddInput(Bytes message, InferRequest* request) {
  if (request->inputs.size() == kMaxTensors) {
    return TooManyTensors("inputs");
  }
  return ParseInput(message, &request->inputs.emplace_back());
}

Status AddOutput(Bytes message, InferRequest* request) {
  if (request->outputs.size() == kMaxTensors) {
    return TooManyTensors("requested outputs");
  }
  std::uint32_t classes = 0;
  Status status = ParseOutput(message, &request->outputs.emplace_back(), &classes);
  if (classes > 0) {
    request->classes.resize(request->outputs.size(), 0);
    request->classes.back() = classes;
  }
  return status;
}

// Entry i belongs to input i. An entry that comes before its input is placed later.
void AddRaw(Bytes raw, InferRequest* request) {
  if (request->raw_count < request->inputs.size()) {
    InputTensor& input = request->inputs[request->raw_count];
    input.raw = raw;
    input.has_raw = true;
  }
  ++request->raw_count;
}

// A second pass for the message whose inputs came after their data.
void PlaceAllRaw(Bytes message, InferRequest* request) {
  request->raw_count = 0;
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.tag() == TextTag(7)) {
      AddRaw(reader.payload(), request);
    }
  }
}

bool HasUnplacedRaw(const InferRequest& request) {
  const auto begin = request.inputs.begin();
  const auto end =
      begin + std::min<std::ptrdiff_t>(request.raw_count, request.inputs.end() - begin);
  return std::any_of(begin, end,
                     [](const InputTensor& input) { return !input.has_raw; });
}

// Reads the top level; rules that need the whole message come later.
Status ParseFields(Bytes message, RequestParameters* parameters,
                   InferRequest* request) {
  ProtoReader reader(message);
  while (reader.Next()) {
    switch (reader.tag()) {
      case TextTag(1):
        if (!TakeText(reader, &request->model_name)) {
          return NotUtf8("ModelInferRequest.model_name");
        }
        break;
      case TextTag(2):
        if (!TakeText(reader, &request->model_version)) {
          return NotUtf8("ModelInferRequest.model_version");
        }
        break;
      case TextTag(3):
        if (!TakeText(reader, &request->id)) {
          return NotUtf8("ModelInferRequest.id");
        }
        break;
      case TextTag(4):
        if (Status entry = parameters->Add(reader.payload()); !entry.ok()) {
          return entry;
        }
        break;
      case TextTag(5):
        if (Status input = AddInput(reader.payload(), request); !input.ok()) {
          return input;
        }
        break;
      case TextTag(6):
        if (Status output = AddOutput(reader.payload(), request); !output.ok()) {
          return output;
        }
        break;
      case TextTag(7):
        AddRaw(reader.payload(), request);
        break;
      default:
        break;
    }
  }
  return reader.ok() ? Status() : Malformed("ModelInferRequest", reader.error());
}

Status Twice(std::string_view what, std::string_view name) {
  std::string sentence(what);
  sentence.append(" ")
      .append(Quoted(name))
      .append(" occurs more than once in the request, expected once");
  return Status::InvalidArgument(std::move(sentence));
}

// `name_of` gives an item's name. Sorts a copy when there are many: the time of a
// hostile request stays n log n.
template <typename Items, typename NameOf>
Status RefuseDuplicates(std::string_view what, const Items& items, NameOf name_of) {
  if (items.size() <= kFewNames) {
    for (std::size_t i = 1; i < items.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (name_of(items[i]) == name_of(items[j])) {
          return Twice(what, name_of(items[i]));
        }
      }
    }
    return {};
  }
  std::vector<std::string_view> names(items.size());
  std::transform(items.begin(), items.end(), names.begin(), name_of);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  return twice == names.end() ? Status() : Twice(what, *twice);
}

Status CheckSources(const InferRequest& request, bool complete) {
  for (const InputTensor& input : request.inputs) {
    if (input.has_contents && request.raw_count > 0) {
      return Status::InvalidArgument(
          "input " + Quoted(input.name) +
          " has contents, but the request also has raw_input_contents; "
          "expected one of the two for all inputs");
    }
    if (complete && !input.has_contents && !input.has_raw) {
      return Status::InvalidArgument("input " + Quoted(input.name) +
                                     " has no data, expected contents or an entry of "
                                     "raw_input_contents");
    }
  }
  if (complete && request.raw_count > request.inputs.size()) {
    return Status::InvalidArgument(
        "the request has " + std::to_string(request.raw_count) +
        " entries of raw_input_contents, expected at most one for each of its " +
        std::to_string(request.inputs.size()) + " inputs");
  }
  return {};
}

Status Parse(Bytes message, bool complete, InferRequest* request) {
  request->model_name = request->model_version = request->id = {};
  request->inputs.clear();
  request->outputs.clear();
  request->classes.clear();
  request->raw_count = 0;
  request->timeout_us = 0;
  request->wants_empty_final = false;
  RequestParameters parameters;
  Status status = ParseFields(message, &parameters, request);
  if (!status.ok()) {
    return status;
  }
  if (HasUnplacedRaw(*request)) {
    PlaceAllRaw(message, request);
  }
  status = parameters.Check(&request->timeout_us);
  if (!status.ok()) {
    return status;
  }
  request->wants_empty_final = parameters.wants_empty_final();
  status = CheckSources(*request, complete);
  if (!status.ok()) {
    return status;
  }
  status = RefuseDuplicates("input", request->inputs,
                            [](const InputTensor& input) { return input.name; });
  if (!status.ok()) {
    return status;
  }
  return RefuseDuplicates("requested output", request->outputs,
                          [](std::string_view name) { return name; });
}

}  // namespace

Status ParseInferRequest(Bytes message, InferRequest* request) {
  return Parse(message, true, request);
}

Status ParseInferRequestHead(Bytes head, InferRequest* request) {
  return Parse(head, false, request);
}

std::string_view FindId(Bytes message) {
  std::string_view id;
  ProtoReader reader(message);
  while (reader.Next()) {
    if (reader.tag() == TextTag(3)) {
      id = reader.text();
    }
  }
  return IsUtf8(id) ? id : std::string_view();
}

}  // namespace leeboard::wire
