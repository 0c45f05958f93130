#include "shm/arena.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace leeboard::shm {
namespace {

constexpr std::uint64_t kUnit = Arena::kAlignment;

struct Held {
  std::uint64_t offset = 0;
  std::uint64_t size = 0;  // As asked for.
};

// The same books kept by one flag for each unit.
class Model {
 public:
  explicit Model(std::uint64_t units) : taken_(units, false) {}

  void Set(std::uint64_t offset, std::uint64_t bytes, bool taken) {
    for (std::uint64_t unit = offset / kUnit; unit < (offset + bytes) / kUnit; ++unit) {
      ASSERT_NE(taken_.at(unit), taken) << "unit " << unit;
      taken_[unit] = taken;
    }
  }
  [[nodiscard]] std::uint64_t used() const {
    return kUnit *
           static_cast<std::uint64_t>(std::count(taken_.begin(), taken_.end(), true));
  }
  // Where first fit would put it.
  [[nodiscard]] std::uint64_t FirstFit(std::uint64_t bytes) const {
    std::uint64_t run = 0;
    for (std::uint64_t unit = 0; unit < taken_.size(); ++unit) {
      run = taken_[unit] ? 0 : run + 1;
      if (run == bytes / kUnit) {
        return (unit + 1) * kUnit - bytes;
      }
    }
    return Arena::kNone;
  }

 private:
  std::vector<bool> taken_;
};

void Step(std::mt19937_64& random, Arena* arena, Model* model,
          std::vector<Held>* held) {
  const std::uint64_t choice = random() % 5;
  if (choice < 2 || held->empty()) {
    const std::uint64_t size = random() % (20 * kUnit);
    const std::uint64_t bytes = Arena::RoundUp(std::max<std::uint64_t>(size, 1));
    const std::uint64_t expected = model->FirstFit(bytes);
    const std::uint64_t offset = arena->Allocate(size);
    ASSERT_EQ(offset, expected);
    if (offset != Arena::kNone) {
      model->Set(offset, bytes, true);
      held->push_back({offset, size});
    }
    return;
  }
  std::swap((*held)[random() % held->size()], held->back());
  Held& last = held->back();
  const std::uint64_t had = Arena::RoundUp(std::max<std::uint64_t>(last.size, 1));
  if (choice == 2) {
    const std::uint64_t size = random() % (last.size + 1);
    const std::uint64_t keeps = Arena::RoundUp(std::max<std::uint64_t>(size, 1));
    arena->Shrink(last.offset, last.size, size);
    model->Set(last.offset + keeps, had - keeps, false);
    last.size = size;
  } else {
    arena->Free(last.offset, last.size);
    model->Set(last.offset, had, false);
    held->pop_back();
  }
}

TEST(Arena, AgreesWithOneFlagForEachUnit) {
  constexpr std::uint64_t kUnits = 200;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    std::mt19937_64 random(seed);
    Arena arena(kUnits * kUnit);
    Model model(kUnits);
    std::vector<Held> held;
    for (int step = 0; step < 1000 && !testing::Test::HasFatalFailure(); ++step) {
      Step(random, &arena, &model, &held);
      ASSERT_EQ(arena.used(), model.used()) << "seed " << seed << " step " << step;
    }
    for (const Held& block : held) {
      arena.Free(block.offset, block.size);
    }
    EXPECT_EQ(arena.used(), 0u);
    EXPECT_EQ(arena.Allocate(kUnits * kUnit), 0u) << "free blocks did not coalesce";
  }
}

TEST(Arena, NothingStillTakesAPlaceOfItsOwn) {
  Arena arena(2 * kUnit);
  EXPECT_EQ(arena.Allocate(0), 0u);
  EXPECT_EQ(arena.Allocate(0), kUnit);
  EXPECT_EQ(arena.Allocate(0), Arena::kNone);
}

TEST(Arena, AnEmptyOneHasRoomForNothing) {
  Arena arena(kUnit - 1);
  EXPECT_EQ(arena.size(), 0u);
  EXPECT_EQ(arena.Allocate(1), Arena::kNone);
}

TEST(Arena, ASizeNearTheEndOfNumbersDoesNotFit) {
  Arena arena(4 * kUnit);
  EXPECT_EQ(arena.Allocate(UINT64_MAX), Arena::kNone);
  EXPECT_EQ(arena.Allocate(UINT64_MAX - kUnit), Arena::kNone);
  EXPECT_EQ(arena.used(), 0u);
}

}  // namespace
}  // namespace leeboard::shm
