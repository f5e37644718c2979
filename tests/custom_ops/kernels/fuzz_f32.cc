// Draws random adder convolutions, with valid and invalid parameters, and holds the float32
// kernels of every instruction set of this machine to a plain loop in double precision.
//
//     fuzz_f32 CASES SEED
//
// Every array is a heap block of its exact size, so that AddressSanitizer sees each element read
// or written beyond one.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <random>
#include <vector>

#include "shiftadd.h"

namespace {

using Array = std::unique_ptr<float[]>;

struct Random {
  std::mt19937_64 engine;
  int64_t below(int64_t n) { return static_cast<int64_t>(engine() % static_cast<uint64_t>(n)); }
  int64_t pick(std::initializer_list<int64_t> values) {
    return values.begin()[below(static_cast<int64_t>(values.size()))];
  }
};

int64_t count_x(const shiftadd_conv_params& p) {
  return p.batch * p.in_size[0] * p.in_size[1] * p.groups * p.channels;
}
int64_t count_w(const shiftadd_conv_params& p) {
  return p.kernel_size[0] * p.kernel_size[1] * p.groups * p.channels * p.filters;
}
int64_t count_y(const shiftadd_conv_params& p) {
  return p.batch * p.out_size[0] * p.out_size[1] * p.groups * p.filters;
}

double slope_of(int32_t slope, double d) {
  if (slope == SHIFTADD_CLIP) return d > 1 ? 1 : d < -1 ? -1 : d;
  if (slope == SHIFTADD_SIGN) return (d > 0) - (d < 0);
  return d;
}

struct Expected {
  std::vector<double> y, dx, dw;
};

Expected reference(const shiftadd_conv_params& p, int32_t input_slope, int32_t kernel_slope,
                   const float* x, const float* w, const float* g) {
  Expected e;
  e.y.assign(static_cast<size_t>(count_y(p)), 0.0);
  e.dx.assign(static_cast<size_t>(count_x(p)), 0.0);
  e.dw.assign(static_cast<size_t>(count_w(p)), 0.0);
  int64_t out = 0;
  for (int64_t n = 0; n < p.batch; ++n)
    for (int64_t oy = 0; oy < p.out_size[0]; ++oy)
      for (int64_t ox = 0; ox < p.out_size[1]; ++ox)
        for (int64_t group = 0; group < p.groups; ++group)
          for (int64_t f = 0; f < p.filters; ++f, ++out)
            for (int64_t ky = 0; ky < p.kernel_size[0]; ++ky)
              for (int64_t kx = 0; kx < p.kernel_size[1]; ++kx)
                for (int64_t c = 0; c < p.channels; ++c) {
                  const int64_t iy = oy * p.strides[0] + ky * p.dilation[0] - p.pad_before[0];
                  const int64_t ix = ox * p.strides[1] + kx * p.dilation[1] - p.pad_before[1];
                  const bool inside =
                      iy >= 0 && iy < p.in_size[0] && ix >= 0 && ix < p.in_size[1];
                  const int64_t at =
                      (((n * p.in_size[0] + iy) * p.in_size[1] + ix) * p.groups + group) *
                          p.channels + c;
                  const int64_t wt =
                      (((ky * p.kernel_size[1] + kx) * p.groups + group) * p.channels + c) *
                          p.filters + f;
                  const double d = (inside ? static_cast<double>(x[at]) : 0.0) - w[wt];
                  e.y[static_cast<size_t>(out)] -= fabs(d);
                  if (inside) {
                    e.dx[static_cast<size_t>(at)] += g[out] * slope_of(input_slope, -d);
                  }
                  e.dw[static_cast<size_t>(wt)] += g[out] * slope_of(kernel_slope, d);
                }
  return e;
}

bool close(const char* what, const float* got, const std::vector<double>& want) {
  // Terms are of the order of 1: sums that nearly cancel keep the error of their terms.
  double largest = 0.1;
  for (double value : want) largest = fmax(largest, fabs(value));
  for (size_t i = 0; i < want.size(); ++i) {
    if (!(fabs(got[i] - want[i]) <= 2e-5 * largest)) {
      fprintf(stderr, "%s[%zu]: expected %g, got %g\n", what, i, want[i],
              static_cast<double>(got[i]));
      return false;
    }
  }
  return true;
}

shiftadd_conv_params draw(Random& random) {
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

Array random_array(Random& random, int64_t count) {
  Array values(new float[static_cast<size_t>(count)]);
  std::normal_distribution<float> normal;
  for (int64_t i = 0; i < count; ++i) values[static_cast<size_t>(i)] = normal(random.engine);
  return values;
}

int run_case(Random& random, const char* const* sets, size_t set_count, int64_t* checked) {
  shiftadd_conv_params p = draw(random);
  if (shiftadd_conv_init(&p) != SHIFTADD_OK) return 0;
  const int64_t work = count_y(p) * p.kernel_size[0] * p.kernel_size[1] * p.channels;
  if (count_x(p) > 100000 || count_w(p) > 100000 || work > 200000) return 0;
  ++*checked;
  const int32_t input_slope = static_cast<int32_t>(random.below(3));
  const int32_t kernel_slope = static_cast<int32_t>(random.below(3));
  const Array x = random_array(random, count_x(p));
  const Array w = random_array(random, count_w(p));
  const Array g = random_array(random, count_y(p));
  const Expected expected = reference(p, input_slope, kernel_slope, x.get(), w.get(), g.get());

  shiftadd_use_instruction_set(sets[random.below(static_cast<int64_t>(set_count))]);
  const shiftadd_parallel* parallel =
      random.below(4) == 0 ? shiftadd_default_parallel() : nullptr;
  const int32_t threads = parallel == nullptr ? 1 : parallel->threads;
  Array y(new float[static_cast<size_t>(count_y(p))]);
  Array dx(new float[static_cast<size_t>(count_x(p))]);
  Array dw(new float[static_cast<size_t>(count_w(p))]);
  const auto scratch = [](size_t size) { return std::unique_ptr<char[]>(new char[size]); };
  const auto forward = scratch(shiftadd_adder_conv_f32_scratch(&p, threads));
  const auto input = scratch(shiftadd_adder_conv_f32_input_gradient_scratch(&p, threads));
  const auto kernel = scratch(shiftadd_adder_conv_f32_kernel_gradient_scratch(&p, threads));
  const bool fine =
      shiftadd_adder_conv_f32(&p, x.get(), w.get(), y.get(), forward.get(), parallel) == 0 &&
      shiftadd_adder_conv_f32_input_gradient(&p, input_slope, x.get(), w.get(), g.get(), dx.get(),
                                             input.get(), parallel) == 0 &&
      shiftadd_adder_conv_f32_kernel_gradient(&p, kernel_slope, x.get(), w.get(), g.get(),
                                              dw.get(), kernel.get(), parallel) == 0 &&
      close("y", y.get(), expected.y) && close("dx", dx.get(), expected.dx) &&
      close("dw", dw.get(), expected.dw);
  if (!fine) {
    fprintf(stderr,
            "%s: batch %lld, in %lldx%lld, kernel %lldx%lld, strides %lldx%lld, dilation "
            "%lldx%lld, groups %lld, channels %lld, filters %lld, padding %d, slopes %d %d\n",
            shiftadd_instruction_set(), (long long)p.batch, (long long)p.in_size[0],
            (long long)p.in_size[1], (long long)p.kernel_size[0], (long long)p.kernel_size[1],
            (long long)p.strides[0], (long long)p.strides[1], (long long)p.dilation[0],
            (long long)p.dilation[1], (long long)p.groups, (long long)p.channels,
            (long long)p.filters, p.padding, input_slope, kernel_slope);
  }
  return fine ? 0 : 1;
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
