// What the connections of one I/O thread share and use again: the buffer they all read
// into, blocks of output, streams and answers.
//
// Thread safety: none; belongs to the thread of its Shared.

#ifndef LEEBOARD_HTTP2_POOL_H_
#define LEEBOARD_HTTP2_POOL_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "http2/compression.h"

namespace leeboard::http2 {

class Answer;
class Stream;

// Objects at rest. What was taken belongs to the taker until it is put back; more than
// `keep` at rest are freed.
template <typename T>
class FreeList {
 public:
  explicit FreeList(std::size_t keep) : keep_(keep) {}

  [[nodiscard]] T* Take() {
    if (free_.empty()) {
      return std::make_unique_for_overwrite<T>().release();
    }
    T* item = free_.back().release();
    free_.pop_back();
    return item;
  }

  void Put(T* item) {
    std::unique_ptr<T> owned(item);
    if (free_.size() < keep_) {
      free_.push_back(std::move(owned));
    }
  }

 private:
  std::size_t keep_;
  std::vector<std::unique_ptr<T>> free_;
};

// A stretch of output bytes. Its bytes stay where they are until every piece is sent.
struct Block {
  static constexpr std::size_t kSize = (64u << 10) - 16;

  std::size_t used;
  std::size_t pieces;
  std::array<std::uint8_t, kSize> bytes;
};

struct Pool {
  // One read takes at most this much: large enough that a big message costs few calls,
  // small enough that one connection cannot keep the others waiting.
  static constexpr std::size_t kReceiveBytes = 1u << 20;

  Pool();
  ~Pool();

  std::unique_ptr<std::uint8_t[]> receive_buffer;
  FreeList<Block> blocks;
  FreeList<Stream> streams;
  FreeList<Answer> answers;
  ReplyCompressor compressor;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_POOL_H_
