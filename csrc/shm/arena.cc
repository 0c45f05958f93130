#include "shm/arena.h"

#include <algorithm>
#include <iterator>

namespace leeboard::shm {

Arena::Arena(std::uint64_t size) : size_(size / kAlignment * kAlignment) {
  if (size_ > 0) {
    free_.emplace(0, size_);
  }
}

std::uint64_t Arena::Allocate(std::uint64_t size) {
  if (size > size_) {
    return kNone;  // Rounding up could wrap.
  }
  const std::uint64_t wanted = RoundUp(std::max<std::uint64_t>(size, 1));
  for (auto block = free_.begin(); block != free_.end(); ++block) {
    if (block->second < wanted) {
      continue;
    }
    const std::uint64_t offset = block->first;
    const std::uint64_t rest = block->second - wanted;
    const auto next = free_.erase(block);
    if (rest > 0) {
      free_.emplace_hint(next, offset + wanted, rest);
    }
    used_ += wanted;
    return offset;
  }
  return kNone;
}

void Arena::Free(std::uint64_t offset, std::uint64_t size) {
  std::uint64_t length = RoundUp(std::max<std::uint64_t>(size, 1));
  used_ -= length;
  auto next = free_.lower_bound(offset);
  if (next != free_.end() && offset + length == next->first) {
    length += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == offset) {
      before->second += length;
      return;
    }
  }
  free_.emplace_hint(next, offset, length);
}

void Arena::Shrink(std::uint64_t offset, std::uint64_t size, std::uint64_t new_size) {
  const std::uint64_t had = RoundUp(std::max<std::uint64_t>(size, 1));
  const std::uint64_t keeps = RoundUp(std::max<std::uint64_t>(new_size, 1));
  if (keeps < had) {
    Free(offset + keeps, had - keeps);
  }
}

}  // namespace leeboard::shm
