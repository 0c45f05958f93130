// Who owns which bytes of a region: a first-fit allocator of offsets.
//
// The books are private memory of the front end, so a worker that scribbles over shared
// memory can never corrupt ownership. Low offsets are preferred, which keeps the
// touched part of a sparse region small.
//
// Invariant: free blocks never touch each other; every offset and size is a multiple of
// kAlignment.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_SHM_ARENA_H_
#define LEEBOARD_SHM_ARENA_H_

#include <cstddef>
#include <cstdint>
#include <map>

namespace leeboard::shm {

class Arena {
 public:
  static constexpr std::uint64_t kAlignment = 256;
  static constexpr std::uint64_t kNone = UINT64_MAX;

  explicit Arena(std::uint64_t size);

  static std::uint64_t RoundUp(std::uint64_t size) {
    return (size + kAlignment - 1) / kAlignment * kAlignment;
  }

  // An offset with room for `size` bytes (rounded up), or kNone.
  [[nodiscard]] std::uint64_t Allocate(std::uint64_t size);
  // Gives back what Allocate(size) returned.
  void Free(std::uint64_t offset, std::uint64_t size);
  // Gives back the end of a block, keeping new_size bytes.
  void Shrink(std::uint64_t offset, std::uint64_t size, std::uint64_t new_size);

  [[nodiscard]] std::uint64_t used() const { return used_; }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  std::uint64_t size_;
  std::uint64_t used_ = 0;
  std::map<std::uint64_t, std::uint64_t> free_;  // Offset -> size.
};

}  // namespace leeboard::shm

#endif  // LEEBOARD_SHM_ARENA_H_
