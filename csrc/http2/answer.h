// One reply's message on its way out: the 5-byte prefix, text and spans in order, a
// cursor, and the loan of the memory that the spans point into.
//
// It is cut into pieces. A piece points into the answer and must be given back with
// PieceDone once its bytes were sent or copied; until the last one is back the answer
// lives on, even when its stream has closed.
//
// Invariant: while memory_ is set, exactly one reference to it is held.
//
// Thread safety: none.

#ifndef LEEBOARD_HTTP2_ANSWER_H_
#define LEEBOARD_HTTP2_ANSWER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "http2/call.h"

namespace leeboard::http2 {

// What one connection's unsent answers hold.
struct ReplyLedger {
  std::uint64_t unsent_bytes = 0;      // Of messages, until their last byte was sent.
  std::uint64_t referenced_bytes = 0;  // In ReplyMemory.
  std::uint64_t copied_bytes = 0;      // In private copies made by CopyOut.
};

class Answer {
 public:
  struct Piece {
    const std::uint8_t* data = nullptr;
    std::size_t size = 0;
    bool in_memory = false;  // Points into ReplyMemory.
  };

  // Bytes that a body puts on the wire after the 5-byte prefix.
  static std::uint64_t MessageSize(const ReplyBody& body);

  // Takes the body, leaving an empty one whose capacity may be used again, and
  // references its memory. REQUIRES: idle (new or cleared); MessageSize(body) == size
  // <= UINT32_MAX.
  // The prefix says whether it is compressed.
  void Start(ReplyBody&& body, std::uint64_t size, ReplyLedger* ledger,
             bool compressed = false);

  // Bytes, prefix included, not yet cut into pieces.
  [[nodiscard]] std::uint64_t left() const { return left_; }
  // Worth sending from where it lies; smaller ones are copied into the send queue.
  [[nodiscard]] bool is_large() const { return is_large_; }

  // Cuts off the next piece, of at most `limit` bytes. REQUIRES: left() > 0, limit > 0.
  Piece Next(std::size_t limit);
  // Gives a piece back.
  void PieceDone(const Piece& piece);

  // No more pieces will be cut (all were, or the stream is gone).
  void Close();
  // Closed and every piece is back: may be cleared and used again.
  [[nodiscard]] bool is_over() const { return closed_ && pieces_ == 0; }
  void Clear();

  // Moves one piece that points into ReplyMemory to private memory.
  void CopyOutPiece(Piece* piece);
  // Moves what is left of the spans to private memory.
  // REQUIRES: pieces that point into ReplyMemory were moved before.
  void CopyOut();

 private:
  [[nodiscard]] Piece Peek();
  const std::uint8_t* Copy(const std::uint8_t* data, std::size_t size);
  void DropMemoryIfUnused();

  ReplyBody body_;
  ReplyLedger* ledger_ = nullptr;
  ReplyMemory* memory_ = nullptr;
  std::array<std::uint8_t, 5> prefix_{};
  bool is_large_ = false;
  bool closed_ = false;
  std::uint64_t size_ = 0;
  std::uint64_t left_ = 0;
  std::size_t prefix_at_ = 0;
  std::size_t text_at_ = 0;
  std::size_t cut_ = 0;           // The cut that text_at_ leads to.
  std::size_t span_at_ = 0;       // Within it.
  std::uint64_t spans_left_ = 0;  // Bytes in memory_ not yet cut into pieces.
  std::uint32_t pieces_ = 0;
  std::uint32_t memory_pieces_ = 0;
  std::uint64_t copied_bytes_ = 0;
  std::vector<std::unique_ptr<std::uint8_t[]>> copies_;
};

}  // namespace leeboard::http2

#endif  // LEEBOARD_HTTP2_ANSWER_H_
