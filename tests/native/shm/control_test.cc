#include "shm/control.h"

#include <gtest/gtest.h>

#include <random>

namespace leeboard::shm {
namespace {

TEST(Word, EveryFieldComesBackFromItsBits) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 10'000; ++i) {
    const Word word{static_cast<std::uint32_t>(random()) & Word::kSeqMask,
                    static_cast<WordState>(random() & 3U),
                    static_cast<std::uint32_t>(random()) & kMaxRows,
                    (random() & ((1ULL << 28) - 1)) * Arena::kAlignment};
    const Word back = Word::Decode(word.Encode());
    ASSERT_EQ(back.seq, word.seq);
    ASSERT_EQ(back.state, word.state);
    ASSERT_EQ(back.rows, word.rows);
    ASSERT_EQ(back.header_offset, word.header_offset);
  }
}

TEST(Word, EveryPatternOfBitsIsSomeWord) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 10'000; ++i) {
    const std::uint64_t bits = random();
    ASSERT_EQ(Word::Decode(bits).Encode(), bits);
  }
}

TEST(Word, ExtremesFit) {
  const Word word{Word::kSeqMask, WordState::kSkipped, kMaxRows,
                  kMaxInputRegion - Arena::kAlignment};
  EXPECT_EQ(word.Encode(), UINT64_MAX);
  EXPECT_EQ(Word().Encode(), 0u);
}

TEST(Word, ChangesItsStateAlone) {
  const Word word{7, WordState::kOpen, 3, 512};
  const Word claimed = word.With(WordState::kClaimed);
  EXPECT_EQ(claimed.state, WordState::kClaimed);
  EXPECT_EQ(claimed.With(WordState::kOpen).Encode(), word.Encode());
}

TEST(InputOffset, InputsBeginAtMultiplesOf64) {
  LayoutRecord layout;
  layout.input_count = 3;
  layout.inputs[0].row_bytes = 7;
  layout.inputs[1].is_bytes = 1;
  layout.inputs[2].row_bytes = 64;
  EXPECT_EQ(InputOffset(layout, 0, 10, 100), 0u);
  EXPECT_EQ(InputOffset(layout, 1, 10, 100), 128u);
  EXPECT_EQ(InputOffset(layout, 2, 10, 100), 256u);
  EXPECT_EQ(InputOffset(layout, 3, 10, 100), 896u);
}

}  // namespace
}  // namespace leeboard::shm
