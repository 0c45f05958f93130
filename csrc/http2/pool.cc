#include "http2/pool.h"

#include "http2/answer.h"
#include "http2/stream.h"

namespace leeboard::http2 {
namespace {

constexpr std::size_t kBlocksKept = 64;
constexpr std::size_t kCallsKept = 16'384;

}  // namespace

Pool::Pool()
    : receive_buffer(std::make_unique_for_overwrite<std::uint8_t[]>(kReceiveBytes)),
      blocks(kBlocksKept),
      streams(kCallsKept),
      answers(kCallsKept) {}

Pool::~Pool() = default;

}  // namespace leeboard::http2
