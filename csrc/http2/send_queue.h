// Output of one connection between nghttp2 and the socket: bytes of its own in blocks
// from the pool, and pieces of large answers that leave from where they lie.
//
// Invariant: a block is held while one of its pieces is unsent; an idle queue holds
// none.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_SEND_QUEUE_H_
#define LEEBOARD_HTTP2_SEND_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "http2/answer.h"
#include "http2/pool.h"

namespace leeboard::http2 {

class SendQueue {
 public:
  // Waiting: nothing can leave before something arrives (a handshake).
  enum class Outcome { kSentAll, kBlocked, kBroken, kWaiting };

  explicit SendQueue(Pool* pool) : pool_(pool) {}
  ~SendQueue();
  SendQueue(const SendQueue&) = delete;
  SendQueue& operator=(const SendQueue&) = delete;

  [[nodiscard]] std::uint64_t unsent_bytes() const { return unsent_; }

  // Copies.
  void Append(const std::uint8_t* data, std::size_t size);
  // Sends the piece from where it lies and gives it back to answer, which goes back to
  // the pool when it is over.
  void AppendPiece(Answer* answer, const Answer::Piece& piece);
  // Sends bytes that outlive the queue from where they lie.
  void AppendLasting(const std::uint8_t* data, std::size_t size);

  // Sends until the socket would block. *sent grows by the bytes it took.
  Outcome SendTo(int fd, std::uint64_t* sent);

  // The first unsent bytes in one stretch, at most as many as `room` holds: where they
  // lie, or gathered in `room` from several pieces. Empty when nothing is unsent.
  [[nodiscard]] std::span<const std::uint8_t> Gather(
      std::span<std::uint8_t> room) const;
  // The first `size` bytes have left. REQUIRES: size <= unsent_bytes().
  void Consume(std::size_t size);

  // Moves what points into ReplyMemory to private memory.
  void CopyOut();

 private:
  // Bytes of its own have a block, an answer's have the answer, lasting ones neither.
  struct Item {
    Answer::Piece piece;
    Answer* answer = nullptr;
    Block* block = nullptr;
  };

  void Release(const Item& item);

  Pool* pool_;
  std::vector<Item> items_;  // Unsent from head_ on.
  std::size_t head_ = 0;
  std::size_t head_sent_ = 0;  // Of items_[head_].
  Block* tail_ = nullptr;      // The block that Append writes into.
  std::uint64_t unsent_ = 0;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_SEND_QUEUE_H_
