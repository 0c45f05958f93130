#include "front/hand_over.h"

#include <algorithm>
#include <utility>

namespace leeboard::front {

Status HandOver::Add(http2::Call* call, HandedCall handed, std::uint64_t* id) {
  // Calls that ended before anybody took them still hold their messages.
  if (open_.size() >= kMost || untaken_.load(std::memory_order_acquire) >= kMost) {
    return Status::ResourceExhausted(handed.method + ": " + std::to_string(kMost) +
                                     " such calls wait for an answer; try again later");
  }
  *id = ++last_id_;
  open_.emplace(*id, call);
  // Release pairs with the acquire in has_untaken.
  untaken_.fetch_add(1, std::memory_order_release);
  handed.id = *id;
  letters_.Post(std::move(handed));
  return {};
}

http2::Call* HandOver::Remove(std::uint64_t id) {
  const auto found = open_.find(id);
  if (found == open_.end()) {
    return nullptr;
  }
  http2::Call* call = found->second;
  open_.erase(found);
  return call;
}

std::uint64_t HandOver::Any() const {
  return open_.empty() ? 0 : open_.begin()->first;
}

std::uint64_t HandOver::Expired(Nanos now) const {
  const auto found = std::find_if(open_.begin(), open_.end(), [now](const auto& entry) {
    return entry.second->deadline() <= now;
  });
  return found == open_.end() ? 0 : found->first;
}

Nanos HandOver::next_deadline() const {
  Nanos next = kNever;
  for (const auto& [id, call] : open_) {
    next = std::min(next, call->deadline());
  }
  return next;
}

std::vector<HandedCall> HandOver::Take() {
  std::vector<HandedCall> taken = letters_.TakeAll();
  untaken_.fetch_sub(taken.size(), std::memory_order_release);
  return taken;
}

}  // namespace leeboard::front
