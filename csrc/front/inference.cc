#include "front/inference.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "front/access.h"

namespace leeboard::front {
namespace {

constexpr std::size_t kLargeTensor = 16 << 10;  // From here on a tensor may land.
constexpr std::size_t kHeadStep = 2 << 10;
constexpr std::uint8_t kRawTag = 7 << 3 | 2;  // raw_input_contents.

void AppendRawTag(std::uint64_t size, std::string* out) {
  out->push_back(static_cast<char>(kRawTag));
  for (; size >= 0x80; size >>= 7) {
    out->push_back(static_cast<char>(size | 0x80));
  }
  out->push_back(static_cast<char>(size));
}

wire::Bytes AsBytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// The length behind a raw_input_contents tag. False: more bytes are needed, or
// `*other`: it is some other field.
bool ReadRawTag(std::string_view between, std::uint64_t* size, bool* other) {
  constexpr std::size_t kLongest = 1 + 5;  // A message is smaller than 2^32.
  *other =
      static_cast<std::uint8_t>(between[0]) != kRawTag || between.size() > kLongest;
  if (*other || between.size() < 2 || (between.back() & 0x80) != 0) {
    return false;
  }
  *size = 0;
  for (std::size_t i = between.size() - 1; i > 0; --i) {
    *size = *size << 7 | (static_cast<std::uint8_t>(between[i]) & 0x7F);
  }
  return true;
}

// The version that answers, or null and why.
const route::Version* FindVersion(const Place& place, const wire::InferRequest& request,
                                  Status* why) {
  if (place.draining) {
    *why = Status::Unavailable("the server is stopping and takes no new requests");
    return nullptr;
  }
  if (place.identity != nullptr && !place.identity->MayUse(request.model_name)) {
    *why = ModelRefused(*place.identity, request.model_name);
    return nullptr;
  }
  const route::Version* version = nullptr;
  *why = place.table->Find(request.model_name, request.model_version, &version);
  return why->ok() ? version : nullptr;
}

Status CheckCall(const Place& place, const batch::QueueOptions& options) {
  if (options.decoupled && !place.in_stream) {
    return Status::Unimplemented(options.label +
                                 " may answer a request many times: ModelInfer RPC "
                                 "doesn't support models with decoupled transaction "
                                 "policy; use ModelStreamInfer");
  }
  return {};
}

Status WrongSize(std::string_view name, std::uint64_t came, std::uint64_t expected) {
  return Status::InvalidArgument("input '" + std::string(name) + "' has " +
                                 std::to_string(came) + " bytes of data, expected " +
                                 std::to_string(expected));
}

}  // namespace

void Inference::Start(std::uint32_t size, Nanos now) {
  Drop();
  mode_ = Mode::kGather;
  may_land_ = size > kLargeTensor;
  size_ = size;
  received_ = 0;
  scanned_ = 0;
  started_ = now;
  body_.clear();
}

void Inference::Drop() {
  if (landing_.offset != shm::Arena::kNone) {
    queue_->Abandon(landing_);
  }
  landing_ = {};
  queue_ = nullptr;  // It may go before this is used again.
  constexpr std::size_t kKept = 64 << 10;
  if (body_.capacity() > kKept) {
    std::string().swap(body_);
  }
}

std::string_view Inference::FindId() const {
  return wire::FindId(AsBytes(body_));
}

Status Inference::Feed(wire::Bytes bytes, const Place& place, Scratch* scratch,
                       Step* step) {
  received_ += static_cast<std::uint32_t>(bytes.size());
  Status status;
  while (status.ok() && !bytes.empty()) {
    if (mode_ == Mode::kLand) {
      FeedLanding(&bytes);
    } else if (mode_ == Mode::kAfterTensor) {
      status = FeedBetween(&bytes, scratch);
    } else {
      // While it may land, only as much is gathered as it takes to find out where.
      const std::size_t taken =
          may_land_ ? std::min(bytes.size(), kHeadStep) : bytes.size();
      body_.append(reinterpret_cast<const char*>(bytes.data()), taken);
      bytes = bytes.subspan(taken);
      if (may_land_) {
        status = TryLand(place, scratch);
      }
    }
  }
  const bool whole = received_ == size_;
  if (whole && mode_ != Mode::kGather &&
      (mode_ == Mode::kLand || body_.size() > head_size_ ||
       current_ + 1 != sizes_.size())) {
    Reassemble();  // Not all tensors came: the whole message tells what is wrong.
  }
  *step = whole ? Step::kComplete : Step::kMore;
  return status;
}

Status Inference::TryLand(const Place& place, Scratch* scratch) {
  const wire::LargeRaw raw = wire::FindLargeRaw(AsBytes(body_), scanned_, kLargeTensor);
  scanned_ = raw.resume_at;
  if (raw.state != wire::LargeRaw::State::kFound) {
    may_land_ = raw.state == wire::LargeRaw::State::kNeedMore;
    return {};
  }
  may_land_ = false;
  const wire::Bytes head = AsBytes(body_).first(raw.field_begin);
  const wire::InferRequest& request = scratch->request;
  Status status = wire::ParseInferRequestHead(head, &scratch->request);
  if (!status.ok()) {
    return status;
  }
  if (request.model_name.empty() || request.inputs.size() <= request.raw_count) {
    return {};  // Data before what it belongs to: allowed, if no serialiser does it.
  }
  const route::Version* version = FindVersion(place, request, &status);
  if (version == nullptr) {
    return status;
  }
  const route::Signature& signature = version->signature;
  const bool is_short = request.inputs.size() < signature.inputs.size();
  if ((is_short && !signature.has_optional_input) || signature.has_bytes_input) {
    // Others may follow. BYTES are gathered: their size is known only at their end.
    return {};
  }
  queue_ = static_cast<batch::VersionQueue*>(version->context);
  status = CheckCall(place, queue_->options());
  if (status.ok()) {
    status = scratch->checker.CheckHead(request, signature);
  }
  if (is_short && !status.ok()) {
    return {};  // The input that is missing may follow.
  }
  return status.ok() ? Land(raw, scratch) : status;
}

// A head that promises more than its message can hold, or has data in two places, is
// left to the check of the whole message; memory is never taken for more than was
// announced.
bool Inference::MayLand(const Scratch& scratch) const {
  std::uint64_t total = 0;
  for (const std::uint64_t size : scratch.checker.raw_sizes()) {
    total += size;
  }
  const auto& inputs = scratch.request.inputs;
  return total <= size_ &&
         std::none_of(inputs.begin(), inputs.end(), [](const wire::InputTensor& input) {
           return input.has_contents;
         });
}

Status Inference::Land(const wire::LargeRaw& raw, Scratch* scratch) {
  const wire::InferRequest& request = scratch->request;
  first_landed_ = request.raw_count;
  const route::Checker& checker = scratch->checker;
  inputs_.assign(request.inputs.size(), 0);
  sizes_.assign(request.inputs.size(), 0);
  for (std::uint32_t i = 0; i < checker.places().size(); ++i) {
    inputs_[checker.places()[i]] = i;
    sizes_[checker.places()[i]] = checker.raw_sizes()[i];
  }
  for (std::uint32_t i = 0; i <= first_landed_; ++i) {
    const std::uint64_t came =
        i < first_landed_ ? request.inputs[i].raw.size() : raw.payload_size;
    if (came != sizes_[i]) {
      return WrongSize(request.inputs[i].name, came, sizes_[i]);
    }
  }
  if (!MayLand(*scratch)) {
    return {};
  }
  Status status = queue_->Reserve(checker.rows(), checker.raw_sizes(), &landing_);
  if (!status.ok()) {
    return status;
  }
  for (std::uint32_t i = 0; i < first_landed_; ++i) {
    const wire::Bytes data = request.inputs[i].raw;
    std::copy(data.begin(), data.end(), queue_->LandingInput(landing_, inputs_[i]));
  }
  mode_ = Mode::kLand;
  current_ = first_landed_;
  landed_ = 0;
  const std::string early = body_.substr(raw.payload_begin);
  body_.resize(raw.field_begin);
  head_size_ = body_.size();
  wire::Bytes rest = AsBytes(early);
  while (status.ok() && !rest.empty() && mode_ != Mode::kGather) {
    if (mode_ == Mode::kLand) {
      FeedLanding(&rest);
    } else {
      status = FeedBetween(&rest, scratch);
    }
  }
  body_.append(reinterpret_cast<const char*>(rest.data()), rest.size());
  return status;
}

void Inference::FeedLanding(wire::Bytes* bytes) {
  const std::uint64_t wanted = sizes_[current_] - landed_;
  const auto taken =
      static_cast<std::size_t>(std::min<std::uint64_t>(wanted, bytes->size()));
  std::memcpy(queue_->LandingInput(landing_, inputs_[current_]) + landed_,
              bytes->data(), taken);
  landed_ += taken;
  *bytes = bytes->subspan(taken);
  if (landed_ == sizes_[current_]) {
    mode_ = Mode::kAfterTensor;
  }
}

Status Inference::FeedBetween(wire::Bytes* bytes, Scratch* scratch) {
  while (!bytes->empty()) {
    body_.push_back(static_cast<char>(bytes->front()));
    *bytes = bytes->subspan(1);
    std::uint64_t size = 0;
    bool other = false;
    const bool complete =
        ReadRawTag(std::string_view(body_).substr(head_size_), &size, &other);
    if (other || (complete && current_ + 1 == sizes_.size())) {
      Reassemble();
      return {};
    }
    if (!complete) {
      continue;
    }
    body_.resize(head_size_);
    ++current_;
    landed_ = 0;
    if (size != sizes_[current_]) {
      const wire::Bytes head = AsBytes(body_);
      const bool known = wire::ParseInferRequestHead(head, &scratch->request).ok();
      return WrongSize(known ? scratch->request.inputs[current_].name : "", size,
                       sizes_[current_]);
    }
    mode_ = size == 0 ? Mode::kAfterTensor : Mode::kLand;
    if (size != 0) {
      return {};
    }
  }
  return {};
}

// Puts the message together again from what has landed, and goes on gathering.
void Inference::Reassemble() {
  std::string whole = body_.substr(0, head_size_);
  for (std::uint32_t i = first_landed_; i <= current_; ++i) {
    const std::uint64_t size = i == current_ ? landed_ : sizes_[i];
    AppendRawTag(sizes_[i], &whole);
    whole.append(
        reinterpret_cast<const char*>(queue_->LandingInput(landing_, inputs_[i])),
        size);
  }
  whole.append(body_, head_size_);
  body_ = std::move(whole);
  queue_->Abandon(landing_);
  landing_ = {};
  mode_ = Mode::kGather;
}

batch::Request* Inference::MakeRequest(const wire::InferRequest& parsed,
                                       const Scratch& scratch, Nanos deadline) {
  batch::Request* request = queue_->NewRequest();
  request->id.assign(parsed.id);
  request->outputs.assign(scratch.checker.outputs().begin(),
                          scratch.checker.outputs().end());
  if (!parsed.classes.empty()) {
    request->classes.assign(parsed.classes.begin(), parsed.classes.end());
    request->classes.resize(parsed.outputs.size(), 0);
  }
  request->arrived_at = started_;
  request->heap_time = deadline;
  constexpr std::uint64_t kLongest = 1'000'000'000'000;  // Microseconds: eleven days.
  if (parsed.timeout_us > 0 && !queue_->options().policy.is_set) {
    const auto timeout =
        static_cast<Nanos>(std::min(parsed.timeout_us, kLongest) * 1000);
    request->heap_time = std::min(deadline, started_ + timeout);
  }
  return request;
}

Status Inference::SubmitLanded(Nanos deadline, Scratch* scratch, batch::Request** out) {
  // The head was accepted before; only its id, outputs and timeout are needed again.
  Status status = wire::ParseInferRequestHead(AsBytes(body_), &scratch->request);
  if (!status.ok()) {
    return status;
  }
  std::vector<std::uint16_t> outputs;
  for (const std::string_view name : scratch->request.outputs) {
    const auto& specs = queue_->options().outputs;
    const auto found = std::find_if(
        specs.begin(), specs.end(),
        [name](const wire::TensorSpec& spec) { return spec.name == name; });
    outputs.push_back(static_cast<std::uint16_t>(found - specs.begin()));
  }
  batch::Request* request = MakeRequest(scratch->request, *scratch, deadline);
  request->outputs = std::move(outputs);
  const batch::Landing landing = std::exchange(landing_, {});
  status = queue_->EnqueueLanded(request, landing);
  if (!status.ok()) {
    queue_->FreeRequest(request);
    return status;
  }
  *out = request;
  return {};
}

Status Inference::Submit(const Place& place, Nanos deadline, Scratch* scratch,
                         batch::Request** out) {
  if (mode_ != Mode::kGather) {
    return SubmitLanded(deadline, scratch, out);
  }
  queue_ = nullptr;  // It was another table's, if its tensors should have landed.
  Status status = wire::ParseInferRequest(AsBytes(body_), &scratch->request);
  if (!status.ok()) {
    return status;
  }
  const route::Version* version = FindVersion(place, scratch->request, &status);
  if (version == nullptr) {
    return status;
  }
  queue_ = static_cast<batch::VersionQueue*>(version->context);
  status = CheckCall(place, queue_->options());
  if (status.ok()) {
    status = scratch->checker.CheckHead(scratch->request, version->signature);
  }
  if (status.ok()) {
    status = scratch->checker.CheckData(scratch->request, version->signature);
  }
  if (!status.ok()) {
    return status;
  }
  batch::Request* request = MakeRequest(scratch->request, *scratch, deadline);
  status = queue_->Enqueue(request, scratch->checker.rows());
  if (!status.ok()) {
    queue_->FreeRequest(request);
    return status;
  }
  *out = request;
  return {};
}

}  // namespace leeboard::front
