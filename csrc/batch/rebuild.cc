// Rows from batch to batch, and out of them.

#include <algorithm>
#include <cstring>
#include <utility>

#include "batch/version_queue.h"
#include "wire/typed_contents.h"

namespace leeboard::batch {

// Rows that lie together in a slab.
struct SlabRows {
  std::uint8_t* region;
  const Shape* shape;
  const OwnedSegment* segment;
  std::uint32_t row;  // Within the segment.
  std::uint32_t rows;
};

namespace {

// Bytes of a BYTES input's rows, and where they begin within the input's `used` bytes.
std::uint64_t BytesSize(const SlabRows& rows, std::uint32_t input, std::uint64_t used,
                        std::uint64_t* begin) {
  const shm::Segment& shared = rows.segment->shared;
  const std::uint64_t elements = rows.shape->elements[input];
  const wire::Bytes all(rows.region + shared.offset +
                            shm::InputOffset(rows.shape->layout, input, shared.capacity,
                                             shared.bytes_capacity),
                        used);
  *begin = wire::RawBytesPrefix(all, elements * rows.row);
  return wire::RawBytesPrefix(all.subspan(*begin), elements * rows.rows);
}

// Whether the last segment of a batch is a slab with room for them.
bool FitsLast(const SlabRows& rows, const Batch& batch) {
  if (batch.segments.empty() || !batch.segments.back().slab) {
    return false;
  }
  const OwnedSegment& to = batch.segments.back();
  if (batch.rows - to.row_begin + rows.rows > to.shared.capacity) {
    return false;
  }
  const shm::LayoutRecord& layout = rows.shape->layout;
  std::size_t bytes_input = 0;
  for (std::uint32_t i = 0; i < layout.input_count; ++i) {
    if (layout.inputs[i].is_bytes == 0) {
      continue;
    }
    std::uint64_t begin = 0;
    const std::uint64_t size =
        BytesSize(rows, i, rows.segment->bytes_used[bytes_input], &begin);
    if (to.bytes_used[bytes_input++] + size > to.shared.bytes_capacity) {
      return false;
    }
  }
  return true;
}

void CopyRows(const SlabRows& rows, OwnedSegment* to, std::uint32_t to_row) {
  const shm::LayoutRecord& layout = rows.shape->layout;
  const shm::Segment& from = rows.segment->shared;
  std::size_t bytes_input = 0;
  for (std::uint32_t i = 0; i < layout.input_count; ++i) {
    const std::uint8_t* source =
        rows.region + from.offset +
        shm::InputOffset(layout, i, from.capacity, from.bytes_capacity);
    std::uint8_t* target =
        rows.region + to->shared.offset +
        shm::InputOffset(layout, i, to->shared.capacity, to->shared.bytes_capacity);
    const std::uint64_t row_bytes = layout.inputs[i].row_bytes;
    std::uint64_t begin = row_bytes * rows.row;
    std::uint64_t size = row_bytes * rows.rows;
    std::uint64_t at = row_bytes * to_row;
    if (layout.inputs[i].is_bytes != 0) {
      size = BytesSize(rows, i, rows.segment->bytes_used[bytes_input], &begin);
      at = to->bytes_used[bytes_input];
      to->bytes_used[bytes_input++] += size;
    }
    std::memcpy(target + at, source + begin, size);
  }
}

}  // namespace

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
  if (batch->is_delayed) {
    std::erase(delayed_, batch);
  }
  if (batch->is_suspect) {
    std::erase(suspects_, batch);
    needs_pump_ = true;  // A worker may have been kept free for it.
  }
  if (batch == quarantined_) {
    Unreserve();
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

// Adds a segment that is just large enough.
bool VersionQueue::AddExact(const SlabRows& rows, Batch* batch) {
  const shm::LayoutRecord& layout = rows.shape->layout;
  OwnedSegment segment;
  for (std::uint32_t i = 0; i < layout.input_count; ++i) {
    if (layout.inputs[i].is_bytes != 0) {
      std::uint64_t begin = 0;
      const std::uint64_t used = rows.segment->bytes_used[segment.bytes_used.size()];
      const std::uint64_t size = BytesSize(rows, i, used, &begin);
      segment.shared.bytes_capacity = std::max(segment.shared.bytes_capacity, size);
      segment.bytes_used.push_back(0);
    }
  }
  segment.size = rows.shape->SegmentSize(rows.rows, segment.shared.bytes_capacity);
  segment.row_begin = batch->rows;
  segment.shared.capacity = rows.rows;
  segment.shared.row_end = batch->rows;
  segment.shared.offset = AllocateInput(segment.size);
  if (segment.shared.offset == shm::Arena::kNone) {
    return false;
  }
  batch->segments.push_back(std::move(segment));
  return true;
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
    const SlabRows rows{region_.data(), from->shape, &segment,
                        member.row_begin - segment.row_begin, member.rows};
    // What fitted into a slab beside others fits into an empty one.
    if (!(to->sealed ? AddExact(rows, to) : FitsLast(rows, *to) || AddSlab(to))) {
      return false;
    }
    OwnedSegment& target = to->segments.back();
    CopyRows(rows, &target, to->rows - target.row_begin);
  }
  Join(to, member.request, member.rows);
  return true;
}

// Moves the live members at or behind first_row to a new batch, which is queued nowhere
// yet; one that is `alone` is sealed and takes no more memory than it needs. Null when
// nobody was moved. Those for whom there is no memory are failed.
Batch* VersionQueue::Rebuild(Batch* batch, std::uint32_t first_row, bool alone) {
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
    batch->live_rows -= member.rows;
    if (fresh == nullptr) {
      fresh = NewBatch(batch->shape);
      if (fresh != nullptr) {
        fresh->sealed = alone;
      }
    }
    if (fresh == nullptr || !MoveMember(batch, member, fresh)) {
      // Without memory for a second copy the client hears it; it may try again.
      counters_.queued.Subtract();
      counters_.Fail(Reason::kRejected);
      sink_->OnFailure(
          member.request,
          Status::ResourceExhausted(options_.label + ": the input memory is full"));
      FreeRequest(member.request);
    }
  }
  batch->members = std::move(kept);
  batch->rows = std::min(batch->rows, first_row);
  if (fresh != nullptr && fresh->rows == 0) {
    FreeBatch(fresh);
    fresh = nullptr;
  }
  if (fresh != nullptr) {
    fresh->deaths = batch->deaths;
    fresh->death = batch->death;
    fresh->signal = batch->signal;
    fresh->had_no_memory = batch->had_no_memory;
    fresh->was_claimed = batch->was_claimed;
  }
  return fresh;
}

void VersionQueue::Delay(Request* request) {
  if (request->batch->state == Batch::State::kOffered) {
    Batch* offered = request->batch;
    if (TakeBack(offered) != shm::Handover::kDone) {
      return;  // Claimed: but rows that came too late for that are younger than all.
    }
    queued_.push_front(offered);
  }
  Batch* from = request->batch;
  Member& member = from->members[request->member];
  Batch* to = delayed_.empty() ? nullptr : delayed_.back();
  if (to == nullptr || to->shape != from->shape ||
      to->rows + member.rows > to->shape->close_rows ||
      to->segments.size() == segment_capacity_) {
    to = NewBatch(from->shape);
    if (to == nullptr) {
      return;
    }
    to->is_delayed = true;
    delayed_.push_back(to);
  }
  if (!MoveMember(from, member, to)) {
    if (to->rows == 0) {
      FreeBatch(to);
    }
    return;
  }
  from->live_rows -= member.rows;
  member.request = nullptr;
  member.rows = 0;  // Its rows are gone from here, and did not die.
  if (from->live_rows == 0) {
    FreeBatch(from);
  }
  needs_pump_ = true;
}

}  // namespace leeboard::batch
