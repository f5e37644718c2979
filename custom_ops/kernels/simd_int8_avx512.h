// Int8 vectors of AVX-512 with VNNI.
#ifndef KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX512_H_
#define KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX512_H_

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

#include "int8_format.h"

namespace shiftadd {
namespace avx512 {

constexpr char kInt8Target[] = "avx512";
constexpr int kFilters = 16;

// Sums of kFilters output channels, in the lower halves of 64-bit lanes.
struct Totals {
  __m512i first, second;
};

// psadbw leaves the sum of eight differences in 64 bits: a lane an output channel.
struct AdderLanes {
  static constexpr int kStep = 8, kSideBySide = 8, kPixels = 8;
  static constexpr bool kSubtracts = true, kFlipsInput = true, kInterleaved = false;
  using Input = __m512i;
  using Weights = Totals;
  using Sums = Totals;

  static constexpr int filter_of_lane(int lane) { return lane; }
  static constexpr int filter_of_position(int position) { return position; }

  static SHIFTADD_INLINE Sums start(int32_t tail) {
    const __m512i sum = _mm512_set1_epi64(-int64_t{tail});
    return {sum, sum};
  }
  static SHIFTADD_INLINE Weights load(const uint8_t* p) {
    return {_mm512_loadu_si512(p), _mm512_loadu_si512(p + 64)};
  }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    int64_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm512_set1_epi64(bytes);
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, Input x, const Weights& w) {
    sums.first = _mm512_add_epi64(sums.first, _mm512_sad_epu8(x, w.first));
    sums.second = _mm512_add_epi64(sums.second, _mm512_sad_epu8(x, w.second));
  }
  static SHIFTADD_INLINE Totals totals(const Sums& sums) { return sums; }
};

// sum |x - w| = 2 sum max(x, w) - sum x - sum w, two partial sums an output channel: the same
// number of instructions, which find free ports more often. Takes the sum of each window first.
constexpr bool kHasMaxAdder = true;
struct MaxAdderLanes : AdderLanes {
  static SHIFTADD_INLINE Sums start(int32_t window_sum) {
    const __m512i sum = _mm512_set1_epi64(int64_t{0 - static_cast<uint32_t>(window_sum)});
    return {sum, sum};
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, Input x, const Weights& w) {
    __m512i two = _mm512_set1_epi8(2);
    sums.first = _mm512_dpbusd_epi32(sums.first, _mm512_max_epu8(x, w.first), two);
    sums.second = _mm512_dpbusd_epi32(sums.second, _mm512_max_epu8(x, w.second), two);
  }
  static SHIFTADD_INLINE Totals totals(const Sums& sums) {
    return {_mm512_add_epi32(sums.first, _mm512_srli_epi64(sums.first, 32)),
            _mm512_add_epi32(sums.second, _mm512_srli_epi64(sums.second, 32))};
  }
};

// The sum of bytes, 64 at a time.
class ByteSum {
 public:
  SHIFTADD_INLINE void add(const uint8_t* p, int64_t count) {
    for (; count > 0; count -= 64, p += 64) {
      const __mmask64 mask = count >= 64 ? ~__mmask64{0} : (__mmask64{1} << count) - 1;
      const __m512i bytes = _mm512_maskz_loadu_epi8(mask, p);
      sum_ = _mm512_add_epi64(sum_, _mm512_sad_epu8(bytes, _mm512_setzero_si512()));
    }
  }
  SHIFTADD_INLINE int32_t total() const {
    return static_cast<int32_t>(_mm512_reduce_add_epi64(sum_));
  }

 private:
  __m512i sum_ = _mm512_setzero_si512();
};

// A 32-bit lane an output channel; even lanes hold the first half of a block, odd ones the second.
struct ShiftLanes {
  static constexpr int kStep = 4, kSideBySide = 4, kPixels = 8;
  static constexpr bool kSubtracts = false, kFlipsInput = true, kInterleaved = false;
  using Input = __m512i;
  using Weights = __m512i;
  using Sums = __m512i;

  static constexpr int filter_of_lane(int lane) { return lane; }
  static constexpr int filter_of_position(int position) {
    return position / 2 + position % 2 * (kFilters / 2);
  }

