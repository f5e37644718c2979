/* Dense convolutions of two pixels and four output channels at a time, for cores with Arm's DSP
 * instructions. Two files say what a step of the sums is, adder_conv_dsp.c and conv_dsp.c; this
 * drives it over an image. Before they include this, they define
 *
 *   KSA_WORDS                      patch words for four elements of a window
 *   ksa_expand(word, out)          writes them, KSA_PIXELS words apart
 *   KSA_STEP                       one step in assembler: r0 patches, r1 weights, r4-r7 sums of the
 *                                  first pixel, r8-r11 of the second, r2, r3, r12, lr free
 *   ksa_step(x, weights)           the same in C for one pixel and one of four channels
 *   KSA_SIGN                       1 if the sums are those of docs/integer_ops.md, -1 if negated
 *   KSA_FUNCTION                   the name of the kernel
 *
 * Patches hold a word of the first pixel, one of the second, and so on. Packed weights are blocks
 * of four output channels, the last one filled up with zeros, aligned to 4 bytes:
 *
 *   int32 start[4]        what the sums begin with
 *   steps                 16 / KSA_WORDS bytes for each patch word of a pixel
 *   int32 multiplier[4]   negated if the sums are
 *
 * A fast layer, one whose `shift` is null, has single rounding and a shift of 32 in every channel,
 * so that SMMLAR and SSAT requantise. Others take multipliers and shifts from the parameters. */
#ifndef KERAS_SHIFTADD_MICRO_PAIRS_DSP_H_
#define KERAS_SHIFTADD_MICRO_PAIRS_DSP_H_

#include "memory.h"
#include "requantize.h"

#define KSA_PIXELS 2
#define KSA_FILTERS 4
#define KSA_STEP_BYTES (16 / KSA_WORDS)

/* Where the next elements of a pixel go; bytes that do not yet fill a word wait in `rest`. */
typedef struct {
  uint32_t* out;
  uint32_t rest, bits;
  uint32_t outside; /* four bytes of the zero point */
} ksa_cursor;

static inline ksa_cursor ksa_flush(ksa_cursor at, uint32_t word) {
  ksa_expand(word, at.out);
  at.out += KSA_WORDS * KSA_PIXELS;
  return at;
}

static inline ksa_cursor ksa_append_word(ksa_cursor at, uint32_t word) {
  at = ksa_flush(at, at.rest | word << at.bits);
  at.rest = word >> (32 - at.bits);
  return at;
}

static inline ksa_cursor ksa_append_byte(ksa_cursor at, uint32_t byte) {
  at.rest |= byte << at.bits;
  at.bits += 8;
  if (at.bits < 32) return at;
  at = ksa_flush(at, at.rest);
  at.rest = at.bits = 0;
  return at;
}

static inline ksa_cursor ksa_put(ksa_cursor at, const int8_t* x, uint32_t count) {
  const int8_t* words_end = x + (count & ~(uint32_t)3);
  const int8_t* end = x + count;
  uint32_t word;
  if (at.bits == 0) {
    for (; x != words_end; x += 4) {
      memcpy(&word, x, 4);
      at = ksa_flush(at, word);
    }
  } else {
    for (; x != words_end; x += 4) {
      memcpy(&word, x, 4);
      at = ksa_append_word(at, word);
    }
  }
  for (; x != end; ++x) at = ksa_append_byte(at, (uint8_t)*x);
  return at;
}

static inline ksa_cursor ksa_fill(ksa_cursor at, uint32_t count) {
  for (; count >= 4; count -= 4) {
    at = at.bits == 0 ? ksa_flush(at, at.outside) : ksa_append_word(at, at.outside);
  }
  for (; count; --count) at = ksa_append_byte(at, at.outside & 0xff);
  return at;
}

#include "gather.h"

/* What the inner functions read. The assembler knows the order. */
typedef struct {
  const uint8_t* weights;
  const uint32_t* patches;
  const uint32_t* unrolled_end; /* of the patches, in steps of four */
  const uint32_t* end;
  int8_t* y[KSA_PIXELS];
  int32_t zero;
  const uint8_t* weights_end;
} ksa_pairs;

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)

