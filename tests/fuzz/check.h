// What every fuzz target needs: a promise that ends the process when it is broken, and
// a reader that takes decisions off the front of the input.
//
// No libFuzzer header is used, so that g++ builds the targets for the replay in CI.
//
// Thread safety: none.

#ifndef LEEBOARD_TESTS_FUZZ_CHECK_H_
#define LEEBOARD_TESTS_FUZZ_CHECK_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace leeboard::fuzz {

// Ends the process unless `holds`: libFuzzer and replay_main.cc then keep the input.
inline void Require(bool holds, std::string_view promise) {
  if (!holds) {
    std::fprintf(stderr, "BROKEN PROMISE: %.*s\n", static_cast<int>(promise.size()),
                 promise.data());
    std::abort();
  }
}

// Decisions out of the input. At its end every number is 0 and every text empty.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

  std::uint8_t Byte() {
    return rest_.empty() ? 0 : static_cast<std::uint8_t>(Take(1)[0]);
  }
  // REQUIRES: bound is 1 to 256.
  std::size_t Below(std::size_t bound) { return Byte() % bound; }
  bool Coin() { return (Byte() & 1U) != 0; }
  std::uint32_t Word() {
    std::uint32_t word = 0;
    for (int i = 0; i < 4; ++i) {
      word = word << 8U | Byte();
    }
    return word;
  }
  // At most `size` bytes.
  std::string_view Take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  // A length of one byte, then as many bytes.
  std::string_view Text() { return Take(Byte()); }

 private:
  std::string_view rest_;
};

}  // namespace leeboard::fuzz

#endif  // LEEBOARD_TESTS_FUZZ_CHECK_H_
