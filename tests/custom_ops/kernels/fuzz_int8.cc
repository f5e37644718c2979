// Draws random int8 convolutions, with valid and invalid parameters, and holds the kernels of
// every instruction set of this machine to a plain loop, bit for bit.
//
//     fuzz_int8 CASES SEED
//
// Every array is a heap block of its exact size, so that AddressSanitizer sees each element read
// or written beyond one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <initializer_list>
#include <memory>
#include <random>

#include "shiftadd.h"

namespace {

template <typename T>
using Array = std::unique_ptr<T[]>;

template <typename T>
Array<T> make_array(int64_t count) {
  return Array<T>(new T[static_cast<size_t>(count)]);
}

struct Random {
  std::mt19937_64 engine;
  int64_t below(int64_t n) { return static_cast<int64_t>(engine() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  int64_t pick(std::initializer_list<int64_t> values) {
    return values.begin()[below(static_cast<int64_t>(values.size()))];
  }
};

struct Case {
  shiftadd_conv_params params;
  int32_t op, input_zero;
  int64_t x_count, w_count, y_count;
  Array<int8_t> x, w;
  Array<int32_t> bias, multiplier, shift;
  shiftadd_requantization requantization;
};

int32_t tap_sum(const Case& c, int64_t n, int64_t oy, int64_t ox, int64_t group, int64_t f) {
  const shiftadd_conv_params& p = c.params;
  int32_t sum = 0;
  for (int64_t ky = 0; ky < p.kernel_size[0]; ++ky) {
    for (int64_t kx = 0; kx < p.kernel_size[1]; ++kx) {
      const int64_t iy = oy * p.strides[0] + ky * p.dilation[0] - p.pad_before[0];
      const int64_t ix = ox * p.strides[1] + kx * p.dilation[1] - p.pad_before[1];
      const bool inside = iy >= 0 && iy < p.in_size[0] && ix >= 0 && ix < p.in_size[1];
      for (int64_t ch = 0; ch < p.channels; ++ch) {
        const int64_t at =
            (((n * p.in_size[0] + iy) * p.in_size[1] + ix) * p.groups + group) * p.channels + ch;
        const int64_t wt =
            (((ky * p.kernel_size[1] + kx) * p.groups + group) * p.channels + ch) * p.filters + f;
        const int32_t x = inside ? c.x[static_cast<size_t>(at)] : c.input_zero;
        const int32_t w = c.w[static_cast<size_t>(wt)];
        sum += c.op == SHIFTADD_ADDER ? -abs(x - w) : (x - c.input_zero) * w;
      }
    }
  }
  return sum;
}

int8_t requantize(const Case& c, int64_t output, int32_t sum) {
  const int64_t shift = c.shift[static_cast<size_t>(output)];
  const int64_t product = (int64_t{sum} + c.bias[static_cast<size_t>(output)]) *
                          c.multiplier[static_cast<size_t>(output)];
  int64_t y = ((product + (int64_t{1} << (shift - 1))) >> shift) + c.requantization.output_zero;
  if (y < c.requantization.low) y = c.requantization.low;
  if (y > c.requantization.high) y = c.requantization.high;
  return static_cast<int8_t>(y);
}

Array<int8_t> reference(const Case& c) {
  const shiftadd_conv_params& p = c.params;
  Array<int8_t> y = make_array<int8_t>(c.y_count);
  size_t out = 0;
  for (int64_t n = 0; n < p.batch; ++n) {
    for (int64_t oy = 0; oy < p.out_size[0]; ++oy) {
      for (int64_t ox = 0; ox < p.out_size[1]; ++ox) {
        for (int64_t output = 0; output < p.groups * p.filters; ++output) {
          y[out++] = requantize(
              c, output, tap_sum(c, n, oy, ox, output / p.filters, output % p.filters));
        }
      }
    }
  }
  return y;
}

shiftadd_conv_params draw_params(Random& random) {
  shiftadd_conv_params p;
  memset(&p, 0, sizeof(p));
  p.batch = random.pick({0, 1, 1, 2, 3});
  for (int axis = 0; axis < 2; ++axis) {
    p.in_size[axis] = 1 + random.below(9);
    p.kernel_size[axis] = random.pick({1, 1, 2, 3, 3, 4, 5});
    p.strides[axis] = random.pick({1, 1, 1, 2, 3, 4});
    p.dilation[axis] = random.pick({1, 1, 1, 2, 3});
  }
  p.groups = random.pick({1, 1, 1, 2, 3});
  p.channels = random.pick({1, 2, 3, 4, 8, 17});
  p.filters = random.pick({1, 2, 3, 8, 9, 16, 33});
  if (random.below(5) == 0) {
    p.groups = random.pick({2, 5, 8, 17, 40});
    p.channels = 1;
    p.filters = random.pick({1, 1, 2, 3});
  }
  if (random.below(300) == 0) {
    // Enough work for two threads.
    p.batch = random.pick({1, 2, 5});
    p.in_size[0] = 5 + random.below(12);
    p.in_size[1] = 5 + random.below(12);
    p.filters = random.pick({16, 33, 64});
  }
  if (random.below(300) == 0) {
    // Windows and filters large enough for the loops that prepare something for each window.
    p.batch = 1;
    p.in_size[0] = 1 + random.below(5);
    p.in_size[1] = 1 + random.below(5);
    p.groups = 1;
    p.channels = random.pick({24, 64, 120});
    p.filters = random.pick({64, 97});
  }
  p.padding = static_cast<int32_t>(random.below(3));
  if (random.below(20) == 0) {
    // What a careless caller may hand over.
    const int64_t odd = random.pick({0, -1, INT64_MIN, INT64_MAX, int64_t{1} << 31});
    int64_t* fields[] = {&p.batch, &p.in_size[0], &p.in_size[1], &p.kernel_size[0],
                         &p.kernel_size[1], &p.strides[0], &p.strides[1], &p.dilation[0],
                         &p.dilation[1], &p.groups, &p.channels, &p.filters};
    *fields[random.below(12)] = odd;
  }
  return p;
}

// Shifts around the limits of the vectorised requantisation, and over all of the range.
void draw_channel(Random& random, int64_t kind, int32_t* bias, int32_t* multiplier,
                  int32_t* shift) {
  *bias = static_cast<int32_t>(random.between(-3000, 3000));
  *multiplier = static_cast<int32_t>(random.between(int64_t{1} << 30, INT32_MAX));
  *shift = static_cast<int32_t>(random.between(36, 41));
  if (kind == 0) {
    *bias = static_cast<int32_t>(random.between(-(1 << 29), 1 << 29));
    *multiplier = static_cast<int32_t>(random.between(INT32_MIN, INT32_MAX));
    *shift = static_cast<int32_t>(random.between(1, 62));
  } else if (kind == 1) {
    *multiplier = static_cast<int32_t>(random.between(-9, 9));
    *shift = static_cast<int32_t>(random.between(1, 8));
  } else if (kind == 2) {
    *multiplier = static_cast<int32_t>(random.pick({INT32_MIN, INT32_MAX, 0, 1, -1, 1 << 30}));
    *shift = static_cast<int32_t>(random.pick({1, 31, 32, 33, 54, 55, 62}));
  }
}

void draw_values(Random& random, Case* c) {
  const shiftadd_conv_params& p = c->params;
  c->op = static_cast<int32_t>(random.below(2));
  c->input_zero = static_cast<int32_t>(random.between(-128, 127));
  const bool extreme = random.below(8) == 0;
  const auto byte = [&] {
    return static_cast<int8_t>(extreme ? random.pick({-128, 127}) : random.between(-128, 127));
  };
  c->x = make_array<int8_t>(c->x_count);
  for (int64_t i = 0; i < c->x_count; ++i) c->x[static_cast<size_t>(i)] = byte();
  c->w = make_array<int8_t>(c->w_count);
  const int64_t exponents = random.pick({1, 6, 7, 7});
  for (int64_t i = 0; i < c->w_count; ++i) {
    int64_t weight = byte();
    if (c->op == SHIFTADD_SHIFT) {
      const int64_t exponent = extreme ? exponents - 1 : random.below(exponents);
      weight = random.pick({-1, 0, 1, 1}) * (int64_t{1} << exponent);
    }
    c->w[static_cast<size_t>(i)] = static_cast<int8_t>(weight);
  }
  const int64_t outputs = p.groups * p.filters, kind = random.below(6);
  c->bias = make_array<int32_t>(outputs);
  c->multiplier = make_array<int32_t>(outputs);
  c->shift = make_array<int32_t>(outputs);
  for (int64_t i = 0; i < outputs; ++i) {
    const size_t at = static_cast<size_t>(i);
    draw_channel(random, kind, &c->bias[at], &c->multiplier[at], &c->shift[at]);
  }
  shiftadd_requantization& r = c->requantization;
  r.bias = c->bias.get();
  r.multiplier = c->multiplier.get();
  r.shift = c->shift.get();
  r.output_zero = static_cast<int32_t>(random.between(-128, 127));
  r.low = static_cast<int32_t>(random.below(3) == 0 ? random.between(-128, 0) : -128);
  r.high = static_cast<int32_t>(random.below(3) == 0 ? random.between(0, 127) : 127);
}

void report(const Case& c, const char* what) {
  const shiftadd_conv_params& p = c.params;
  fprintf(stderr,
          "%s: %s, operator %d, batch %lld, in %lldx%lld, kernel %lldx%lld, strides %lldx%lld, "
          "dilation %lldx%lld, groups %lld, channels %lld, filters %lld, padding %d\n",
          shiftadd_instruction_set(), what, c.op, (long long)p.batch, (long long)p.in_size[0],
          (long long)p.in_size[1], (long long)p.kernel_size[0], (long long)p.kernel_size[1],
          (long long)p.strides[0], (long long)p.strides[1], (long long)p.dilation[0],
          (long long)p.dilation[1], (long long)p.groups, (long long)p.channels,
          (long long)p.filters, p.padding);
}

bool run_set(const Case& c, const int8_t* expected, const shiftadd_parallel* parallel) {
  const int32_t threads = parallel == nullptr ? 1 : parallel->threads;
  const auto packed = make_array<char>(
      static_cast<int64_t>(shiftadd_conv_int8_packed_size(&c.params, c.op)));
  const auto scratch = make_array<char>(
      static_cast<int64_t>(shiftadd_conv_int8_scratch(&c.params, c.op, threads)));
  const auto y = make_array<int8_t>(c.y_count);
  if (shiftadd_conv_int8_pack(&c.params, c.op, c.w.get(), c.input_zero, &c.requantization,
                              packed.get()) != SHIFTADD_OK) {
    report(c, "not packed");
    return false;
  }
  if (shiftadd_conv_int8(&c.params, c.op, c.x.get(), packed.get(), y.get(), scratch.get(),
                         parallel) != SHIFTADD_OK) {
    report(c, "not run");
    return false;
  }
  if (c.y_count > 0 && memcmp(y.get(), expected, static_cast<size_t>(c.y_count)) != 0) {
    report(c, "another result");
    return false;
  }
  return true;
}

int run_case(Random& random, const char* const* sets, size_t set_count, int64_t* checked) {
  Case c;
  c.params = draw_params(random);
  if (shiftadd_conv_init(&c.params) != SHIFTADD_OK) return 0;
  const shiftadd_conv_params& p = c.params;
  c.x_count = p.batch * p.in_size[0] * p.in_size[1] * p.groups * p.channels;
  c.w_count = p.kernel_size[0] * p.kernel_size[1] * p.groups * p.channels * p.filters;
  c.y_count = p.batch * p.out_size[0] * p.out_size[1] * p.groups * p.filters;
  const int64_t window = p.kernel_size[0] * p.kernel_size[1] * p.channels;
  if (c.x_count > 100000 || c.w_count > 100000 || c.y_count > 100000) return 0;
  const int64_t work = c.y_count * window;
  if (work > 3000000) return 0;
  ++*checked;
  draw_values(random, &c);
  const Array<int8_t> expected = reference(c);
  const shiftadd_parallel* parallel =
      random.below(4) == 0 || work > 1000000 ? shiftadd_default_parallel() : nullptr;
  for (size_t set = 0; set < set_count; ++set) {
    shiftadd_use_instruction_set(sets[set]);
    if (!run_set(c, expected.get(), parallel)) return 1;
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: %s CASES SEED\n", argv[0]);
    return 2;
  }
  const char* sets[4];
  size_t set_count = 0;
  for (const char* name : {"avx512", "avx2", "neon", "scalar"}) {
    if (shiftadd_use_instruction_set(name) == SHIFTADD_OK) sets[set_count++] = name;
  }
  shiftadd_set_threads(2);
  Random random;
  random.engine.seed(strtoull(argv[2], nullptr, 10));
  int64_t checked = 0;
  int failures = 0;
  const int64_t cases = strtoll(argv[1], nullptr, 10);
  for (int64_t i = 0; i < cases && failures < 5; ++i) {
    failures += run_case(random, sets, set_count, &checked);
  }
  printf("%lld cases, %lld of them run, %d failures\n", (long long)cases, (long long)checked,
         failures);
  return failures == 0 ? 0 : 1;
}