/* The sums of one block, in r4-r11. Afterwards r1 points at its multipliers. */
#define KSA_SUMS                                                            \
  "ldr r0, [sp]\n"                                                          \
  "ldm r1!, {r4, r5, r6, r7}\n"                                             \
  "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"                   \
  "ldr r2, [sp, #4]\n cmp r0, r2\n beq 3f\n"                                \
  "2:\n" KSA_STEP KSA_STEP KSA_STEP KSA_STEP                                \
  "ldr r2, [sp, #4]\n cmp r0, r2\n bne 2b\n"                                \
  "3: ldr r2, [sp, #8]\n cmp r0, r2\n beq 5f\n"                             \
  "4:\n" KSA_STEP                                                           \
  "ldr r2, [sp, #8]\n cmp r0, r2\n bne 4b\n"                                \
  "5:\n"

#define KSA_ENTER                                     \
  "push {r4-r11, lr}\n"                               \
  "sub sp, #28\n"                                     \
  "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8}\n"        \
  "stm sp, {r2, r3, r4, r5, r6, r7, r8}\n"

#define KSA_REQUANTIZE(first, second)                       \
  "smmlar " first ", " first ", r3, r12\n"                  \
  "smmlar " second ", " second ", r3, r12\n"                \
  "ssat " first ", #8, " first "\n"                         \
  "ssat " second ", #8, " second "\n"                       \
  "strb " first ", [r0], #1\n"                              \
  "strb " second ", [r2], #1\n"

/* All blocks of a fast layer. */
__attribute__((naked, noinline)) static void ksa_fast_pairs(
    const ksa_pairs* pairs __attribute__((unused))) {
  __asm__ volatile(
      KSA_ENTER
      "1:\n" KSA_SUMS
      "ldrd r0, r2, [sp, #12]\n"
      "ldr r12, [sp, #20]\n"
      "ldrd r3, lr, [r1], #8\n"
      KSA_REQUANTIZE("r4", "r8")
      "mov r3, lr\n"
      KSA_REQUANTIZE("r5", "r9")
      "ldrd r3, lr, [r1], #8\n"
      KSA_REQUANTIZE("r6", "r10")
      "mov r3, lr\n"
      KSA_REQUANTIZE("r7", "r11")
      "strd r0, r2, [sp, #12]\n"
      "ldr r3, [sp, #24]\n cmp r1, r3\n bne 1b\n"
      "add sp, #28\n"
      "pop {r4-r11, pc}\n");
}

/* The sums of one block. */
__attribute__((naked, noinline)) static void ksa_pair_sums(
    const ksa_pairs* pairs __attribute__((unused)), int32_t* sums __attribute__((unused))) {
  __asm__ volatile(
      "push {r1}\n"
      "push {r4-r11, lr}\n"
      "sub sp, #28\n"
      "ldm r0, {r1, r2, r3, r4}\n"
      "stm sp, {r2, r3, r4}\n"
      KSA_SUMS
      "ldr r0, [sp, #64]\n"
      "stm r0, {r4-r11}\n"
      "add sp, #28\n"
      "pop {r4-r11, lr}\n"
      "add sp, #4\n"
      "bx lr\n");
}

#else

static void ksa_pair_sums(const ksa_pairs* pairs, int32_t* sums) {
  const uint8_t* weights = pairs->weights;
  for (uint32_t p = 0; p < KSA_PIXELS; ++p) memcpy(sums + KSA_FILTERS * p, weights, 16);
  weights += 16;
  for (const uint32_t* x = pairs->patches; x != pairs->end; x += KSA_PIXELS) {
    for (uint32_t f = 0; f < KSA_FILTERS; ++f) {
      sums[f] += ksa_step(x[0], weights, f);
      sums[KSA_FILTERS + f] += ksa_step(x[1], weights, f);
    }
    weights += KSA_STEP_BYTES;
  }
}

#endif

/* SMMLAR and SSAT. */
static inline int8_t ksa_requantize_fast(int32_t sum, int32_t multiplier, int32_t zero) {
  const int64_t product = (int64_t)sum * multiplier + ((int64_t)1 << 31);
  return ksa_clamp((int32_t)(product >> 32) + zero, -128, 127);
}

