// Rows into batches.

#include <algorithm>
#include <cstring>
#include <utility>

#include "batch/version_queue.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {
namespace {

// From here on a request gets a segment of its own instead of a place in a shared one.
constexpr std::uint64_t kOwnSegment = 16 << 10;

void WriteInput(const InputData& data, wire::DType dtype, std::uint8_t* out) {
  if (data.typed) {
    wire::ConvertContents(*data.tensor, dtype, out);
  } else if (data.size > 0) {
    std::memcpy(out, data.tensor->raw.data(), data.size);
  }
}

bool FitsSlab(const Batch& batch, const RequestRows& rows) {
  if (batch.segments.empty() || !batch.segments.back().slab) {
    return false;
  }
  const OwnedSegment& segment = batch.segments.back();
  if (batch.rows - segment.row_begin + rows.rows > segment.shared.capacity) {
    return false;
  }
  std::size_t bytes_input = 0;
  for (std::size_t i = 0; i < rows.inputs.size(); ++i) {
    if (rows.inputs[i].is_bytes() &&
        segment.bytes_used[bytes_input++] + rows.data[i].size >
            segment.shared.bytes_capacity) {
      return false;
    }
  }
  return true;
}

}  // namespace

Status VersionQueue::CheckRoom() {
  if (counters_.queued.get() < options_.max_queue_size) {
    return {};
  }
  // Batches that were claimed without a word to us no longer wait.
  for (WorkerLink* link : workers_) {
    for (Batch* batch : std::vector<Batch*>(link->batches)) {
      if (batch->state == Batch::State::kOffered &&
          link->port().IsClaimed(batch->seq)) {
        Claimed(batch);
      }
    }
  }
  if (counters_.queued.get() < options_.max_queue_size) {
    return {};
  }
  return Status::ResourceExhausted(options_.label + ": the queue is full (" +
                                   std::to_string(options_.max_queue_size) +
                                   " requests wait); exceeds maximum queue size");
}

std::uint64_t VersionQueue::HeaderSize() const {
  return sizeof(shm::BatchHeader) + segment_capacity_ * sizeof(shm::Segment);
}

Batch* VersionQueue::NewBatch(Shape* shape) {
  std::uint64_t header = shm::Arena::kNone;
  if (!free_headers_.empty()) {
    header = free_headers_.back();
    free_headers_.pop_back();
  } else {
    header = AllocateInput(HeaderSize());
  }
  if (header == shm::Arena::kNone) {
    return nullptr;
  }
  auto* batch = new Batch();
  batch->shape = shape;
  batch->header_offset = header;
  ++shape->batches;
  counters_.open_batches.Add();
  return batch;
}

Batch* VersionQueue::OpenBatch(Shape* shape, std::uint32_t rows) {
  Batch* open = shape->open;
  if (open != nullptr && open->rows + rows <= shape->close_rows) {
    return open;
  }
  if (open != nullptr) {
    open->sealed = true;
    shape->open = nullptr;
  }
  Batch* batch = NewBatch(shape);
  if (batch != nullptr) {
    batch->sealed = options_.decoupled;
    shape->open = batch->sealed ? nullptr : batch;
    queued_.push_back(batch);
  }
  return batch;
}

bool VersionQueue::AddSlab(Batch* batch) {
  Shape* shape = batch->shape;
  OwnedSegment segment;
  segment.slab = true;
  segment.size = shape->SlabSize();
  segment.row_begin = batch->rows;
  segment.shared.capacity = shape->slab_rows;
  segment.shared.row_end = batch->rows;
  if (shape->has_bytes) {
    segment.shared.bytes_capacity = Shape::kSlabBytesRoom;
    for (std::uint32_t i = 0; i < shape->layout.input_count; ++i) {
      if (shape->layout.inputs[i].is_bytes != 0) {
        segment.bytes_used.push_back(0);
      }
    }
  }
  if (!shape->free_slabs.empty()) {
    segment.shared.offset = shape->free_slabs.back();
    shape->free_slabs.pop_back();
  } else {
    segment.shared.offset = AllocateInput(segment.size);
  }
  if (segment.shared.offset == shm::Arena::kNone) {
    return false;
  }
  batch->segments.push_back(std::move(segment));
  return true;
}

void VersionQueue::Touch(Batch* batch) {
  needs_pump_ = true;
  if (!batch->touched) {
    batch->touched = true;
    touched_.push_back(batch);
  }
}

void VersionQueue::Join(Batch* batch, Request* request, std::uint32_t rows) {
  const auto segment = static_cast<std::uint32_t>(batch->segments.size() - 1);
  batch->members.push_back({request, batch->rows, rows, segment});
  if (batch->members.size() == 1 || request->arrived_at < batch->oldest_arrival) {
    batch->oldest_arrival = request->arrived_at;
  }
  batch->rows += rows;
  batch->live_rows += rows;
  batch->segments.back().shared.row_end = batch->rows;
  request->batch = batch;
  request->rows = rows;
  request->member = static_cast<std::uint32_t>(batch->members.size() - 1);
  if (batch->state == Batch::State::kOffered) {
    // The worker may be reading this entry: it takes the smaller of row_end and the
    // rows of the word it claimed.
    auto* header =
        reinterpret_cast<shm::BatchHeader*>(region_.data() + batch->header_offset);
    shm::WriteSegment(batch->segments.back().shared, segment, header);
    Touch(batch);
  }
  needs_pump_ = true;
}

