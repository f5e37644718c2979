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
 * A fast layer, one whose `shift` is null, has single rounding and one shift for all channels, 32
 * less `left_shift`: sums are shifted left, then SMMLAR and SSAT requantise. Sums have room for
 * that. Others take multipliers and shifts from the parameters. */
#ifndef KERAS_SHIFTADD_MICRO_PAIRS_DSP_H_
#define KERAS_SHIFTADD_MICRO_PAIRS_DSP_H_

#include "fast_requantize.h"
#include "gather.h"
#include "words.h"

#define KSA_PIXELS 2
#define KSA_FILTERS 4
#define KSA_STEP_BYTES (16 / KSA_WORDS)
#define KSA_WORD_STRIDE (KSA_WORDS * KSA_PIXELS) /* from the words of four elements to the next */

/* Whole words of four elements, for patches of images whose channels divide by four. */
static uint8_t* ksa_put_words(uint8_t* bytes, const int8_t* x, uint32_t count) {
  uint32_t* out = (uint32_t*)(void*)bytes;
  const int8_t* unrolled_end = x + (count & ~(uint32_t)15);
  const int8_t* end = x + count;
  for (; x != unrolled_end; x += 16) {
    ksa_expand(ksa_load_word(x), out);
    ksa_expand(ksa_load_word(x + 4), out + KSA_WORD_STRIDE);
    ksa_expand(ksa_load_word(x + 8), out + 2 * KSA_WORD_STRIDE);
    ksa_expand(ksa_load_word(x + 12), out + 3 * KSA_WORD_STRIDE);
    out += 4 * KSA_WORD_STRIDE;
  }
  for (; x != end; x += 4) {
    ksa_expand(ksa_load_word(x), out);
    out += KSA_WORD_STRIDE;
  }
  return (uint8_t*)out;
}

static uint8_t* ksa_fill_words(uint8_t* bytes, int8_t value, uint32_t count) {
  uint32_t* out = (uint32_t*)(void*)bytes;
  const uint32_t word = (uint8_t)value * 0x01010101u;
  for (; count; count -= 4) {
    ksa_expand(word, out);
    out += KSA_WORD_STRIDE;
  }
  return (uint8_t*)out;
}

/* Bytes one after the other, for patches of all other images; they become words afterwards. */
static uint8_t* ksa_put_bytes(uint8_t* out, const int8_t* x, uint32_t count) {
  for (; count >= 4; count -= 4) {
    ksa_store_word(out, ksa_load_word(x));
    out += 4;
    x += 4;
  }
  for (; count; --count) *out++ = (uint8_t)*x++;
  return out;
}

static uint8_t* ksa_fill_bytes(uint8_t* out, int8_t value, uint32_t count) {
  for (; count; --count) *out++ = (uint8_t)value;
  return out;
}

/* What the inner functions read. The assembler knows the order. */
typedef struct {
  const uint8_t* weights;
  const uint32_t* patches;
  const uint32_t* unrolled_end; /* of the patches, in steps of four */
  const uint32_t* end;
  int8_t* y[KSA_PIXELS];
  int32_t zero;
  const uint8_t* weights_end;
  uint32_t left_shift;
} ksa_pairs;

#if KSA_DSP

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
  "sub sp, #32\n"                                     \
  "ldm r0, {r1, r2, r3, r4, r5, r6, r7, r8, r9}\n"    \
  "stm sp, {r2, r3, r4, r5, r6, r7, r8, r9}\n"

#define KSA_SHIFT_LEFT                                                    \
  "ldr r2, [sp, #28]\n cbz r2, 6f\n"                                      \
  "lsl r4, r4, r2\n lsl r5, r5, r2\n lsl r6, r6, r2\n lsl r7, r7, r2\n"   \
  "lsl r8, r8, r2\n lsl r9, r9, r2\n lsl r10, r10, r2\n lsl r11, r11, r2\n" \
  "6:\n"

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
      "1:\n" KSA_SUMS KSA_SHIFT_LEFT
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
      "add sp, #32\n"
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
                                : ksa_requantize_fast(p, sum, fast[f]);
    }
  }
}

/* The output channels of two pixels. */
static void ksa_run_pairs(const ksa_conv_params* p, ksa_pairs pairs, uint32_t block_bytes) {
  uint32_t channel = 0;
  int8_t* const y[KSA_PIXELS] = {pairs.y[0], pairs.y[1]};
#if KSA_DSP
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

/* Behind the patches of both pixels there is room for the bytes of one. */
static uint32_t ksa_pairs_scratch_bytes(const ksa_conv_params* p) {
  const uint32_t words = ((uint32_t)p->kernel_rows * p->kernel_columns * p->in_channels + 3) / 4;
  return words * (p->in_channels % 4 ? 4 * KSA_WORD_STRIDE + 4u : 4u * KSA_WORD_STRIDE);
}

static void ksa_conv_pairs(const ksa_conv_params* p, const int8_t* x, int8_t* y,
                           uint32_t* patches) {
  const int whole_words = p->in_channels % 4 == 0;
  const ksa_gather_plan plan = whole_words ? ksa_plan_gather(p, ksa_put_words, ksa_fill_words)
                                           : ksa_plan_gather(p, ksa_put_bytes, ksa_fill_bytes);
  const uint32_t words = (p->kernel_rows * plan.window_row + 3) / 4;
  const uint32_t steps = words * KSA_WORDS;
  const uint32_t block_bytes = 32 + steps * KSA_STEP_BYTES;
  uint8_t* const bytes = (uint8_t*)(patches + words * KSA_WORD_STRIDE);
  uint32_t pixels = (uint32_t)p->out_rows * p->out_columns;
  ksa_position at = ksa_first_position(&plan);
  ksa_pairs pairs;
  pairs.weights = (const uint8_t*)p->weights;
  pairs.patches = patches;
  pairs.unrolled_end = patches + (steps & ~(uint32_t)3) * KSA_PIXELS;
  pairs.end = patches + steps * KSA_PIXELS;
  pairs.zero = p->output_zero;
  pairs.left_shift = p->left_shift;
  pairs.weights_end = pairs.weights + p->out_channels / KSA_FILTERS * block_bytes;
  while (pixels) {
    /* The last of an odd number of pixels is computed twice. */
    const uint32_t count = pixels > 1 ? 2 : 1;
    for (uint32_t i = 0; i < KSA_PIXELS; ++i) {
      if (whole_words) {
        ksa_gather(&plan, x, &at, (uint8_t*)(patches + i));
      } else {
        uint8_t* const end = ksa_gather(&plan, x, &at, bytes);
        for (uint8_t* rest = end; rest != bytes + 4 * words; ++rest) *rest = 0;
        for (uint32_t w = 0; w < words; ++w) {
          ksa_expand(ksa_load_word(bytes + 4 * w), patches + i + KSA_WORD_STRIDE * w);
        }
      }
      pairs.y[i] = y;
      if (i + 1 < count) {
        y += p->out_channels;
        ksa_next_position(&plan, &at);
      }
    }
    y += p->out_channels;
    ksa_next_position(&plan, &at);
    pixels -= count;
    ksa_run_pairs(p, pairs, block_bytes);
  }
}

#endif /* KERAS_SHIFTADD_MICRO_PAIRS_DSP_H_ */
