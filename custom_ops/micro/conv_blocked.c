/* Products, for cores with a multiplier and many registers: sixteen sums at a time from four bytes
 * of a patch and four weights. The sums begin with the bias less the zero point's share; what is
 * filled up has weights of 0. */
#include "shiftadd_micro.h"

#define KSA_PIXELS 4
#define KSA_FILTERS 4
#define KSA_NOTHING 0

typedef int8_t ksa_element;

static uint8_t* ksa_put_elements(uint8_t* out, const int8_t* x, uint32_t count) {
  for (; count >= 4; count -= 4, x += 4, out += 4 * KSA_PIXELS) {
    out[0] = (uint8_t)x[0];
    out[KSA_PIXELS] = (uint8_t)x[1];
    out[2 * KSA_PIXELS] = (uint8_t)x[2];
    out[3 * KSA_PIXELS] = (uint8_t)x[3];
  }
  for (; count; --count, out += KSA_PIXELS) *out = (uint8_t)*x++;
  return out;
}

static uint8_t* ksa_fill_elements(uint8_t* out, int8_t value, uint32_t count) {
  for (; count; --count, out += KSA_PIXELS) *out = (uint8_t)value;
  return out;
}

#if defined(__riscv_mul) && __riscv_xlen == 32 && !defined(__riscv_e) && !defined(__riscv_32e)

#define KSA_LOAD_PIXEL "lb"
#define KSA_PIXEL_BYTES "1"
#define KSA_LOAD_WEIGHT "lb"
#define KSA_ENTRY(pixel, sum) "mul s10, " pixel ", s9\n add " sum ", " sum ", s10\n"
#include "blocked_riscv.h"

#else

#define KSA_FILTER(f, a, b, c, d) \
  {                               \
    const int32_t weight = w[f];  \
    a += first * weight;          \
    b += second * weight;         \
    c += third * weight;          \
    d += fourth * weight;         \
  }
#define KSA_STORE(f, a, b, c, d)  \
  sums[4 * f] = (uint32_t)a;      \
  sums[4 * f + 1] = (uint32_t)b;  \
  sums[4 * f + 2] = (uint32_t)c;  \
  sums[4 * f + 3] = (uint32_t)d;

/* Alone in a function, the sums stay in registers. */
#if defined(__GNUC__)
__attribute__((noinline))
#endif
static void ksa_block_sums(const uint8_t* weights, const int8_t* patch, const int8_t* end,
                           uint32_t* sums) {
  const int8_t* w = (const int8_t*)weights;
  int32_t a0 = 0, b0 = 0, c0 = 0, d0 = 0, a1 = 0, b1 = 0, c1 = 0, d1 = 0;
  int32_t a2 = 0, b2 = 0, c2 = 0, d2 = 0, a3 = 0, b3 = 0, c3 = 0, d3 = 0;
  for (; patch != end; patch += KSA_PIXELS, w += KSA_FILTERS) {
    const int32_t first = patch[0], second = patch[1], third = patch[2], fourth = patch[3];
    KSA_FILTER(0, a0, b0, c0, d0)
    KSA_FILTER(1, a1, b1, c1, d1)
    KSA_FILTER(2, a2, b2, c2, d2)
    KSA_FILTER(3, a3, b3, c3, d3)
  }
  KSA_STORE(0, a0, b0, c0, d0)
  KSA_STORE(1, a1, b1, c1, d1)
  KSA_STORE(2, a2, b2, c2, d2)
  KSA_STORE(3, a3, b3, c3, d3)
}

#endif

#include "blocked.h"

size_t ksa_conv_blocked_scratch_bytes(const ksa_conv_params* params) {
  return ksa_blocked_scratch_bytes(params);
}

void ksa_conv_blocked(const ksa_conv_params* params, const int8_t* x, int8_t* y, void* scratch) {
  ksa_blocked_conv(params, x, y, (ksa_element*)scratch);
}
