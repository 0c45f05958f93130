// Requests that ended workers, remembered so that sending one again ends no more.
//
// A request is known by a SHA-256 digest of its shape and its inputs' bytes. Nothing is
// computed while nobody is guilty; afterwards only requests of a size that was guilty
// are digested. An entry is forgotten after kRemembered, and the oldest goes when there
// are too many: then a worker dies once more.
//
// Thread safety: none; the I/O thread owns it.

#ifndef LEEBOARD_BATCH_GUILTY_H_
#define LEEBOARD_BATCH_GUILTY_H_

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/status.h"

namespace leeboard::batch {

using Digest = std::array<std::uint8_t, 32>;

// What a request did, and the code that it is refused with.
struct Deed {
  Code code = Code::kInternal;
  std::string text;
};

// Computes the digest of parts that are given one after another.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  void Add(std::span<const std::uint8_t> bytes);
  Digest Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

class Guilty {
 public:
  static constexpr Nanos kRemembered = 600'000'000'000;
  static constexpr std::size_t kMost = 256;

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] bool MayKnow(std::uint64_t size) const;
  // What it did, or null when it is not known (any more).
  const Deed* Find(const Digest& digest, Nanos now);
  void Add(const Digest& digest, std::uint64_t size, Deed deed, Nanos now);

 private:
  struct Entry {
    Digest digest{};
    std::uint64_t size = 0;
    Deed deed;
    Nanos since = 0;
  };

  std::deque<Entry> entries_;  // Oldest first.
};

}  // namespace leeboard::batch

#endif  // LEEBOARD_BATCH_GUILTY_H_
