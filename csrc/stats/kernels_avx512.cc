// The kernels for AVX-512 (F, BW, DQ, VL); compiled with those flags and run only where
// they exist.

#if defined(__x86_64__)

// GCC 12's own header starts its undefined vectors with themselves.
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#include <immintrin.h>

#define LEEBOARD_VECTOR_BYTES 64
#include "stats/bins_inl.h"
#include "stats/kernels_inl.h"

namespace leeboard::stats {
namespace {

struct Wides {
  using Wide = __m512d;
  static constexpr int kWide = 8;

  static Wide LoadWide(const double* from) { return _mm512_load_pd(from); }
  static void StoreWide(double* to, Wide v) { _mm512_store_pd(to, v); }
  static Wide Plus(Wide a, Wide b) { return _mm512_add_pd(a, b); }
  static Wide PlusSquare(Wide a, Wide b) { return _mm512_fmadd_pd(b, b, a); }
  static bool AllFinite(Wide v) {
    const Wide zero = _mm512_sub_pd(v, v);
    return _mm512_cmp_pd_mask(zero, zero, _CMP_UNORD_Q) == 0;
  }
};

struct Floats : Wides {
  using T = float;
  using Vec = __m512;
  using Count = __m512i;
  static constexpr int kWidth = 16;
  static constexpr int kHalves = 2;
  static constexpr int kBytes = 64;

  static Vec Load(const std::uint8_t* row) { return _mm512_loadu_ps(row); }
  static Vec LoadAligned(const float* from) { return _mm512_load_ps(from); }
  static Count LoadCount(const std::uint32_t* from) { return _mm512_load_si512(from); }
  static void Store(float* to, Vec v) { _mm512_store_ps(to, v); }
  static void StoreCount(std::uint32_t* to, Count v) { _mm512_store_si512(to, v); }
  static Vec Least(Vec v, Vec least) { return _mm512_min_ps(v, least); }
  static Vec Greatest(Vec v, Vec greatest) { return _mm512_max_ps(v, greatest); }
  static __mmask16 IsNumber(Vec v) { return _mm512_cmp_ps_mask(v, v, _CMP_ORD_Q); }
  static __mmask16 IsFinite(Vec v) { return IsNumber(_mm512_sub_ps(v, v)); }
  static __mmask16 AndNot(__mmask16 a, __mmask16 b) { return a & ~b; }
  static Vec NanUnless(__mmask16 finite, Vec v) {
    return _mm512_mask_sub_ps(v, static_cast<__mmask16>(~finite), v, v);
  }
  static Count CountTrue(Count count, __mmask16 is) {
    return _mm512_mask_add_epi32(count, is, count, _mm512_set1_epi32(1));
  }
  static Count CountAtLeast(Count count, Vec v, Vec edge) {
    return CountTrue(count, _mm512_cmp_ps_mask(v, edge, _CMP_GE_OQ));
  }
  static Wide Deviation(const std::uint8_t* row, Vec /*v*/, __mmask16 counted,
                        Vec /*near*/, int half, Wide shift) {
    const __m256 eight =
        _mm256_loadu_ps(reinterpret_cast<const float*>(row) + std::ptrdiff_t{8} * half);
    const auto mask = static_cast<__mmask8>(half == 0 ? counted : counted >> 8);
    return _mm512_maskz_sub_pd(mask, _mm512_cvtps_pd(eight), shift);
  }
  static bool Differ(Count a, Count b) { return _mm512_cmpneq_epi32_mask(a, b) != 0; }
};

struct Doubles : Wides {
  using T = double;
  using Vec = __m512d;
  using Count = __m512i;
  static constexpr int kWidth = 8;
  static constexpr int kHalves = 1;
  static constexpr int kBytes = 64;

  static Vec Load(const std::uint8_t* row) { return _mm512_loadu_pd(row); }
  static Vec LoadAligned(const double* from) { return _mm512_load_pd(from); }
  static Count LoadCount(const std::uint64_t* from) { return _mm512_load_si512(from); }
  static void Store(double* to, Vec v) { _mm512_store_pd(to, v); }
  static void StoreCount(std::uint64_t* to, Count v) { _mm512_store_si512(to, v); }
  static Vec Least(Vec v, Vec least) { return _mm512_min_pd(v, least); }
  static Vec Greatest(Vec v, Vec greatest) { return _mm512_max_pd(v, greatest); }
  static __mmask8 IsNumber(Vec v) { return _mm512_cmp_pd_mask(v, v, _CMP_ORD_Q); }
  static __mmask8 IsFinite(Vec v) { return IsNumber(_mm512_sub_pd(v, v)); }
  static __mmask8 AndNot(__mmask8 a, __mmask8 b) { return a & ~b; }
  static Vec NanUnless(__mmask8 finite, Vec v) {
    return _mm512_mask_sub_pd(v, static_cast<__mmask8>(~finite), v, v);
  }
  static Count CountTrue(Count count, __mmask8 is) {
    return _mm512_mask_add_epi64(count, is, count, _mm512_set1_epi64(1));
  }
  static Count CountAtLeast(Count count, Vec v, Vec edge) {
    return CountTrue(count, _mm512_cmp_pd_mask(v, edge, _CMP_GE_OQ));
  }
  static Wide Deviation(const std::uint8_t* /*row*/, Vec v, __mmask8 counted,
                        Vec /*near*/, int /*half*/, Wide shift) {
    return _mm512_maskz_sub_pd(counted, v, shift);
  }
  static bool Differ(Count a, Count b) { return _mm512_cmpneq_epi64_mask(a, b) != 0; }
};

// Moments and the first edges in one pass: 32 registers hold both.
template <typename V>
bool Add(const Block<typename V::T>& block) {
  using AddOne = bool (*)(const Block<typename V::T>&);
  static constexpr AddOne kAdds[] = {
      AddMoments<V, 1, 0>, AddMoments<V, 1, 1>,  AddMoments<V, 1, 2>,
      AddMoments<V, 1, 3>, AddMoments<V, 1, 4>,  AddMoments<V, 1, 5>,
      AddMoments<V, 1, 6>, AddMoments<V, 1, 7>,  AddMoments<V, 1, 8>,
      AddMoments<V, 1, 9>, AddMoments<V, 1, 10>, AddMoments<V, 1, 11>};
  const std::uint32_t fused = block.edge_count < 11 ? block.edge_count : 11;
  const bool infinite = kAdds[fused](block);
  CountEdgesFrom<V>(block, fused);
  return infinite;
}

}  // namespace

const Kernels kAvx512Kernels = {"avx512",
                                Add<Floats>,
                                Add<Doubles>,
                                AddToHistogram<float>,
                                AddToHistogram<double>,
                                AddToSketch<float>,
                                AddToSketch<double>};

}  // namespace leeboard::stats

#endif  // defined(__x86_64__)
