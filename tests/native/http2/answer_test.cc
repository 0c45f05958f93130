#include "http2/answer.h"

#include <gtest/gtest.h>

#include <string>

#include "framing.h"
#include "scripted_handler.h"

namespace leeboard::http2 {
namespace {

ReplyBody BodyOf(FakeMemory& memory) {
  ReplyBody body;
  body.text = "abcdef";
  body.cuts = {{0, memory.span(0, 3)},
               {2, memory.span(3, 0)},
               {2, memory.span(3, 4)},
               {6, memory.span(7, 2)}};
  body.memory = &memory;
  return body;
}

constexpr std::size_t kSize = 15;
constexpr const char* kText = "123ab4567cdef89";

std::string Take(Answer& answer, std::size_t bytes, std::size_t limit) {
  std::string taken;
  while (taken.size() < bytes) {
    const Answer::Piece piece = answer.Next(std::min(limit, bytes - taken.size()));
    taken.append(reinterpret_cast<const char*>(piece.data), piece.size);
    answer.PieceDone(piece);
  }
  return taken;
}

TEST(Answer, PiecesOfAnySizeMakeTheMessage) {
  for (std::size_t limit = 1; limit < 25; ++limit) {
    FakeMemory memory("123456789");
    ReplyLedger ledger;
    Answer answer;
    answer.Start(BodyOf(memory), kSize, &ledger);
    EXPECT_EQ(Take(answer, kSize + 5, limit), Prefix(kSize) + kText);
    EXPECT_EQ(answer.left(), 0u);
    EXPECT_EQ(memory.dropped, 1);
    answer.Close();
    EXPECT_TRUE(answer.is_over());
    answer.Clear();
    EXPECT_EQ(ledger.unsent_bytes, 0u);
    EXPECT_EQ(memory.dropped, 1);
  }
}

TEST(Answer, CopyOutWorksAtEveryPoint) {
  for (std::size_t at = 0; at <= kSize + 5; ++at) {
    FakeMemory memory("123456789");
    ReplyLedger ledger;
    Answer answer;
    answer.Start(BodyOf(memory), kSize, &ledger);
    std::string taken = Take(answer, at, 100);
    answer.CopyOut();
    EXPECT_EQ(memory.dropped, 1) << at;
    EXPECT_EQ(ledger.referenced_bytes, 0u);
    memory.bytes.assign(9, '!');
    taken += Take(answer, kSize + 5 - at, 100);
    EXPECT_EQ(taken, Prefix(kSize) + kText) << at;
    answer.Close();
    answer.Clear();
    EXPECT_EQ(ledger.copied_bytes, 0u);
  }
}

TEST(Answer, LivesUntilItsLastPieceIsBack) {
  FakeMemory memory("123456789");
  ReplyLedger ledger;
  Answer answer;
  answer.Start(BodyOf(memory), kSize, &ledger);
  (void)Take(answer, 5, 5);
  const Answer::Piece piece = answer.Next(100);
  EXPECT_TRUE(piece.in_memory);
  answer.Close();
  EXPECT_EQ(memory.dropped, 0);
  EXPECT_EQ(ledger.referenced_bytes, piece.size);
  EXPECT_FALSE(answer.is_over());
  answer.PieceDone(piece);
  EXPECT_TRUE(answer.is_over());
  EXPECT_EQ(memory.dropped, 1);
}

TEST(Answer, GivesBackTheCapacityOfItsLastBody) {
  ReplyLedger ledger;
  Answer answer;
  ReplyBody body = TextBody(std::string(1000, 'x'));
  answer.Start(std::move(body), 1000, &ledger);
  (void)Take(answer, 1005, 2000);
  answer.Close();
  answer.Clear();
  ReplyBody next = TextBody("y");
  answer.Start(std::move(next), 1, &ledger);
  EXPECT_TRUE(next.text.empty());
  EXPECT_GE(next.text.capacity(), 1000u);
}

}  // namespace
}  // namespace leeboard::http2
