// Rows from batch to batch, and out of them.

#include <algorithm>
#include <cstring>
#include <utility>

#include "batch/version_queue.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {

void VersionQueue::FreeSegment(Shape* shape, const OwnedSegment& segment) {
  constexpr std::size_t kKept = 8;
  if (segment.size == 0) {
    return;  // Moved to another batch.
  }
  if (segment.slab && shape->free_slabs.size() < kKept) {
    shape->free_slabs.push_back(segment.shared.offset);
  } else {
    FreeInput(segment.shared.offset, segment.size);
  }
}

void VersionQueue::FreeBatch(Batch* batch) {
  if (batch->state == Batch::State::kQueued) {
    const auto place = std::find(queued_.begin(), queued_.end(), batch);
    if (place != queued_.end()) {
      queued_.erase(place);
    }
  }
  if (batch->touched) {
    std::replace(touched_.begin(), touched_.end(), batch, static_cast<Batch*>(nullptr));
  }
  if (batch->shape->open == batch) {
    batch->shape->open = nullptr;
  }
  for (const OwnedSegment& segment : batch->segments) {
    FreeSegment(batch->shape, segment);
  }
  if (batch->outputs != nullptr) {
    batch->outputs->DropReference();
  }
  free_headers_.push_back(batch->header_offset);
  --batch->shape->batches;
  counters_.open_batches.Subtract();
  delete batch;
}

void VersionQueue::CopyRows(const Shape& shape, const OwnedSegment& from,
                            std::uint32_t row, std::uint32_t rows, OwnedSegment* to,
                            std::uint32_t to_row) {
  const shm::LayoutRecord& layout = shape.layout;
  std::size_t bytes_input = 0;
  for (std::uint32_t i = 0; i < layout.input_count; ++i) {
    const std::uint8_t* source =
        region_.data() + from.shared.offset +
        shm::InputOffset(layout, i, from.shared.capacity, from.shared.bytes_capacity);
    std::uint8_t* target =
        region_.data() + to->shared.offset +
        shm::InputOffset(layout, i, to->shared.capacity, to->shared.bytes_capacity);
    const std::uint64_t row_bytes = layout.inputs[i].row_bytes;
    std::uint64_t begin = row_bytes * row;
    std::uint64_t size = row_bytes * rows;
    std::uint64_t at = row_bytes * to_row;
    if (layout.inputs[i].is_bytes != 0) {
      const wire::Bytes all(source, from.bytes_used[bytes_input]);
      begin = wire::RawBytesPrefix(all, shape.elements[i] * row);
      size = wire::RawBytesPrefix(all.subspan(begin), shape.elements[i] * rows);
      at = to->bytes_used[bytes_input];
      to->bytes_used[bytes_input++] += size;
    }
    std::memcpy(target + at, source + begin, size);
  }
}

// Moves a live member. False: no memory; nothing was changed.
bool VersionQueue::MoveMember(Batch* from, const Member& member, Batch* to) {
  OwnedSegment& segment = from->segments[member.segment];
  if (!segment.slab) {
    OwnedSegment moved = segment;
    segment.size = 0;
    moved.row_begin = to->rows;
    to->segments.push_back(std::move(moved));
  } else {
    if ((to->segments.empty() || !to->segments.back().slab) && !AddSlab(to)) {
      return false;
    }
    // A slab's rows always fit into one other slab: same shape, same capacity.
    OwnedSegment& target = to->segments.back();
    if (to->rows - target.row_begin + member.rows > target.shared.capacity) {
      return AddSlab(to) && MoveMember(from, member, to);
    }
    CopyRows(*from->shape, segment, member.row_begin - segment.row_begin, member.rows,
             &target, to->rows - target.row_begin);
  }
  Join(to, member.request, member.rows);
  return true;
}

// Moves the live members at or behind first_row to a new batch, which is queued nowhere
// yet. Null when there is no memory (nothing has changed) or nobody to move.
Batch* VersionQueue::Rebuild(Batch* batch, std::uint32_t first_row) {
  Batch* fresh = nullptr;
  std::vector<Member> kept;
  for (const Member& member : batch->members) {
    if (member.row_begin < first_row) {
      kept.push_back(member);
      continue;
    }
    if (member.request == nullptr) {
      counters_.dead_rows_pruned.Add(member.rows);
      continue;
    }
    if (fresh == nullptr) {
      fresh = NewBatch(batch->shape);
    }
    if (fresh == nullptr || !MoveMember(batch, member, fresh)) {
      // Without memory for a second copy the client hears it; it may try again.
      counters_.queued.Subtract();
      counters_.failed[static_cast<std::size_t>(Reason::kRejected)].Add();
      sink_->OnFailure(member.request, Status::ResourceExhausted(
                                           options_.label + ": the input memory is full"));
      FreeRequest(member.request);
      continue;
    }
    batch->live_rows -= member.rows;
  }
  batch->members = std::move(kept);
  batch->rows = std::min(batch->rows, first_row);
  if (fresh != nullptr && fresh->rows == 0) {
    FreeBatch(fresh);
    fresh = nullptr;
  }
  if (fresh != nullptr) {
    fresh->deaths = batch->deaths;
  }
  return fresh;
}

}  // namespace leeboard::batch
