// A worker that writes anything anywhere on its control page, at any moment: the front
// end says that it is broken, or takes what looks right, and touches nothing else.
// `make fuzz` sets LEEBOARD_FUZZ_SECONDS.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>
#include <set>

#include "pair.h"

namespace leeboard::shm {
namespace {

using Random = std::mt19937_64;

std::uint32_t Number(Random& random) {
  // Small numbers are often nearly right.
  return random() % 2 == 0 ? static_cast<std::uint32_t>(random() % 10)
                           : static_cast<std::uint32_t>(random());
}

void ScribbleWord(Random& random, ControlPage* page) {
  std::atomic<std::uint64_t>& word = page->offers[random() % kOffers];
  Word near = Word::Decode(word.load());
  switch (random() % 4) {
    case 0:
      word.store(random());
      return;
    case 1:
      near.rows = Number(random) & kMaxRows;
      break;
    case 2:
      near.seq = Number(random) & Word::kSeqMask;
      break;
    default:
      near.state = static_cast<WordState>(random() & 3U);
  }
  word.store(near.Encode());
}

void ScribbleRecord(Random& random, ControlPage* page) {
  Completion& record = page->completions[random() % kCompletions];
  if (random() % 8 == 0) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(&record);
    for (std::size_t i = 0; i < sizeof record; ++i) {
      bytes[i] = static_cast<std::uint8_t>(random());
    }
  }
  record.seq = Number(random);
  record.output_count = Number(random);
  record.more = Number(random) % 3;
}

void Scribble(Random& random, ControlPage* page) {
  switch (random() % 8) {
    case 0:
    case 1:
      ScribbleWord(random, page);
      return;
    case 2:
      ScribbleRecord(random, page);
      return;
    case 3:
      page->completed.store(page->completed.load() + Number(random));
      return;
    case 4:
      page->worker_sleeps.store(Number(random));
      return;
    case 5:
      page->taken.store(Number(random));
      return;
    case 6:
      page->cancelled.store(Number(random));
      return;
    default:
      page->front_sleeps.store(Number(random));
  }
}

// The front end's side of one conversation: which numbers are outstanding.
class Front {
 public:
  explicit Front(Pair* pair) : pair_(pair) {}

  // False once the worker is known to be broken.
  bool Step(Random& random) {
    switch (random() % 7) {
      case 0:
        return Offer(random);
      case 1:
        return outstanding_.empty() ||
               pair_->front.Extend(Any(random), 1 + Number(random) % kMaxRows) !=
                   Handover::kBroken;
      case 2:
        return Withdraw(random);
      case 3:
        pair_->front.Ring();
        pair_->front.SetSleeping(random() % 2 == 0);
        return outstanding_.empty() || pair_->front.IsClaimed(Any(random)) || true;
      case 4:
        pair_->front.TakeResponse();
        return true;
      case 5:
        if (!outstanding_.empty()) {
          pair_->front.Cancel(Any(random));
        }
        return true;
      default:
        return Next();
    }
  }

 private:
  std::uint32_t Any(Random& random) {
    auto seq = outstanding_.begin();
    std::advance(seq, static_cast<std::ptrdiff_t>(random() % outstanding_.size()));
    return *seq;
  }
  bool Offer(Random& random) {
    std::uint32_t seq = 0;
    if (!pair_->front.CanOffer()) {
      return true;
    }
    const Handover result = pair_->front.Offer((random() % 100) * Arena::kAlignment,
                                               1 + random() % 9, &seq);
    EXPECT_NE(result, Handover::kClaimed);
    if (result == Handover::kDone) {
      EXPECT_TRUE(outstanding_.insert(seq).second);
    }
    return result == Handover::kDone;
  }
  bool Withdraw(Random& random) {
    if (outstanding_.empty()) {
      return true;
    }
    const std::uint32_t seq = Any(random);
    const Handover result = pair_->front.Withdraw(seq);
    if (result == Handover::kDone) {
      outstanding_.erase(seq);
    }
    return result != Handover::kBroken;
  }
  bool Next() {
    std::uint32_t seq = 0;
    const bool had_response = pair_->front.has_response();
    const Poll poll = pair_->Next(&seq);
    if (poll == Poll::kResponse) {
      EXPECT_EQ(outstanding_.count(seq), 1u) << "it was not outstanding";
      EXPECT_FALSE(had_response) << "the last one was not taken";
      EXPECT_TRUE(pair_->front.IsClaimed(seq));
    }
    if (poll == Poll::kCompleted) {
      EXPECT_EQ(outstanding_.erase(seq), 1u) << "it was not outstanding";
      EXPECT_LE(pair_->completion.output_count, kMaxTensors);
    }
    return poll != Poll::kBroken;
  }

  Pair* pair_;
  std::set<std::uint32_t> outstanding_;
};

void RunOne(std::uint64_t seed) {
  SCOPED_TRACE(seed);
  Random random(seed);
  Pair pair;
  ASSERT_TRUE(pair.valid);
  Front front(&pair);
  // Honest workers claim and complete too, so that scribbles meet every state.
  bool whole = true;
  for (int step = 0; step < 300 && whole; ++step) {
    whole = front.Step(random);
    if (random() % 4 == 0) {
      const Claim claim = pair.Take();
      for (int i = 0; claim.rows > 0 && i < 3 && random() % 2 == 0; ++i) {
        pair.Complete(claim, /*more=*/true);
        pair.worker.AwaitRoom(0, -1);
        front.Step(random);
      }
      if (claim.rows > 0 && random() % 2 == 0) {
        pair.Complete(claim);
      }
    }
    if (random() % 10 == 0) {
      Scribble(random, pair.page);
    }
  }
  for (int step = 0; step < 20; ++step) {
    front.Step(random);  // Broken or not, it stays safe to use.
  }
}

TEST(ScribbleFuzz, AScribbledPageIsBrokenOrHarmless) {
  std::uint64_t seed = 1;
  for (; seed <= 2000 && !testing::Test::HasFailure(); ++seed) {
    RunOne(seed);
  }
  const char* seconds = std::getenv("LEEBOARD_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() +
                   std::chrono::seconds(seconds == nullptr ? 0 : std::atoi(seconds));
  for (; std::chrono::steady_clock::now() < end && !testing::Test::HasFailure();
       ++seed) {
    RunOne(seed);
  }
}

}  // namespace
}  // namespace leeboard::shm
