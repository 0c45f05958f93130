// Which whole numbers there were, how often, and how many different ones.
//
// Known values have a counter each. Others share kCategories counters by the rule of
// Misra and Gries ("Finding repeated elements", Science of Computer Programming 2,
// 1982): exact while they suffice; a further value takes one off each, which `error`
// counts, so that a value with more than 1 / (kCategories + 1) of all is always there.
// Tables merge as in Agarwal et al., "Mergeable summaries", PODS 2012.
//
// Different values are estimated from 4096 registers (Flajolet et al., HyperLogLog,
// 2007) by the formula of O. Ertl, arXiv 1702.01284: standard error 1.6 %.
//
// Thread safety: none.

#ifndef LEEBOARD_STATS_CATEGORIES_H_
#define LEEBOARD_STATS_CATEGORIES_H_

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "stats/tensor_profile.h"

namespace leeboard::stats {

// One feature's values. Allocates when it is made and never again.
class CategoryCounter {
 public:
  static constexpr std::uint32_t kSlots =
      512;  // Half of them are taken, or while merging 3 / 4.
  static constexpr std::uint32_t kRegisters = 4096;

  explicit CategoryCounter(std::span<const std::uint64_t> known);

  void Add(std::uint64_t value);
  void Merge(const CategoryCounter& other);

  // `rows` is how many values were added.
  [[nodiscard]] Categories Read(std::uint64_t rows) const;
  [[nodiscard]] double Distinct() const;

  // For reading and writing what is stored.
  [[nodiscard]] std::vector<Category> Entries() const;
  [[nodiscard]] std::uint64_t error() const { return error_; }
  [[nodiscard]] std::span<const std::uint8_t> registers() const { return registers_; }
  // False when the entries are not of this counter's kind: other known values, too
  // many, the same twice.
  [[nodiscard]] bool Restore(std::span<const Category> entries, std::uint64_t error,
                             std::span<const std::uint8_t> registers);

 private:
  enum class Use : std::uint8_t { kFree, kKnown, kOther };
  struct Slot {
    std::uint64_t value;
    std::uint64_t count;
  };

  // The slot with this value, or the free one where it belongs.
  [[nodiscard]] std::uint32_t Find(std::uint64_t value, std::uint64_t hash) const;
  void Put(std::uint32_t slot, const Category& category);
  // Takes `weight` off each unknown value; those without a count leave.
  void Decrease(std::uint64_t weight);
  void Rebuild(std::span<const Category> entries);
  void Register(std::uint64_t hash);

  std::vector<Slot> slots_;
  std::vector<Use> uses_;
  std::vector<std::uint8_t> registers_;
  std::uint32_t others_ = 0;
  std::uint32_t known_ = 0;
  std::uint64_t error_ = 0;
};

}  // namespace leeboard::stats

#endif  // LEEBOARD_STATS_CATEGORIES_H_
