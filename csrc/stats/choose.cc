// Which kernels run here: asked of the processor once.

#include <cstdlib>
#include <cstring>

#include "stats/kernels.h"

namespace leeboard::stats {
namespace {

bool Allows(const char* most, const char* name) {
  return most == nullptr || std::strcmp(most, name) == 0;
}

}  // namespace

const Kernels& ChooseKernels() {
#if defined(__x86_64__)
  // Read at each call, so that a test can lower it; nobody writes it in a server.
  const char* most = std::getenv("LEEBOARD_SIMD");  // NOLINT(concurrency-mt-unsafe)
  __builtin_cpu_init();
  const bool avx2 =
      __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0;
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") != 0 &&
                      __builtin_cpu_supports("avx512bw") != 0 &&
                      __builtin_cpu_supports("avx512dq") != 0 &&
                      __builtin_cpu_supports("avx512vl") != 0;
  if (avx512 && Allows(most, "avx512")) {
    return kAvx512Kernels;
  }
  if (avx2 && (Allows(most, "avx2") || Allows(most, "avx512"))) {
    return kAvx2Kernels;
  }
#endif
  return kPortableKernels;
}

}  // namespace leeboard::stats
