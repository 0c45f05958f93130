#include "front/successions.h"

#include <algorithm>
#include <string>

namespace leeboard::front {
namespace {

// Who answers requests for a model that name no version; null when nobody does.
batch::VersionQueue* Best(const route::Table& table, const std::string& model) {
  const route::Version* version = nullptr;
  return table.Find(model, "", &version).ok()
             ? static_cast<batch::VersionQueue*>(version->context)
             : nullptr;
}

}  // namespace

void Successions::Add(const route::Table& before, const route::Table& after,
                      Nanos now) {
  const std::string* last = nullptr;
  for (const auto& version : after.all()) {
    if (last == nullptr || *last != version->model) {
      last = &version->model;
      Hold(Best(before, *last), Best(after, *last), now);
    }
  }
}

void Successions::Hold(batch::VersionQueue* from, batch::VersionQueue* to, Nanos now) {
  if (from == nullptr || to == nullptr || from == to) {
    return;
  }
  const bool was_held = std::any_of(
      all_.begin(), all_.end(),
      [from](const Succession& succession) { return succession.to == from; });
  // One that goes back to the version before it must not wait for that in a circle.
  Forget(to);
  Forget(from);
  if (!was_held && !from->idle()) {
    to->set_held(true);
    all_.push_back({from, to, now + kLongestHold});
  }
}

void Successions::Release(Nanos now) {
  std::erase_if(all_, [now](const Succession& succession) {
    if (!succession.from->idle() && succession.release_at > now) {
      return false;
    }
    succession.to->set_held(false);
    return true;
  });
}

void Successions::Forget(const batch::VersionQueue* queue) {
  std::erase_if(all_, [queue](const Succession& succession) {
    if (succession.from != queue && succession.to != queue) {
      return false;
    }
    succession.to->set_held(false);
    return true;
  });
}

Nanos Successions::next_time() const {
  Nanos next = kNever;
  for (const Succession& succession : all_) {
    next = std::min(next, succession.release_at);
  }
  return next;
}

}  // namespace leeboard::front
