#include "http2/answer.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace leeboard::http2 {
namespace {

// Copying this much costs less than one more iovec for each frame.
constexpr std::uint64_t kCopyUpTo = 16u << 10;
// Idle answers keep no more text capacity than this.
constexpr std::size_t kKeepCapacity = 16u << 10;

std::uint64_t SpanBytes(const ReplyBody& body) {
  std::uint64_t bytes = 0;
  for (const ReplyBody::Cut& cut : body.cuts) {
    bytes += cut.span.size;
  }
  return bytes;
}

}  // namespace

std::uint64_t Answer::MessageSize(const ReplyBody& body) {
  return body.text.size() + SpanBytes(body);
}

void Answer::Start(ReplyBody&& body, std::uint64_t size, ReplyLedger* ledger,
                   bool compressed) {
  std::swap(body_, body);
  ledger_ = ledger;
  size_ = size;
  ledger_->unsent_bytes += size;
  left_ = size + prefix_.size();
  is_large_ = left_ > kCopyUpTo;
  prefix_ = {static_cast<std::uint8_t>(compressed ? 1 : 0),
             static_cast<std::uint8_t>(size >> 24),
             static_cast<std::uint8_t>(size >> 16),
             static_cast<std::uint8_t>(size >> 8), static_cast<std::uint8_t>(size)};
  const std::uint64_t spans = size - body_.text.size();
  if (body_.memory != nullptr && spans > 0) {
    memory_ = body_.memory;
    memory_->AddReference();
    spans_left_ = spans;
    ledger_->referenced_bytes += spans_left_;
  }
}

Answer::Piece Answer::Peek() {
  const auto* text = reinterpret_cast<const std::uint8_t*>(body_.text.data());
  for (; cut_ < body_.cuts.size(); ++cut_, span_at_ = 0) {
    const ReplyBody::Cut& cut = body_.cuts[cut_];
    if (text_at_ < cut.at) {
      return {text + text_at_, cut.at - text_at_, false};
    }
    if (span_at_ < cut.span.size) {
      return {cut.span.data + span_at_, cut.span.size - span_at_, memory_ != nullptr};
    }
  }
  return {text + text_at_, body_.text.size() - text_at_, false};
}

Answer::Piece Answer::Next(std::size_t limit) {
  Piece piece;
  if (prefix_at_ < prefix_.size()) {
    piece = {prefix_.data() + prefix_at_, std::min(limit, prefix_.size() - prefix_at_),
             false};
    prefix_at_ += piece.size;
  } else {
    piece = Peek();
    piece.size = std::min(piece.size, limit);
    if (cut_ < body_.cuts.size() && text_at_ >= body_.cuts[cut_].at) {
      span_at_ += piece.size;
    } else {
      text_at_ += piece.size;
    }
  }
  left_ -= piece.size;
  ++pieces_;
  if (piece.in_memory) {
    ++memory_pieces_;
    spans_left_ -= piece.size;
  }
  return piece;
}

void Answer::PieceDone(const Piece& piece) {
  --pieces_;
  if (piece.in_memory) {
    --memory_pieces_;
    ledger_->referenced_bytes -= piece.size;
    DropMemoryIfUnused();
  }
}

void Answer::Close() {
  closed_ = true;
  if (memory_ != nullptr) {
    ledger_->referenced_bytes -= spans_left_;
    spans_left_ = 0;
    DropMemoryIfUnused();
  }
}

void Answer::Clear() {
  ledger_->unsent_bytes -= size_;
  body_.text.clear();
  if (body_.text.capacity() > kKeepCapacity) {
    std::string().swap(body_.text);
  }
  body_.cuts.clear();
  body_.memory = nullptr;
  if (copied_bytes_ > 0) {
    ledger_->copied_bytes -= copied_bytes_;
    copied_bytes_ = 0;
    copies_.clear();
  }
  closed_ = false;
  left_ = 0;
  prefix_at_ = 0;
  text_at_ = 0;
  cut_ = 0;
  span_at_ = 0;
  spans_left_ = 0;
}

const std::uint8_t* Answer::Copy(const std::uint8_t* data, std::size_t size) {
  copies_.push_back(std::make_unique_for_overwrite<std::uint8_t[]>(size));
  std::memcpy(copies_.back().get(), data, size);
  copied_bytes_ += size;
  ledger_->copied_bytes += size;
  ledger_->referenced_bytes -= size;
  return copies_.back().get();
}

void Answer::CopyOut() {
  if (memory_ == nullptr || spans_left_ == 0) {
    return;
  }
  for (std::size_t i = cut_; i < body_.cuts.size(); ++i) {
    Span& span = body_.cuts[i].span;
    const std::size_t at = i == cut_ ? span_at_ : 0;
    if (at < span.size) {
      span = {Copy(span.data + at, span.size - at), span.size - at};
      span_at_ = i == cut_ ? 0 : span_at_;
    }
  }
  spans_left_ = 0;
  DropMemoryIfUnused();
}

void Answer::CopyOutPiece(Piece* piece) {
  piece->data = Copy(piece->data, piece->size);
  piece->in_memory = false;
  --memory_pieces_;
  DropMemoryIfUnused();
}

void Answer::DropMemoryIfUnused() {
  if (memory_ != nullptr && memory_pieces_ == 0 && spans_left_ == 0) {
    std::exchange(memory_, nullptr)->DropReference();
  }
}

}  // namespace leeboard::http2
