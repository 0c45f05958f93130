#include "http2/send_queue.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace leeboard::http2 {
namespace {

// Sent items of a queue that never runs empty are forgotten this many at a time.
constexpr std::size_t kCompactAfter = 1024;

}  // namespace

SendQueue::~SendQueue() {
  Consume(unsent_);
}

void SendQueue::Append(const std::uint8_t* data, std::size_t size) {
  unsent_ += size;
  while (size > 0) {
    if (tail_ == nullptr || tail_->used == Block::kSize) {
      tail_ = pool_->blocks.Take();
      tail_->used = 0;
      tail_->pieces = 0;
    }
    const std::size_t n = std::min(size, Block::kSize - tail_->used);
    std::uint8_t* to = tail_->bytes.data() + tail_->used;
    std::memcpy(to, data, n);
    tail_->used += n;
    data += n;
    size -= n;
    if (head_ < items_.size() && items_.back().block == tail_) {
      items_.back().piece.size += n;
    } else {
      ++tail_->pieces;
      items_.push_back({{to, n, false}, nullptr, tail_});
    }
  }
}

void SendQueue::AppendPiece(Answer* answer, const Answer::Piece& piece) {
  unsent_ += piece.size;
  items_.push_back({piece, answer, nullptr});
}

void SendQueue::AppendLasting(const std::uint8_t* data, std::size_t size) {
  unsent_ += size;
  items_.push_back({{data, size, false}, nullptr, nullptr});
}

SendQueue::Outcome SendQueue::SendTo(int fd, std::uint64_t* sent) {
  constexpr std::size_t kMaxParts = 64;
  std::array<iovec, kMaxParts> parts{};
  while (unsent_ > 0) {
    std::size_t count = 0;
    std::size_t offered = 0;
    for (std::size_t i = head_; i < items_.size() && count < kMaxParts; ++i, ++count) {
      const Answer::Piece& piece = items_[i].piece;
      const std::size_t done = i == head_ ? head_sent_ : 0;
      parts[count] = {const_cast<std::uint8_t*>(piece.data) + done, piece.size - done};
      offered += piece.size - done;
    }
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = count;
    const ssize_t n = count == 1 ? send(fd, parts[0].iov_base, offered, MSG_NOSIGNAL)
                                 : sendmsg(fd, &message, MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) {
        continue;
      }
      return errno == EAGAIN || errno == EWOULDBLOCK ? Outcome::kBlocked
                                                     : Outcome::kBroken;
    }
    *sent += static_cast<std::uint64_t>(n);
    Consume(static_cast<std::size_t>(n));
    if (static_cast<std::size_t>(n) < offered) {
      return Outcome::kBlocked;
    }
  }
  return Outcome::kSentAll;
}

std::span<const std::uint8_t> SendQueue::Gather(std::span<std::uint8_t> room) const {
  if (unsent_ == 0) {
    return {};
  }
  const Answer::Piece& first = items_[head_].piece;
  const std::size_t left = first.size - head_sent_;
  if (left >= room.size() || left == unsent_) {
    return {first.data + head_sent_, std::min(left, room.size())};
  }
  std::size_t size = 0;
  for (std::size_t i = head_; i < items_.size() && size < room.size(); ++i) {
    const std::size_t done = i == head_ ? head_sent_ : 0;
    const Answer::Piece& piece = items_[i].piece;
    const std::size_t n = std::min(piece.size - done, room.size() - size);
    std::memcpy(room.data() + size, piece.data + done, n);
    size += n;
  }
  return room.first(size);
}

void SendQueue::CopyOut() {
  for (std::size_t i = head_; i < items_.size(); ++i) {
    if (items_[i].piece.in_memory) {
      items_[i].answer->CopyOutPiece(&items_[i].piece);
    }
  }
}

void SendQueue::Consume(std::size_t size) {
  unsent_ -= size;
  while (size > 0) {
    const std::size_t n = std::min(size, items_[head_].piece.size - head_sent_);
    head_sent_ += n;
    size -= n;
    if (head_sent_ < items_[head_].piece.size) {
      break;
    }
    const Item item = items_[head_++];
    head_sent_ = 0;
    Release(item);
  }
  if (head_ == items_.size()) {
    items_.clear();
    head_ = 0;
    if (tail_ != nullptr) {
      pool_->blocks.Put(std::exchange(tail_, nullptr));
    }
  } else if (head_ >= kCompactAfter) {
    items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void SendQueue::Release(const Item& item) {
  if (item.answer != nullptr) {
    item.answer->PieceDone(item.piece);
    if (item.answer->is_over()) {
      item.answer->Clear();
      pool_->answers.Put(item.answer);
    }
    return;
  }
  if (item.block == nullptr || --item.block->pieces > 0) {
    return;
  }
  if (item.block == tail_) {
    tail_->used = 0;
  } else {
    pool_->blocks.Put(item.block);
  }
}

}  // namespace leeboard::http2
