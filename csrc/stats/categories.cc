#include "stats/categories.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

namespace leeboard::stats {
namespace {

constexpr std::uint32_t kIndexBits = 12;
constexpr std::uint32_t kRankBits = 64 - kIndexBits;
// Known values and others together, and two tables while they are merged.
constexpr std::size_t kMostEntries = 3 * std::size_t{kCategories};

// The finaliser of SplitMix64: every bit of the value moves every bit of the hash.
std::uint64_t Mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

// The two series of Ertl's estimator, for registers that are empty and full.
double Sigma(double x) {
  if (x == 1.0) {
    return std::numeric_limits<double>::infinity();
  }
  double y = 1.0;
  double z = x;
  double before = 0.0;
  do {
    x *= x;
    before = z;
    z += x * y;
    y += y;
  } while (z != before);
  return z;
}

double Tau(double x) {
  if (x == 0.0 || x == 1.0) {
    return 0.0;
  }
  double y = 1.0;
  double z = 1.0 - x;
  double before = 0.0;
  do {
    x = std::sqrt(x);
    before = z;
    y *= 0.5;
    z -= (1.0 - x) * (1.0 - x) * y;
  } while (z != before);
  return z / 3.0;
}

}  // namespace

CategoryCounter::CategoryCounter(std::span<const std::uint64_t> known)
    : slots_(kSlots), uses_(kSlots, Use::kFree), registers_(kRegisters) {
  for (const std::uint64_t value : known) {
    Put(Find(value, Mix(value)), {value, 0, true});
  }
}

std::uint32_t CategoryCounter::Find(std::uint64_t value, std::uint64_t hash) const {
  auto slot = static_cast<std::uint32_t>(hash % kSlots);
  while (uses_[slot] != Use::kFree && slots_[slot].value != value) {
    slot = (slot + 1) % kSlots;
  }
  return slot;
}

void CategoryCounter::Put(std::uint32_t slot, const Category& category) {
  if (uses_[slot] == Use::kFree) {
    (category.is_known ? known_ : others_) += 1;
  }
  uses_[slot] = category.is_known ? Use::kKnown : Use::kOther;
  slots_[slot] = {category.value, category.count};
}

void CategoryCounter::Register(std::uint64_t hash) {
  const std::uint64_t index = hash >> kRankBits;
  const std::uint64_t rest = hash << kIndexBits;
  const auto rank = static_cast<std::uint8_t>(
      std::min<int>(std::countl_zero(rest), static_cast<int>(kRankBits)) + 1);
  registers_[index] = std::max(registers_[index], rank);
}

void CategoryCounter::Add(std::uint64_t value) {
  const std::uint64_t hash = Mix(value);
  Register(hash);
  const std::uint32_t slot = Find(value, hash);
  if (uses_[slot] != Use::kFree) {
    ++slots_[slot].count;
  } else if (others_ < kCategories) {
    Put(slot, {value, 1, false});
  } else {
    Decrease(1);
  }
}

void CategoryCounter::Decrease(std::uint64_t weight) {
  std::array<Category, kMostEntries> kept;
  std::size_t size = 0;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    const bool known = uses_[slot] == Use::kKnown;
    if (known || (uses_[slot] == Use::kOther && slots_[slot].count > weight)) {
      const std::uint64_t count = slots_[slot].count - (known ? 0 : weight);
      kept[size++] = {slots_[slot].value, count, known};
    }
  }
  error_ += weight;
  Rebuild({kept.data(), size});
}

void CategoryCounter::Rebuild(std::span<const Category> entries) {
  std::fill(uses_.begin(), uses_.end(), Use::kFree);
  others_ = 0;
  known_ = 0;
  for (const Category& entry : entries) {
    Put(Find(entry.value, Mix(entry.value)), entry);
  }
}

void CategoryCounter::Merge(const CategoryCounter& other) {
  for (std::uint32_t i = 0; i < kRegisters; ++i) {
    registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
  // 128 known and twice 128 others fill three quarters of the slots at most.
  for (const Category& entry : other.Entries()) {
    const std::uint32_t slot = Find(entry.value, Mix(entry.value));
    const bool found = uses_[slot] != Use::kFree;
    Put(slot,
        {entry.value, entry.count + (found ? slots_[slot].count : 0), entry.is_known});
  }
  error_ += other.error_;
  if (others_ > kCategories) {
    std::vector<std::uint64_t> counts;
    for (const Category& entry : Entries()) {
      if (!entry.is_known) {
        counts.push_back(entry.count);
      }
    }
    const auto at = counts.begin() + kCategories;
    std::nth_element(counts.begin(), at, counts.end(), std::greater<>());
    Decrease(*at);
  }
}

std::vector<Category> CategoryCounter::Entries() const {
  std::vector<Category> entries;
  for (std::uint32_t slot = 0; slot < kSlots; ++slot) {
    if (uses_[slot] != Use::kFree) {
      entries.push_back(
          {slots_[slot].value, slots_[slot].count, uses_[slot] == Use::kKnown});
    }
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.value < b.value;
  });
  return entries;
}

bool CategoryCounter::Restore(std::span<const Category> entries, std::uint64_t error,
                              std::span<const std::uint8_t> registers) {
  const std::uint32_t known = known_;
  for (const Category& entry : entries) {
    const std::uint32_t slot = Find(entry.value, Mix(entry.value));
    const bool is_there = uses_[slot] == Use::kKnown;
    const bool fresh = is_there ? slots_[slot].count == 0 : uses_[slot] == Use::kFree;
    if (entry.is_known != is_there || !fresh || (!is_there && others_ == kCategories)) {
      return false;
    }
    Put(slot, entry);
  }
  if (known_ != known || registers.size() != kRegisters) {
    return false;
  }
  for (std::uint32_t i = 0; i < kRegisters; ++i) {
    if (registers[i] > kRankBits + 1) {
      return false;
    }
    registers_[i] = registers[i];
  }
  error_ = error;
  return true;
}

Categories CategoryCounter::Read(std::uint64_t rows) const {
  Categories read;
  read.top = Entries();
  read.error = error_;
  std::uint64_t counted = 0;
  for (const Category& entry : read.top) {
    counted += entry.count;
  }
  read.rest = rows - counted;
  return read;
}

double CategoryCounter::Distinct() const {
  std::array<std::uint32_t, kRankBits + 2> histogram{};
  for (const std::uint8_t rank : registers_) {
    ++histogram[rank];
  }
  constexpr double kAll = kRegisters;
  double z = kAll * Tau(1.0 - histogram[kRankBits + 1] / kAll);
  for (std::uint32_t rank = kRankBits; rank >= 1; --rank) {
    z = 0.5 * (z + histogram[rank]);
  }
  z += kAll * Sigma(histogram[0] / kAll);
  return kAll * kAll / (2.0 * std::log(2.0) * z);
}

}  // namespace leeboard::stats
