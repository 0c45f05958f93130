#include "batch/watch.h"

#include <chrono>
#include <cstring>

#include "base/xxhash64.h"
#include "stats/row_summary.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {
namespace {

constexpr std::uint32_t kLeftOut = ~0U;

std::uint64_t WallNs() {
  using std::chrono::duration_cast;
  using std::chrono::nanoseconds;
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(duration_cast<nanoseconds>(since).count());
}

template <typename T>
void Append(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

// The place of an input in a shape's layout; input_count when it has none.
std::uint32_t FindInput(const shm::LayoutRecord& layout, std::uint32_t index) {
  std::uint32_t place = 0;
  while (place < layout.input_count && layout.inputs[place].index != index) {
    ++place;
  }
  return place;
}

// Where an input's rows begin in a segment.
const std::uint8_t* InputRows(const WatchedBatch& batch, const OwnedSegment& segment,
                              std::uint32_t place) {
  return batch.inputs + segment.shared.offset +
         shm::InputOffset(batch.batch->shape->layout, place, segment.shared.capacity,
                          segment.shared.bytes_capacity);
}

// One row of an input as it lies there; elements of BYTES with their lengths. Empty
// where the request has no such input.
std::span<const std::uint8_t> InputRow(const WatchedBatch& batch,
                                       const OwnedSegment& segment, std::uint32_t index,
                                       std::uint32_t row) {
  const Shape& shape = *batch.batch->shape;
  const std::uint32_t place = FindInput(shape.layout, index);
  if (place == shape.layout.input_count) {
    return {};
  }
  const shm::InputRecord& record = shape.layout.inputs[place];
  const std::uint8_t* rows = InputRows(batch, segment, place);
  if (record.is_bytes == 0) {
    return {rows + record.row_bytes * row, record.row_bytes};
  }
  std::size_t bytes_input = 0;
  for (std::uint32_t i = 0; i < place; ++i) {
    bytes_input += shape.layout.inputs[i].is_bytes != 0 ? 1 : 0;
  }
  if (bytes_input >= segment.bytes_used.size()) {
    return {};
  }
  const wire::Bytes all(rows, segment.bytes_used[bytes_input]);
  const std::uint64_t begin = wire::RawBytesPrefix(all, shape.elements[place] * row);
  const wire::Bytes rest = all.subspan(begin);
  return rest.first(wire::RawBytesPrefix(rest, shape.elements[place]));
}

}  // namespace

void Watch::FindRuns(const Batch& batch, Thinner* thinner) {
  runs_.clear();
  for (const Member& member : batch.members) {
    if (member.request == nullptr) {
      continue;
    }
    rows_ += member.rows;
    if (!thinner->Keeps()) {
      continue;
    }
    kept_ += member.rows;
    const OwnedSegment* segment = &batch.segments[member.segment];
    if (!runs_.empty() && runs_.back().segment == segment &&
        runs_.back().batch_row + runs_.back().rows == member.row_begin) {
      runs_.back().rows += member.rows;
    } else {
      runs_.push_back({segment, member.row_begin - segment->row_begin, member.row_begin,
                       member.rows});
    }
  }
}

// Returns how many values were looked at.
std::uint64_t Watch::AddRows(const std::uint8_t* rows, std::uint64_t row_bytes,
                             std::uint32_t count, WatchedTensor* tensor) {
  const std::uint64_t values = row_bytes / stats::ValueSize(tensor->kind);
  if (tensor->is_summary) {
    for (std::uint32_t row = 0; row < count; ++row) {
      const stats::RowSummary summary =
          stats::SummariseRow(tensor->kind, rows + row_bytes * row, values);
      tensor->profile->Add(reinterpret_cast<const std::uint8_t*>(summary.data()), 1);
    }
    return values * count;
  }
  if (values != tensor->profile->options().features) {
    tensor->other_length += count;
    return 0;
  }
  tensor->profile->Add(rows, count);
  return values * count;
}

std::uint64_t Watch::AddInput(const WatchedBatch& batch, WatchedTensor* tensor) {
  const shm::LayoutRecord& layout = batch.batch->shape->layout;
  const std::uint32_t place = FindInput(layout, tensor->index);
  if (place == layout.input_count) {
    return 0;  // An optional one.
  }
  const std::uint64_t row_bytes = layout.inputs[place].row_bytes;
  std::uint64_t values = 0;
  for (const Run& run : runs_) {
    values +=
        AddRows(InputRows(batch, *run.segment, place) + row_bytes * run.segment_row,
                row_bytes, run.rows, tensor);
  }
  return values;
}

std::uint64_t Watch::AddOutput(const WatchedBatch& batch, WatchedTensor* tensor) {
  if (tensor->index >= batch.completion->output_count || batch.batch->rows == 0) {
    return 0;  // Of a decoupled model.
  }
  const shm::OutputRecord& record = batch.completion->outputs[tensor->index];
  const std::uint64_t row_bytes = record.size / batch.batch->rows;
  std::uint64_t values = 0;
  for (const Run& run : runs_) {
    values += AddRows(batch.outputs + record.offset + row_bytes * run.batch_row,
                      row_bytes, run.rows, tensor);
  }
  return values;
}

void Watch::Add(const WatchedBatch& batch, Thinner* thinner) {
  FindRuns(*batch.batch, thinner);
  std::uint64_t values = 0;
  for (WatchedTensor& tensor : tensors_) {
    values += tensor.is_output ? AddOutput(batch, &tensor) : AddInput(batch, &tensor);
  }
  thinner->Spend(values, batch.now);
  if (options_.below == 0) {
    return;
  }
  const std::uint64_t wall_ns = WallNs();
  for (const Member& member : batch.batch->members) {
    if (member.request != nullptr) {
      Note(batch, member, wall_ns);
    }
  }
}

void Watch::Note(const WatchedBatch& batch, const Member& member,
                 std::uint64_t wall_ns) {
  constexpr int kUnused = 11;  // Of the hash's 64 bits 53 fit into a double.
  const std::string& id = member.request->id;
  if (id.empty()) {
    without_id_ += member.rows;
  } else if (XxHash64(id) >> kUnused >= options_.below) {
    unsampled_ += member.rows;
  } else {
    for (std::uint32_t row = 0; row < member.rows; ++row) {
      NoteRow(batch, member, row, wall_ns);
    }
  }
}

void Watch::NoteRow(const WatchedBatch& batch, const Member& member, std::uint32_t row,
                    std::uint64_t wall_ns) {
  const std::string& id = member.request->id;
  const std::size_t began = journal_.size();
  Append(std::uint32_t{0}, &journal_);  // The size, once it is known.
  Append(wall_ns, &journal_);
  Append(row, &journal_);
  Append(static_cast<std::uint32_t>(id.size()), &journal_);
  journal_.append(id);
  const std::uint32_t batch_row = member.row_begin + row;
  for (const std::uint32_t index : options_.outputs) {
    const bool is_there = index < batch.completion->output_count;
    const shm::OutputRecord& record = batch.completion->outputs[is_there ? index : 0];
    const std::uint64_t row_bytes = record.size / batch.batch->rows;
    NoteTensor({batch.outputs + record.offset + row_bytes * batch_row, row_bytes},
               is_there);
  }
  const OwnedSegment& segment = batch.batch->segments[member.segment];
  for (const std::uint32_t index : options_.inputs) {
    const auto bytes = InputRow(batch, segment, index, batch_row - segment.row_begin);
    NoteTensor(bytes, !bytes.empty());
  }
  if (journal_.size() > options_.most_bytes) {
    journal_.resize(began);
    ++dropped_;
    return;
  }
  const auto size = static_cast<std::uint32_t>(journal_.size() - began - 4);
  std::memcpy(journal_.data() + began, &size, sizeof size);
}

void Watch::NoteTensor(std::span<const std::uint8_t> bytes, bool is_there) {
  if (!is_there || bytes.size() > options_.most_tensor_bytes) {
    Append(kLeftOut, &journal_);
    return;
  }
  Append(static_cast<std::uint32_t>(bytes.size()), &journal_);
  journal_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace leeboard::batch
