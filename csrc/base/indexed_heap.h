// A binary min-heap of times whose members know their place, so that a member can leave
// from the middle in O(log n). std::priority_queue cannot: requests that finish would
// stay in it until their deadline, millions of them under load with long deadlines.
//
// T provides two public members: `Nanos heap_time` (the key; constant while inside) and
// `std::uint32_t heap_index` (kNotInHeap while outside; written by the heap alone).
//
// Thread safety: none. Members are not owned and must leave before they are destroyed.

#ifndef LEEBOARD_BASE_INDEXED_HEAP_H_
#define LEEBOARD_BASE_INDEXED_HEAP_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/clock.h"

namespace leeboard {

inline constexpr std::uint32_t kNotInHeap = UINT32_MAX;

template <typename T>
class IndexedHeap {
 public:
  [[nodiscard]] bool empty() const { return items_.empty(); }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] T* top() const { return items_.empty() ? nullptr : items_.front(); }
  [[nodiscard]] Nanos next_time() const {
    return items_.empty() ? kNever : items_.front()->heap_time;
  }

  // REQUIRES: item is not in a heap.
  void Push(T* item) {
    items_.push_back(item);
    Place(items_.size() - 1, item);
    Up(items_.size() - 1);
  }

  // Takes item out; does nothing when it is not inside.
  void Remove(T* item) {
    if (item->heap_index == kNotInHeap) {
      return;
    }
    const std::size_t hole = item->heap_index;
    item->heap_index = kNotInHeap;
    T* last = items_.back();
    items_.pop_back();
    if (last != item) {
      Place(hole, last);
      Up(hole);
      Down(last->heap_index);
    }
  }

 private:
  void Place(std::size_t at, T* item) {
    items_[at] = item;
    item->heap_index = static_cast<std::uint32_t>(at);
  }

  void Swap(std::size_t a, std::size_t b) {
    T* first = items_[a];
    Place(a, items_[b]);
    Place(b, first);
  }

  void Up(std::size_t at) {
    while (at > 0) {
      const std::size_t parent = (at - 1) / 2;
      if (items_[parent]->heap_time <= items_[at]->heap_time) {
        return;
      }
      Swap(parent, at);
      at = parent;
    }
  }

  void Down(std::size_t at) {
    for (;;) {
      std::size_t least = at;
      for (std::size_t child = 2 * at + 1; child <= 2 * at + 2; ++child) {
        if (child < items_.size() &&
            items_[child]->heap_time < items_[least]->heap_time) {
          least = child;
        }
      }
      if (least == at) {
        return;
      }
      Swap(least, at);
      at = least;
    }
  }

  std::vector<T*> items_;
};

}  // namespace leeboard

#endif  // LEEBOARD_BASE_INDEXED_HEAP_H_
