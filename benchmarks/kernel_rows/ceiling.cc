// How many terms a core can do at most: the arithmetic of the inner loops, without their memory.
//
// Every function runs `rounds` rounds and returns the number of terms, pairs of an input element
// and a kernel element, that a kernel would have done with these instructions; 0 where the
// instruction set has no such loop. Operands pass through empty assembly, so that the compiler
// can neither hoist nor merge what depends on them.
#include <stdint.h>

// All sums must become registers.
#define UNROLL _Pragma("GCC unroll 16")
#define EXPORT extern "C" __attribute__((visibility("default")))

#if defined(__AVX512F__) || defined(__AVX2__)
// GCC 12 takes the undefined vectors inside of its own intrinsics for mistakes.
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#pragma GCC diagnostic ignored "-Wuninitialized"
#include <immintrin.h>
#define OPAQUE(value) asm volatile("" : "+v"(value))
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#define OPAQUE(value) asm volatile("" : "+w"(value))
#endif

namespace {

#if defined(__AVX512F__)
using Floats = __m512;
using Ints = __m512i;
constexpr int kFloats = 16, kSums = 16;
inline Floats floats(float a) { return _mm512_set1_ps(a); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Floats fused_sub(Floats a, Floats b, Floats c) { return _mm512_fmsub_ps(a, b, c); }
inline Floats sub(Floats a, Floats b) { return _mm512_sub_ps(a, b); }
inline Floats max(Floats a, Floats b) { return _mm512_max_ps(a, b); }
inline Floats clip(Floats a, Floats one) { return _mm512_range_ps(a, one, 0x2); }
inline Ints bytes(char a) { return _mm512_set1_epi8(a); }
inline Ints broadcast(int64_t a) { return _mm512_set1_epi64(a); }
inline Ints load(const void* p) { return _mm512_load_si512(p); }
inline Ints distance(Ints sum, Ints x, Ints w) {
  return _mm512_add_epi64(sum, _mm512_sad_epu8(x, w));
}
inline Ints product(Ints sum, Ints x, Ints, Ints w, Ints) { return _mm512_dpbusd_epi32(sum, x, w); }
constexpr int kBytes = 64, kProducts = 64;
#elif defined(__AVX2__)
using Floats = __m256;
using Ints = __m256i;
constexpr int kFloats = 8, kSums = 10;
inline Floats floats(float a) { return _mm256_set1_ps(a); }
inline Floats fma(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Floats fused_sub(Floats a, Floats b, Floats c) { return _mm256_fmsub_ps(a, b, c); }
inline Floats sub(Floats a, Floats b) { return _mm256_sub_ps(a, b); }
inline Floats max(Floats a, Floats b) { return _mm256_max_ps(a, b); }
// The minimum of the bits as signed numbers bounds from above, as unsigned ones from below.
inline Floats clip(Floats a, Floats one) {
  const Ints minus_one = _mm256_castps_si256(_mm256_set1_ps(-1.0f));
  const Ints upper = _mm256_min_epi32(_mm256_castps_si256(a), _mm256_castps_si256(one));
  return _mm256_castsi256_ps(_mm256_min_epu32(upper, minus_one));
}
inline Ints bytes(char a) { return _mm256_set1_epi8(a); }
inline Ints broadcast(int64_t a) { return _mm256_set1_epi64x(a); }
inline Ints load(const void* p) { return _mm256_load_si256(static_cast<const Ints*>(p)); }
inline Ints distance(Ints sum, Ints x, Ints w) {
  return _mm256_add_epi64(sum, _mm256_sad_epu8(x, w));
}
inline Ints product(Ints sum, Ints x0, Ints x1, Ints w0, Ints w1) {
  const Ints pairs = _mm256_add_epi16(_mm256_maddubs_epi16(x0, w0), _mm256_maddubs_epi16(x1, w1));
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
constexpr int kBytes = 32, kProducts = 64;
#elif defined(__ARM_NEON)
using Floats = float32x4_t;
constexpr int kFloats = 4, kSums = 16;
inline Floats floats(float a) { return vdupq_n_f32(a); }
inline Floats fma(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
inline Floats fused_sub(Floats a, Floats, Floats c) { return vsubq_f32(a, c); }
inline Floats sub(Floats a, Floats b) { return vsubq_f32(a, b); }
inline Floats max(Floats a, Floats b) { return vmaxq_f32(a, b); }
inline Floats clip(Floats a, Floats one) { return vmaxq_f32(vnegq_f32(one), vminq_f32(a, one)); }
#endif

enum Loop { kFma, kMaxFma, kClipFma };

#ifdef OPAQUE
template <Loop kLoop>
int64_t run_floats(int64_t rounds) {
  Floats sums[kSums], x = floats(1.0f), w = floats(2.0f), one = floats(1.0f);
  OPAQUE(one);
  UNROLL for (int i = 0; i < kSums; ++i) sums[i] = floats(0.0f);
  for (int64_t round = 0; round < rounds; ++round) {
    UNROLL for (int i = 0; i < kSums; ++i) {
      OPAQUE(x);
      if (kLoop == kFma) sums[i] = fma(x, w, sums[i]);
      if (kLoop == kMaxFma) sums[i] = fma(max(x, w), one, sums[i]);
      if (kLoop == kClipFma) {
        // Every other difference goes to the ports of the FMAs, as in the input gradient.
        const Floats difference = i % 2 == 0 ? sub(w, x) : fused_sub(w, one, x);
        sums[i] = fma(w, clip(difference, one), sums[i]);
      }
    }
  }
  UNROLL for (int i = 0; i < kSums; ++i) OPAQUE(sums[i]);
  return rounds * kSums * kFloats;
}
#else
template <Loop>
int64_t run_floats(int64_t) {
  return 0;
}
#endif

}  // namespace

EXPORT int64_t ceiling_fma(int64_t rounds) { return run_floats<kFma>(rounds); }
EXPORT int64_t ceiling_max_fma(int64_t rounds) { return run_floats<kMaxFma>(rounds); }
EXPORT int64_t ceiling_clip_fma(int64_t rounds) { return run_floats<kClipFma>(rounds); }

#if defined(__AVX2__)
// Some processors read operands from the first-level cache faster than from registers that were
// written long ago. So the bytes come from there, as in the kernels.
EXPORT int64_t ceiling_distance(int64_t rounds) {
  alignas(64) int64_t x[kSums / 2] = {}, w[2 * kBytes / 8] = {};
  const int64_t* from = x;
  const int64_t* weights = w;
  Ints sums[kSums / 2][2];
  UNROLL for (int i = 0; i < kSums / 2; ++i) sums[i][0] = sums[i][1] = bytes(0);
  for (int64_t round = 0; round < rounds; ++round) {
    asm volatile("" : "+r"(from), "+r"(weights) : : "memory");
    const Ints first = load(weights), second = load(weights + kBytes / 8);
    UNROLL for (int i = 0; i < kSums / 2; ++i) {
      const Ints value = broadcast(from[i]);
      sums[i][0] = distance(sums[i][0], value, first);
      sums[i][1] = distance(sums[i][1], value, second);
    }
  }
  UNROLL for (int i = 0; i < kSums / 2; ++i) {
    OPAQUE(sums[i][0]);
    OPAQUE(sums[i][1]);
  }
  return rounds * kSums * kBytes;
}
EXPORT int64_t ceiling_product(int64_t rounds) {
  Ints sums[kSums], x = bytes(1), x1 = bytes(1), w = bytes(2), w1 = bytes(4);
  UNROLL for (int i = 0; i < kSums; ++i) sums[i] = bytes(0);
  for (int64_t round = 0; round < rounds; ++round) {
    UNROLL for (int i = 0; i < kSums; ++i) {
      OPAQUE(x);
      OPAQUE(x1);
      sums[i] = product(sums[i], x, x1, w, w1);
    }
  }
  UNROLL for (int i = 0; i < kSums; ++i) OPAQUE(sums[i]);
  return rounds * kSums * kProducts;
}
#else
EXPORT int64_t ceiling_distance(int64_t) { return 0; }
EXPORT int64_t ceiling_product(int64_t) { return 0; }
#endif