/* Requantises `count` channels of one block, from channel `first` on. */
static void ksa_requantize_block(const ksa_conv_params* p, const ksa_pairs* pairs,
                                 const uint8_t* multipliers, uint32_t first, uint32_t count) {
  int32_t sums[KSA_PIXELS * KSA_FILTERS], fast[KSA_FILTERS];
  ksa_pair_sums(pairs, sums);
  memcpy(fast, multipliers, sizeof(fast));
  for (uint32_t i = 0; i < KSA_PIXELS; ++i) {
    for (uint32_t f = 0; f < count; ++f) {
      const int32_t sum = sums[KSA_FILTERS * i + f];
      pairs->y[i][f] = p->shift ? ksa_requantize_channel(p, first + f, KSA_SIGN * sum)
                                : ksa_requantize_fast(sum, fast[f], p->output_zero);
    }
  }
}

/* Bounds tighter than those of a byte. */
static inline void ksa_clamp_bytes(int8_t* y, uint32_t count, int8_t low, int8_t high) {
  if (low == -128 && high == 127) return;
  for (uint32_t i = 0; i < count; ++i) y[i] = ksa_clamp(y[i], low, high);
}

/* The output channels of two pixels. */
static void ksa_run_pairs(const ksa_conv_params* p, ksa_pairs pairs, uint32_t block_bytes) {
  uint32_t channel = 0;
  int8_t* const y[KSA_PIXELS] = {pairs.y[0], pairs.y[1]};
#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__)
  if (!p->shift && p->out_channels >= KSA_FILTERS) {
    ksa_fast_pairs(&pairs);
    channel = p->out_channels & ~(uint32_t)(KSA_FILTERS - 1);
    pairs.y[0] += channel;
    pairs.y[1] += channel;
    pairs.weights = pairs.weights_end;
  }
#endif
  while (channel < p->out_channels) {
    uint32_t count = p->out_channels - channel;
    if (count > KSA_FILTERS) count = KSA_FILTERS;
    ksa_requantize_block(p, &pairs, pairs.weights + block_bytes - 16, channel, count);
    pairs.weights += block_bytes;
    pairs.y[0] += KSA_FILTERS;
    pairs.y[1] += KSA_FILTERS;
    channel += KSA_FILTERS;
  }
  if (!p->shift) {
    ksa_clamp_bytes(y[0], p->out_channels, p->low, p->high);
    if (y[1] != y[0]) ksa_clamp_bytes(y[1], p->out_channels, p->low, p->high);
  }
}

static inline void ksa_conv_pairs(const ksa_conv_params* p, const int8_t* x, int8_t* y,
                                  uint32_t* patches) {
  const ksa_gather_plan plan = ksa_plan_gather(p);
  const uint32_t steps = (p->kernel_rows * plan.window_row + 3) / 4 * KSA_WORDS;
  const uint32_t block_bytes = 32 + steps * KSA_STEP_BYTES;
  uint32_t pixels = (uint32_t)p->out_rows * p->out_columns;
  ksa_position at = ksa_first_position(&plan);
  ksa_cursor cursor;
  ksa_pairs pairs;
  cursor.outside = (uint8_t)p->input_zero * 0x01010101u;
  pairs.weights = (const uint8_t*)p->weights;
  pairs.patches = patches;
  pairs.unrolled_end = patches + (steps & ~(uint32_t)3) * KSA_PIXELS;
  pairs.end = patches + steps * KSA_PIXELS;
  pairs.zero = p->output_zero;
  pairs.weights_end = pairs.weights + p->out_channels / KSA_FILTERS * block_bytes;
  while (pixels) {
    for (uint32_t i = 0; i < KSA_PIXELS; ++i) {
      cursor.out = patches + i;
      cursor.rest = cursor.bits = 0;
      cursor = ksa_gather(&plan, x, &at, cursor);
      if (cursor.bits) ksa_flush(cursor, cursor.rest);
      pairs.y[i] = y;
      /* The last of an odd number of pixels is computed twice. */
      if (pixels > 1 || i) {
        y += p->out_channels;
        ksa_next_position(&plan, &at);
        if (pixels) --pixels;
      }
    }
    ksa_run_pairs(p, pairs, block_bytes);
  }
}

#endif /* KERAS_SHIFTADD_MICRO_PAIRS_DSP_H_ */
