// The kernels for AVX2 with FMA; compiled with those flags and run only where they
// exist.

#if defined(__x86_64__)

#include <immintrin.h>

#define LEEBOARD_VECTOR_BYTES 32
#include "stats/bins_inl.h"
#include "stats/kernels_inl.h"

namespace leeboard::stats {
namespace {

struct Wides {
  using Wide = __m256d;
  static constexpr int kWide = 4;

  static Wide LoadWide(const double* from) { return _mm256_load_pd(from); }
  static void StoreWide(double* to, Wide v) { _mm256_store_pd(to, v); }
  static Wide Plus(Wide a, Wide b) { return _mm256_add_pd(a, b); }
  static Wide PlusSquare(Wide a, Wide b) { return _mm256_fmadd_pd(b, b, a); }
  static bool AllFinite(Wide v) {
    const Wide zero = _mm256_sub_pd(v, v);
    return _mm256_movemask_pd(_mm256_cmp_pd(zero, zero, _CMP_UNORD_Q)) == 0;
  }
};

struct Floats : Wides {
  using T = float;
  using Vec = __m256;
  using Count = __m256i;
  static constexpr int kWidth = 8;
  static constexpr int kHalves = 2;
  static constexpr int kBytes = 32;

  static Vec Load(const std::uint8_t* row) {
    return _mm256_loadu_ps(reinterpret_cast<const float*>(row));
  }
  static Vec LoadAligned(const float* from) { return _mm256_load_ps(from); }
  static Count LoadCount(const std::uint32_t* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static void Store(float* to, Vec v) { _mm256_store_ps(to, v); }
  static void StoreCount(std::uint32_t* to, Count v) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), v);
  }
  static Vec Least(Vec v, Vec least) { return _mm256_min_ps(v, least); }
  static Vec Greatest(Vec v, Vec greatest) { return _mm256_max_ps(v, greatest); }
  static Vec IsNumber(Vec v) { return _mm256_cmp_ps(v, v, _CMP_ORD_Q); }
  static Vec IsFinite(Vec v) { return IsNumber(_mm256_sub_ps(v, v)); }
  static Vec AndNot(Vec a, Vec b) { return _mm256_andnot_ps(b, a); }
  static Vec NanUnless(Vec finite, Vec v) {
    return _mm256_blendv_ps(_mm256_sub_ps(v, v), v, finite);
  }
  static Count CountTrue(Count count, Vec is) {
    return _mm256_sub_epi32(count, _mm256_castps_si256(is));
  }
  static Count CountAtLeast(Count count, Vec v, Vec edge) {
    return CountTrue(count, _mm256_cmp_ps(v, edge, _CMP_GE_OQ));
  }
  static Wide Deviation(const std::uint8_t* /*row*/, Vec v, Vec counted, Vec near,
                        int half, Wide shift) {
    const Vec all = _mm256_blendv_ps(near, v, counted);
    const __m128 four =
        half == 0 ? _mm256_castps256_ps128(all) : _mm256_extractf128_ps(all, 1);
    return _mm256_sub_pd(_mm256_cvtps_pd(four), shift);
  }
  static bool Differ(Count a, Count b) {
    return _mm256_movemask_epi8(_mm256_cmpeq_epi32(a, b)) != -1;
  }
};

struct Doubles : Wides {
  using T = double;
  using Vec = __m256d;
  using Count = __m256i;
  static constexpr int kWidth = 4;
  static constexpr int kHalves = 1;
  static constexpr int kBytes = 32;

  static Vec Load(const std::uint8_t* row) {
    return _mm256_loadu_pd(reinterpret_cast<const double*>(row));
  }
  static Vec LoadAligned(const double* from) { return _mm256_load_pd(from); }
  static Count LoadCount(const std::uint64_t* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static void Store(double* to, Vec v) { _mm256_store_pd(to, v); }
  static void StoreCount(std::uint64_t* to, Count v) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(to), v);
  }
  static Vec Least(Vec v, Vec least) { return _mm256_min_pd(v, least); }
  static Vec Greatest(Vec v, Vec greatest) { return _mm256_max_pd(v, greatest); }
  static Vec IsNumber(Vec v) { return _mm256_cmp_pd(v, v, _CMP_ORD_Q); }
  static Vec IsFinite(Vec v) { return IsNumber(_mm256_sub_pd(v, v)); }
  static Vec AndNot(Vec a, Vec b) { return _mm256_andnot_pd(b, a); }
  static Vec NanUnless(Vec finite, Vec v) {
    return _mm256_blendv_pd(_mm256_sub_pd(v, v), v, finite);
  }
  static Count CountTrue(Count count, Vec is) {
    return _mm256_sub_epi64(count, _mm256_castpd_si256(is));
  }
  static Count CountAtLeast(Count count, Vec v, Vec edge) {
    return CountTrue(count, _mm256_cmp_pd(v, edge, _CMP_GE_OQ));
  }
  static Wide Deviation(const std::uint8_t* /*row*/, Vec v, Vec counted, Vec near,
                        int /*half*/, Wide shift) {
    return _mm256_sub_pd(_mm256_blendv_pd(near, v, counted), shift);
  }
  static bool Differ(Count a, Count b) {
    return _mm256_movemask_epi8(_mm256_cmpeq_epi64(a, b)) != -1;
  }
};

// Two passes over rows that the first has brought near: 16 registers do not hold both.
template <typename V, int N>
bool Add(const Block<typename V::T>& block) {
  const bool infinite = AddMoments<V, N, 0>(block);
  CountEdgesFrom<V>(block, 0);
  return infinite;
}

}  // namespace

const Kernels kAvx2Kernels = {"avx2",
                              Add<Floats, 1>,
                              Add<Doubles, 2>,
                              AddToHistogram<float>,
                              AddToHistogram<double>,
                              AddToSketch<float>,
                              AddToSketch<double>};

}  // namespace leeboard::stats

#endif  // defined(__x86_64__)
