/* Convolutions without multiplications: for each output channel and exponent, the elements of the
 * window whose weight is 2^e or -2^e are listed. The inner loop adds listed elements of
 * KSA_PIXELS pixels at once; what was added is doubled from one exponent to the next (Horner's
 * rule). Shift kernels have an exponent a weight; other int8 kernels are written in canonical
 * signed digits, 2.7 of them a weight on average, and computed in the same way.
 *
 * A patch holds, for each element of a window, the KSA_PIXELS pixels as x + 128 in halves of words
 * (lanes), the first in the lower half, so that an addition of words adds two pixels. It takes
 * 2 * KSA_PIXELS bytes an element.
 *
 * Packed weights are bytes. An output channel is a sequence of groups of elements of one exponent,
 * the largest exponent first, the last one 0. A group is
 *
 *   a list of the elements to subtract, a list of those to add, a byte
 *
 * whose bits 0 to 2 say how many times is doubled: with bit 6 the lanes, which the next group goes
 * on with; without it the sums of 32 bits, before the lanes are added to them and cleared. Bit 7
 * marks the last group of the channel. Lanes stay between -2^15 and 2^15. A list is
 *
 *   a byte, count + 128 * (there is more); `count` indices of a byte
 *   if there is more: a signed byte, how many times 256 elements the following indices lie behind
 *   the present ones; a list
 *
 * and ends where it began.
 *
 * `bias` of the parameters holds what makes up for the zero points, and for the 2^15 that lanes are
 * moved by when they are added to sums: bias - (input_zero + 128) * sum w - 2^15 * the sum of 2^e
 * over the groups without bit 6, in arithmetic modulo 2^32. */
#ifndef KERAS_SHIFTADD_MICRO_GROUPED_H_
#define KERAS_SHIFTADD_MICRO_GROUPED_H_

#include "gather.h"
#include "requantize_pixels.h"

#define KSA_WORDS (KSA_PIXELS / 2)
#define KSA_ELEMENT_BYTES (2 * KSA_PIXELS)

#if defined(__riscv) && __riscv_xlen == 32 && !defined(__riscv_e) && !defined(__riscv_32e)
#include "grouped_riscv.h"
#elif defined(__thumb__)
#include "grouped_thumb.h"
#else

/* Adds `sign` times the elements of a list to `lanes`; returns where the next list begins. */
static inline const uint8_t* ksa_add_list(const uint8_t* list, const uint32_t* patch,
                                          uint32_t sign, uint32_t* lanes) {
  for (;;) {
    const uint32_t head = *list++;
    for (uint32_t n = head & 127; n; --n) {
      const uint32_t* x = patch + (uint32_t)*list++ * KSA_WORDS;
      for (uint32_t w = 0; w < KSA_WORDS; ++w) lanes[w] += sign * x[w];
    }
    if (head < 128) return list;
    patch += (int8_t)*list++ * (256 * KSA_WORDS);
  }
}

/* The sums of one output channel; returns where the next one's groups begin. */
static const uint8_t* ksa_grouped_sums(const uint8_t* list, const uint32_t* patch,
                                       uint32_t* sums) {
  uint32_t lanes[KSA_WORDS] = {0};
  for (uint32_t i = 0; i < KSA_PIXELS; ++i) sums[i] = 0;
  for (;;) {
    list = ksa_add_list(list, patch, (uint32_t)-1, lanes);
    list = ksa_add_list(list, patch, 1, lanes);
    const uint32_t end = *list++, doublings = end & 7;
    for (uint32_t w = 0; w < KSA_WORDS; ++w) {
      if (end & 64) {
        lanes[w] <<= doublings;
        continue;
      }
      lanes[w] += 0x80008000u;
      sums[2 * w] = (sums[2 * w] << doublings) + (lanes[w] & 0xffff);
      sums[2 * w + 1] = (sums[2 * w + 1] << doublings) + (lanes[w] >> 16);
      lanes[w] = 0;
    }
    if (end & 128) return list;
  }
}

#endif

static uint8_t* ksa_put_lanes(uint8_t* bytes, const int8_t* x, uint32_t count) {
  uint16_t* out = (uint16_t*)(void*)bytes;
  const uint8_t* in = (const uint8_t*)x;
  for (; count >= 4; count -= 4) {
    out[0] = in[0] ^ 0x80;
    out[KSA_PIXELS] = in[1] ^ 0x80;
    out[2 * KSA_PIXELS] = in[2] ^ 0x80;
    out[3 * KSA_PIXELS] = in[3] ^ 0x80;
    out += 4 * KSA_PIXELS;
    in += 4;
  }
  for (; count; --count) {
    *out = *in++ ^ 0x80;
    out += KSA_PIXELS;
  }
  return (uint8_t*)out;
}

static uint8_t* ksa_fill_lanes(uint8_t* bytes, int8_t value, uint32_t count) {
  uint16_t* out = (uint16_t*)(void*)bytes;
  const uint16_t lane = (uint8_t)value ^ 0x80;
  for (; count; --count) {
    *out = lane;
    out += KSA_PIXELS;
  }
  return (uint8_t*)out;
}

static uint32_t ksa_grouped_scratch_bytes(const ksa_conv_params* p) {
  const uint32_t channels = (uint32_t)(p->in_channels / p->groups);
  return (uint32_t)p->kernel_rows * p->kernel_columns * channels * KSA_ELEMENT_BYTES;
}

static void ksa_grouped_conv(const ksa_conv_params* p, const int8_t* x, int8_t* y,
                             uint32_t* patch) {
  const ksa_gather_plan plan = ksa_plan_gather(p, ksa_put_lanes, ksa_fill_lanes);
  const uint32_t filters = p->groups == 1 ? p->out_channels : (uint32_t)(p->out_channels / p->groups);
  uint32_t sums[KSA_PIXELS];
  uint32_t pixels = (uint32_t)p->out_rows * p->out_columns;
  ksa_position first = ksa_first_position(&plan);
  while (pixels) {
    const uint32_t count = pixels < KSA_PIXELS ? pixels : KSA_PIXELS;
    const uint8_t* list = (const uint8_t*)p->weights;
    const int8_t* group_x = x;
    ksa_position at = first;
    uint32_t channel = 0;
    for (uint32_t g = 0; g < p->groups; ++g) {
      at = first;
      for (uint32_t i = 0; i < KSA_PIXELS; ++i) {
        /* Lanes beyond the last pixel repeat it, so that no lane overflows. */
        ksa_gather(&plan, group_x, &at, (uint8_t*)patch + 2 * i);
        if (i + 1 < count) ksa_next_position(&plan, &at);
      }
      group_x += plan.channels;
      for (uint32_t f = 0; f < filters; ++f, ++channel) {
        list = ksa_grouped_sums(list, patch, sums);
        ksa_requantize_pixels(p, channel, sums, count, y + channel);
      }
    }
    ksa_next_position(&plan, &at);
    first = at;
    for (uint32_t i = 0; i < count; ++i) y += p->out_channels;
    pixels -= count;
  }
}

#endif /* KERAS_SHIFTADD_MICRO_GROUPED_H_ */