  static SHIFTADD_INLINE Sums start(int32_t) { return _mm512_setzero_si512(); }
  static SHIFTADD_INLINE Weights load(const uint8_t* p) { return _mm512_loadu_si512(p); }
  static SHIFTADD_INLINE Input broadcast(const uint8_t* p) {
    int32_t bytes;
    memcpy(&bytes, p, sizeof(bytes));
    return _mm512_set1_epi32(bytes);
  }
  static SHIFTADD_INLINE void add_step(Sums& sums, Input x, Weights w) {
    sums = _mm512_dpbusd_epi32(sums, x, w);
  }
  static SHIFTADD_INLINE Totals totals(Sums sums) { return {sums, _mm512_srli_epi64(sums, 32)}; }
};
using SmallShiftLanes = ShiftLanes;

// A 32-bit lane a channel; the input is signed.
struct DepthwiseLanes {
  static constexpr int kPixels = 4;
  static constexpr bool kSubtracts = false, kInterleaved = true;
  using Sums = __m512i;

  static constexpr int filter_of_lane(int lane) {
    return lane % (kFilters / 2) * 2 + lane / (kFilters / 2);
  }

  static SHIFTADD_INLINE Sums start() { return _mm512_setzero_si512(); }
  static SHIFTADD_INLINE __m512i load_weights(const int32_t* p) { return _mm512_loadu_si512(p); }
  static SHIFTADD_INLINE __m512i load_input(const int8_t* p) {
    return _mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static SHIFTADD_INLINE void subtract_difference(Sums& sums, __m512i x, __m512i w) {
    sums = _mm512_sub_epi32(sums, _mm512_abs_epi32(_mm512_sub_epi32(x, w)));
  }
  // The lower 16 bits of x times those of w; the upper ones of w are zero.
  static SHIFTADD_INLINE void add_product(Sums& sums, __m512i x, __m512i w) {
    sums = _mm512_add_epi32(sums, _mm512_madd_epi16(x, w));
  }
  static SHIFTADD_INLINE Totals totals(Sums sums) { return {sums, _mm512_srli_epi64(sums, 32)}; }
};

template <typename Lanes>
class Requantizer {
 public:
  SHIFTADD_INLINE Requantizer(const Int8Channels<kFilters>& c, const Int8Header& h)
      : multiplier_{_mm512_loadu_si512(c.multiplier),
                    _mm512_loadu_si512(c.multiplier + kFilters / 2)},
        addend_{_mm512_loadu_si512(c.addend), _mm512_loadu_si512(c.addend + kFilters / 2)},
        shift_(_mm512_sub_epi32(_mm512_loadu_si512(c.shift), _mm512_set1_epi32(32))),
        low_(_mm_set1_epi8(static_cast<int8_t>(h.low))),
        high_(_mm_set1_epi8(static_cast<int8_t>(h.high))) {}

  SHIFTADD_INLINE void store(const Totals& t, int8_t* y) const {
    const __m512i first = scale(t.first, multiplier_.first, addend_.first);
    const __m512i second = scale(t.second, multiplier_.second, addend_.second);
    __m512i upper;
    if (Lanes::kInterleaved) {
      upper = _mm512_mask_mov_epi32(_mm512_srli_epi64(first, 32), 0xAAAA, second);
    } else {
      const __m512i odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29,
                                            31);
      upper = _mm512_permutex2var_epi32(first, odd, second);
    }
    const __m128i bytes = _mm512_cvtsepi32_epi8(_mm512_srav_epi32(upper, shift_));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(y),
                     _mm_min_epi8(_mm_max_epi8(bytes, low_), high_));
  }

 private:
  static SHIFTADD_INLINE __m512i scale(__m512i sum, __m512i multiplier, __m512i addend) {
    const __m512i product = _mm512_mul_epi32(sum, multiplier);
    return Lanes::kSubtracts ? _mm512_sub_epi64(addend, product)
                             : _mm512_add_epi64(addend, product);
  }

  Totals multiplier_, addend_;
  __m512i shift_;
  __m128i low_, high_;
};

// Lane by lane, as in Int8Channels.
inline void store_totals(const Totals& t, int32_t* out) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), _mm512_cvtepi64_epi32(t.first));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out + kFilters / 2),
                      _mm512_cvtepi64_epi32(t.second));
}

}  // namespace avx512
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_SIMD_INT8_AVX512_H_
