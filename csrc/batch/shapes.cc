// Which shapes a version has seen, and the input region's memory behind them.

#include <algorithm>
#include <cstring>
#include <utility>

#include "batch/version_queue.h"

namespace leeboard::batch {
namespace {

constexpr std::uint64_t kSlabLimit = 1 << 20;  // Bytes of a shared segment.

}  // namespace

std::uint64_t VersionQueue::AllocateInput(std::uint64_t size) {
  std::uint64_t offset = arena_.Allocate(size);
  if (offset == shm::Arena::kNone) {
    ReleaseCaches();
    offset = arena_.Allocate(size);
  }
  counters_.input_bytes_used.Set(arena_.used());
  return offset;
}

void VersionQueue::FreeInput(std::uint64_t offset, std::uint64_t size) {
  arena_.Free(offset, size);
  counters_.input_bytes_used.Set(arena_.used());
}

void VersionQueue::FreeSlabs(Shape* shape) {
  for (const std::uint64_t offset : shape->free_slabs) {
    FreeInput(offset, shape->SlabSize());
  }
  shape->free_slabs.clear();
}

void VersionQueue::ReleaseCaches() {
  for (auto& [key, shape] : shapes_) {
    FreeSlabs(shape.get());
  }
  for (const std::uint64_t offset : free_headers_) {
    FreeInput(offset, HeaderSize());
  }
  free_headers_.clear();
}

bool VersionQueue::EvictShape() {
  auto oldest = shapes_.end();
  for (auto shape = shapes_.begin(); shape != shapes_.end(); ++shape) {
    const bool unused = shape->second->batches == 0;
    if (unused &&
        (oldest == shapes_.end() || shape->second->used_at < oldest->second->used_at)) {
      oldest = shape;
    }
  }
  if (oldest == shapes_.end()) {
    return false;
  }
  Shape* shape = oldest->second.get();
  FreeSlabs(shape);
  FreeInput(shape->layout_offset, sizeof(shm::LayoutRecord));
  if (last_shape_ == shape) {
    last_shape_ = nullptr;
  }
  shapes_.erase(oldest);
  counters_.shapes.Set(shapes_.size());
  return true;
}

Status VersionQueue::FindShape(std::span<const RowInput> inputs, Shape** out) {
  ++tick_;
  if (last_shape_ != nullptr && SameShape(*last_shape_, inputs)) {
    last_shape_->used_at = tick_;
    *out = last_shape_;
    return {};
  }
  std::string key = ShapeKey(inputs);
  const auto known = shapes_.find(key);
  if (known != shapes_.end()) {
    last_shape_ = known->second.get();
    last_shape_->used_at = tick_;
    *out = last_shape_;
    return {};
  }
  if (shapes_.size() >= options_.max_shapes && !EvictShape()) {
    return Status::ResourceExhausted(
        options_.label + ": " + std::to_string(shapes_.size()) +
        " different shapes are being served; a new one must wait for one of them");
  }
  auto shape = std::make_unique<Shape>();
  FillLayout(inputs, batches(), next_layout_id_++, shape.get());
  shape->key = key;
  shape->max_rows = std::max<std::uint32_t>(options_.max_batch_size, 1);
  shape->close_rows = CloseRows();
  const std::uint64_t row = std::max<std::uint64_t>(shape->row_bytes, 1);
  shape->slab_rows = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(kSlabLimit / row, 1, shape->max_rows));
  shape->output_row_bytes = output_row_bytes_;
  shape->used_at = tick_;
  shape->layout_offset = AllocateInput(sizeof(shm::LayoutRecord));
  if (shape->layout_offset == shm::Arena::kNone) {
    return Status::ResourceExhausted(options_.label + ": the input memory is full");
  }
  std::memcpy(region_.data() + shape->layout_offset, &shape->layout,
              sizeof(shm::LayoutRecord));
  last_shape_ = shape.get();
  *out = last_shape_;
  shapes_.emplace(std::move(key), std::move(shape));
  counters_.shapes.Set(shapes_.size());
  return {};
}

}  // namespace leeboard::batch
