// A watch over a queue's answers, and its journal read back.

#ifndef LEEBOARD_TESTS_NATIVE_BATCH_WATCHING_H_
#define LEEBOARD_TESTS_NATIVE_BATCH_WATCHING_H_

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "batch/watch.h"

namespace leeboard::batch {

inline constexpr std::uint64_t kAll = 1ULL << 53;
inline const std::string kLeftOut = "(left out)";

// A tensor of UINT8; summaries of its rows are of doubles.
inline WatchedTensor Of(bool is_output, std::uint32_t index, std::uint32_t features,
                        bool is_summary = false) {
  WatchedTensor tensor;
  tensor.is_output = is_output;
  tensor.index = index;
  tensor.kind = stats::Kind::kUint8;
  tensor.is_summary = is_summary;
  stats::ProfileOptions options;
  options.kind = is_summary ? stats::Kind::kFloat64 : stats::Kind::kUint8;
  options.features = features;
  EXPECT_TRUE(stats::TensorProfile::Create(std::move(options), &tensor.profile).ok());
  return tensor;
}

inline std::vector<WatchedTensor> All() {
  return {};
}
template <typename... Rest>
std::vector<WatchedTensor> All(WatchedTensor first, Rest... rest) {
  std::vector<WatchedTensor> all = All(std::move(rest)...);
  all.insert(all.begin(), std::move(first));
  return all;
}

struct Watched {
  explicit Watched(std::vector<WatchedTensor> tensors, JournalOptions journal = {})
      : watch(std::make_shared<Watch>(std::move(tensors), std::move(journal))) {
    slot->watch = watch;
  }
  [[nodiscard]] const stats::TensorProfile& profile(std::size_t index) const {
    return *watch->tensors()[index].profile;
  }

  std::shared_ptr<WatchSlot> slot = std::make_shared<WatchSlot>();
  std::shared_ptr<Watch> watch;
};

struct Noted {
  std::uint64_t wall_ns = 0;
  std::uint32_t row = 0;
  std::string id;
  std::vector<std::string> tensors;
};

class JournalReader {
 public:
  explicit JournalReader(const std::string& text) : text_(text) {}

  [[nodiscard]] bool at_end() const { return at_ == text_.size(); }
  template <typename T>
  T Number() {
    T value{};
    const std::string bytes = Text(sizeof value);
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string Text(std::size_t size) {
    EXPECT_LE(at_ + size, text_.size());
    std::string text = text_.substr(at_, size);
    text.resize(size);
    at_ += size;
    return text;
  }
  Noted Next(std::size_t tensors) {
    const auto size = Number<std::uint32_t>();
    const std::size_t end = at_ + size;
    Noted noted;
    noted.wall_ns = Number<std::uint64_t>();
    noted.row = Number<std::uint32_t>();
    noted.id = Text(Number<std::uint32_t>());
    for (std::size_t i = 0; i < tensors; ++i) {
      const auto length = Number<std::uint32_t>();
      noted.tensors.push_back(length == ~0U ? kLeftOut : Text(length));
    }
    EXPECT_EQ(at_, end);
    return noted;
  }

 private:
  const std::string& text_;
  std::size_t at_ = 0;
};

inline std::vector<Noted> Read(const std::string& journal, std::size_t tensors) {
  JournalReader reader(journal);
  std::vector<Noted> noted;
  while (!reader.at_end() && !testing::Test::HasFailure()) {
    noted.push_back(reader.Next(tensors));
  }
  return noted;
}

}  // namespace leeboard::batch

#endif  // LEEBOARD_TESTS_NATIVE_BATCH_WATCHING_H_