Status VersionQueue::FillSmall(Request* request, Shape* shape,
                               const RequestRows& rows) {
  Batch* batch = OpenBatch(shape, rows.rows);
  if (batch != nullptr && !FitsSlab(*batch, rows)) {
    if (batch->segments.size() == segment_capacity_) {
      batch->sealed = true;
      shape->open = nullptr;
      batch = OpenBatch(shape, rows.rows);
    }
    if (batch != nullptr && !AddSlab(batch)) {
      if (batch->rows == 0) {
        FreeBatch(batch);
      }
      batch = nullptr;
    }
  }
  if (batch == nullptr) {
    return Status::ResourceExhausted(options_.label + ": the input memory is full (" +
                                     std::to_string(arena_.size()) + " bytes)");
  }
  OwnedSegment& segment = batch->segments.back();
  const std::uint32_t row = batch->rows - segment.row_begin;
  std::uint64_t offset = segment.shared.offset;
  std::size_t bytes_input = 0;
  for (std::size_t i = 0; i < rows.inputs.size(); ++i) {
    const RowInput& input = rows.inputs[i];
    const bool is_bytes = input.is_bytes();
    std::uint64_t at = input.row_bytes * row;
    if (is_bytes) {
      at = segment.bytes_used[bytes_input];
      segment.bytes_used[bytes_input++] += rows.data[i].size;
    }
    WriteInput(rows.data[i], input.dtype, region_.data() + offset + at);
    const std::uint64_t size = is_bytes ? segment.shared.bytes_capacity
                                        : input.row_bytes * segment.shared.capacity;
    offset += (size + 63) / 64 * 64;
  }
  Join(batch, request, rows.rows);
  return {};
}

Status VersionQueue::Enqueue(Request* request, const RequestRows& rows) {
  std::uint64_t total = 0;
  for (const InputData& data : rows.data) {
    total += data.size;
  }
  if (total >= kOwnSegment) {
    std::array<std::uint64_t, shm::kMaxTensors> sizes{};
    for (std::size_t i = 0; i < rows.data.size(); ++i) {
      sizes[i] = rows.data[i].size;
    }
    Landing landing;
    Status status = Reserve(rows, {sizes.data(), rows.data.size()}, &landing);
    if (!status.ok()) {
      return status;
    }
    for (std::uint32_t i = 0; i < rows.data.size(); ++i) {
      WriteInput(rows.data[i], rows.inputs[i].dtype, LandingInput(landing, i));
    }
    return EnqueueLanded(request, landing);
  }
  Status status = CheckRoom();
  Shape* shape = nullptr;
  if (status.ok()) {
    status = FindShape(rows.inputs, &shape);
  }
  if (status.ok()) {
    status = FillSmall(request, shape, rows);
  }
  if (status.ok()) {
    status = RefuseGuilty(request);
  }
  if (status.ok()) {
    counters_.queued.Add();
  }
  return status;
}

Status VersionQueue::Reserve(const RequestRows& rows,
                             std::span<const std::uint64_t> raw_sizes,
                             Landing* landing) {
  Status status = FindShape(rows.inputs, &landing->shape);
  if (!status.ok()) {
    return status;
  }
  for (std::size_t i = 0; i < rows.inputs.size(); ++i) {
    if (rows.inputs[i].is_bytes()) {
      landing->bytes_capacity = std::max(landing->bytes_capacity, raw_sizes[i]);
    }
  }
  landing->rows = rows.rows;
  landing->size = landing->shape->SegmentSize(rows.rows, landing->bytes_capacity);
  landing->offset = AllocateInput(landing->size);
  if (landing->offset == shm::Arena::kNone) {
    return Status::ResourceExhausted(
        options_.label + ": no room for a request of " + std::to_string(landing->size) +
        " bytes; " + std::to_string(arena_.used()) + " of " +
        std::to_string(arena_.size()) + " bytes of input memory are in use");
  }
  ++landing->shape->batches;  // Keeps the shape alive while the tensors arrive.
  ++landings_;
  return {};
}

std::uint8_t* VersionQueue::LandingInput(const Landing& landing, std::uint32_t input) {
  return region_.data() + landing.offset +
         shm::InputOffset(landing.shape->layout, input, landing.rows,
                          landing.bytes_capacity);
}

void VersionQueue::Abandon(const Landing& landing) {
  --landing.shape->batches;
  --landings_;
  FreeInput(landing.offset, landing.size);
}

Status VersionQueue::EnqueueLanded(Request* request, const Landing& landing) {
  Status status = CheckRoom();
  Batch* batch = nullptr;
  if (status.ok()) {
    Batch* open = landing.shape->open;
    if (open != nullptr && open->segments.size() == segment_capacity_) {
      open->sealed = true;
      landing.shape->open = nullptr;
    }
    batch = OpenBatch(landing.shape, landing.rows);
    if (batch == nullptr) {
      status = Status::ResourceExhausted(options_.label + ": the input memory is full");
    }
  }
  if (batch == nullptr) {
    Abandon(landing);
    return status;
  }
  --landing.shape->batches;
  --landings_;
  OwnedSegment segment;
  segment.size = landing.size;
  segment.row_begin = batch->rows;
  segment.shared = {landing.offset, landing.rows, batch->rows, landing.bytes_capacity};
  batch->segments.push_back(std::move(segment));
  Join(batch, request, landing.rows);
  status = RefuseGuilty(request);
  if (status.ok()) {
    counters_.queued.Add();
  }
  return status;
}

}  // namespace leeboard::batch
