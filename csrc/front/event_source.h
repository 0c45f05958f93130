// What an event of the I/O loop belongs to.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_FRONT_EVENT_SOURCE_H_
#define LEEBOARD_FRONT_EVENT_SOURCE_H_

#include <cstdint>

#include "base/poller.h"

namespace leeboard::front {

struct Source : PollSource {
  enum class Kind : std::uint8_t { kListener, kMailbox, kConnection, kBell, kProcess };

  Source() = default;
  Source(Kind source_kind, void* source_owner)
      : kind(source_kind), owner(source_owner) {}

  Kind kind = Kind::kMailbox;
  void* owner = nullptr;
};

}  // namespace leeboard::front

#endif  // LEEBOARD_FRONT_EVENT_SOURCE_H_
