// Pieces of work of the forward kernels: bands of output rows of an image, or some small images.
//
// A band's input is a grid of positions, `width` a row, every position one pixel of all channels:
// the input itself, or a copy with a border of zeros where there is padding.
#ifndef KERAS_SHIFTADD_KERNELS_BANDS_H_
#define KERAS_SHIFTADD_KERNELS_BANDS_H_

#include <string.h>

#include "common.h"
#include "segments.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Half of a usual second-level cache, so that the weights find room beside a band.
constexpr int64_t kBandBytes = 256 * 1024;
constexpr int64_t kMinBandPixels = 128;
constexpr int64_t kMaxBandPixels = 4096;
// Absolute differences below which waking a second thread costs more than it saves.
constexpr int64_t kSmallWork = int64_t{1} << 19;

// How many vectors of filters the next block takes: three where one would be left over.
inline int block_vectors(int64_t vectors_left) {
  if (vectors_left == 3 || vectors_left == 5) return 3;
  return static_cast<int>(minimum<int64_t>(vectors_left, kUsualVectors));
}

struct BandPlan {
  shiftadd_conv_params params;  // pointwise convolutions become one long column of pixels
  bool copies;
  bool one_thread;
  int64_t images, rows;  // of a band; rows are all rows where images > 1
  int64_t bands_per_image;
  int64_t count;
  int64_t width;       // positions a row
  int64_t image_rows;  // rows of positions of an image of a band
  int64_t band_pixels, band_positions, band_elements;  // at most
};

// Few bands leave threads without work: each is then given to several items, which share its
// blocks of output channels. Returns how many.
inline int64_t splits_of(bool one_thread, int32_t threads, int64_t bands, int64_t blocks) {
  if (one_thread || bands >= 2 * int64_t{threads}) return 1;
  return maximum<int64_t>(minimum(ceil_div<int64_t>(2 * int64_t{threads}, bands), blocks), 1);
}

struct Band {
  int64_t image, images, row, rows;
  int64_t first_pixel, pixels;
};

// What a window reads: `count` runs of `length` consecutive floats, each at an offset from the
// window's first position, which meet the kernel from element `element` on.
struct Runs {
  int64_t count, length;
  const int64_t* offset;
  const int64_t* element;
};

inline bool is_depthwise(const shiftadd_conv_params& p) {
  return p.groups > 1 && p.channels == 1;
}

inline BandPlan plan_bands(const shiftadd_conv_params& original, int32_t threads) {
  BandPlan plan;
  shiftadd_conv_params p = original;
  const bool padded = p.pad_before[0] + p.pad_before[1] + pad_after(p, 0) + pad_after(p, 1) > 0;
  if (taps_of(p) == 1 && p.strides[0] == 1 && p.strides[1] == 1) {
    p.in_size[0] = p.out_size[0] = p.batch * pixels_of(p);
    p.in_size[1] = p.out_size[1] = 1;
    p.batch = 1;
  }
  plan.params = p;
  plan.copies = padded;
  const int64_t channels = p.groups * p.channels;
  const int64_t extent = (p.kernel_size[0] - 1) * p.dilation[0] + 1;
  plan.width = padded ? p.in_size[1] + p.pad_before[1] + pad_after(p, 1) : p.in_size[1];

  const int64_t pixels = pixels_of(p) * p.batch;
  const int64_t work = pixels * taps_of(p) * channels * p.filters;
  plan.one_thread = threads <= 1 || work < kSmallWork;

  // As many rows as the cache holds, fewer where more threads ask for work.
  const int64_t row_bytes = plan.width * channels * static_cast<int64_t>(sizeof(float));
  int64_t rows = (kBandBytes / row_bytes - extent) / p.strides[0] + 1;
  rows = minimum(rows, ceil_div(kMaxBandPixels, p.out_size[1]));
  if (!plan.one_thread) {
    rows = minimum(rows, p.batch * p.out_size[0] / (4 * int64_t{threads}));
  }
  rows = maximum(rows, ceil_div(kMinBandPixels, p.out_size[1]));
  // The rows that two bands share are copied twice.
  rows = maximum(rows, minimum<int64_t>(extent - 1, kMaxBandPixels / p.out_size[1]));
  rows = maximum<int64_t>(minimum(rows, p.out_size[0]), 1);
  plan.images = 1;
  if (rows == p.out_size[0]) {
    plan.images = minimum(ceil_div(kMinBandPixels, pixels_of(p)), p.batch);
    if (plan.images * p.in_size[0] * plan.width * channels > (int64_t{1} << 24)) plan.images = 1;
  }
  plan.bands_per_image = ceil_div(p.out_size[0], rows);
  plan.rows = ceil_div(p.out_size[0], plan.bands_per_image);
  plan.bands_per_image = ceil_div(p.out_size[0], plan.rows);
  plan.count = ceil_div(p.batch, plan.images) * plan.bands_per_image;
  if (plan.images == 1 || padded) {
    plan.image_rows = (plan.rows - 1) * p.strides[0] + extent;
  } else {
    plan.image_rows = p.in_size[0];
  }
  plan.band_pixels = plan.images * plan.rows * p.out_size[1];
  plan.band_positions = plan.images * plan.image_rows * plan.width;
  plan.band_elements = plan.band_positions * channels;
  return plan;
}

inline Band band_at(const shiftadd_conv_params& p, const BandPlan& plan, int64_t item) {
  Band band;
  band.image = item / plan.bands_per_image * plan.images;
  band.images = minimum(plan.images, p.batch - band.image);
  band.row = item % plan.bands_per_image * plan.rows;
  band.rows = minimum(plan.rows, p.out_size[0] - band.row);
  band.first_pixel = (band.image * p.out_size[0] + band.row) * p.out_size[1];
  band.pixels = band.images * band.rows * p.out_size[1];
  return band;
}

// Rows of positions of one image of this band; the last band of an image may be shorter.
inline int64_t rows_of_positions(const shiftadd_conv_params& p, const BandPlan& plan,
                                 const Band& band) {
  return plan.image_rows - (plan.rows - band.rows) * p.strides[0];
}

// Returns the band's first position: in `copy`, which is filled, or in the input itself.
inline const float* band_input(const shiftadd_conv_params& p, const BandPlan& plan,
                               const Band& band, const float* x, float* copy) {
  const int64_t channels = p.groups * p.channels;
  const int64_t x_row = p.in_size[1] * channels;
  const int64_t first_row = band.row * p.strides[0] - p.pad_before[0];
  if (!plan.copies) return x + (band.image * p.in_size[0] + first_row) * x_row;
  const int64_t rows = rows_of_positions(p, plan, band);
  const int64_t row_length = plan.width * channels;
  const int64_t left = p.pad_before[1] * channels;
  const int64_t right = row_length - left - x_row;
  float* out = copy;
  for (int64_t image = 0; image < band.images; ++image) {
    const float* in = x + (band.image + image) * p.in_size[0] * x_row;
    for (int64_t r = first_row; r < first_row + rows; ++r, out += row_length) {
      if (r < 0 || r >= p.in_size[0]) {
        memset(out, 0, static_cast<size_t>(row_length) * sizeof(float));
        continue;
      }
      memset(out, 0, static_cast<size_t>(left) * sizeof(float));
      memcpy(out + left, in + r * x_row, static_cast<size_t>(x_row) * sizeof(float));
      memset(out + left + x_row, 0, static_cast<size_t>(right) * sizeof(float));
    }
  }
  return copy;
}

// The offset, in positions, of the first thing that the window of every pixel reads.
template <typename Body>
inline void for_each_row(const shiftadd_conv_params& p, const BandPlan& plan, const Band& band,
                         const Body& body) {
  const int64_t rows = rows_of_positions(p, plan, band);
  for (int64_t image = 0; image < band.images; ++image) {
    for (int64_t row = 0; row < band.rows; ++row) {
      body((image * rows + row * p.strides[0]) * plan.width);
    }
  }
}

inline void band_offsets(const shiftadd_conv_params& p, const BandPlan& plan, const Band& band,
                         int64_t* offset) {
  const int64_t step = p.strides[1] * p.groups * p.channels;
  const int64_t channels = p.groups * p.channels;
  for_each_row(p, plan, band, [&](int64_t position) {
    int64_t here = position * channels;
    for (int64_t column = 0; column < p.out_size[1]; ++column, here += step) *offset++ = here;
  });
}

// The runs of the windows that meet the taps of two segments.
inline Runs make_runs(const shiftadd_conv_params& p, const BandPlan& plan, const Segment& rows,
                      const Segment& columns, int64_t* offset, int64_t* element) {
  const int64_t channels = p.groups * p.channels;
  Runs runs{rows.taps() * columns.taps(), p.channels, offset, element};
  if (runs.count == 0) return runs;
  // Neighbouring taps of all channels are one run; where a window is as wide as the band, so are
  // its rows.
  int64_t joined = 1;
  if (p.groups == 1 && (p.dilation[1] == 1 || columns.taps() == 1)) {
    joined = columns.taps();
    if (columns.taps() == plan.width && (p.dilation[0] == 1 || rows.taps() == 1)) {
      joined *= rows.taps();
    }
  }
  runs.count /= joined;
  runs.length *= joined;
  for (int64_t r = 0; r < runs.count; ++r) {
    const int64_t ky = rows.first_tap + r * joined / columns.taps();
    const int64_t kx = columns.first_tap + r * joined % columns.taps();
    offset[r] = (ky * p.dilation[0] * plan.width + kx * p.dilation[1]) * channels;
    element[r] = (ky * p.kernel_size[1] + kx) * p.channels;
  }
  return runs;
}

// Sums over the channels of every position: of the numbers and of their magnitudes.
inline void sum_positions(const shiftadd_conv_params& p, const BandPlan& plan, const Band& band,
                          const float* base, float* sums, float* magnitudes) {
  const int64_t channels = p.groups * p.channels;
  const int64_t positions = band.images * rows_of_positions(p, plan, band) * plan.width;
  const int64_t whole = channels / kLanes * kLanes;
  const int left = static_cast<int>(channels - whole);
  for (int64_t i = 0; i < positions; ++i, base += channels) {
    vec total = zero(), magnitude = zero();
    for (int64_t c = 0; c < whole; c += kLanes) {
      const vec value = load(base + c);
      total = add(total, value);
      magnitude = add(magnitude, abs(value));
    }
    if (left > 0) {
      const vec value = load_first(base + whole, left);
      total = add(total, value);
      magnitude = add(magnitude, abs(value));
    }
    sums[i] = sum(total);
    magnitudes[i] = sum(magnitude);
  }
}

// Sums of those over every window.
inline void box_sums(const shiftadd_conv_params& p, const BandPlan& plan, const Band& band,
                     const float* sums, const float* magnitudes, float* box,
                     float* box_of_magnitudes) {
  const int64_t width = p.out_size[1], stride = p.strides[1];
  for_each_row(p, plan, band, [&](int64_t position) {
    for (int64_t ky = 0; ky < p.kernel_size[0]; ++ky) {
      for (int64_t kx = 0; kx < p.kernel_size[1]; ++kx) {
        const int64_t from = position + ky * p.dilation[0] * plan.width + kx * p.dilation[1];
        const bool first = ky == 0 && kx == 0;
        const float* a = sums + from;
        const float* b = magnitudes + from;
        if (first) {
          for (int64_t i = 0; i < width; ++i) box[i] = a[i * stride];
          for (int64_t i = 0; i < width; ++i) box_of_magnitudes[i] = b[i * stride];
        } else if (stride == 1) {
          for (int64_t i = 0; i < width; ++i) box[i] += a[i];
          for (int64_t i = 0; i < width; ++i) box_of_magnitudes[i] += b[i];
        } else {
          for (int64_t i = 0; i < width; ++i) box[i] += a[i * stride];
          for (int64_t i = 0; i < width; ++i) box_of_magnitudes[i] += b[i * stride];
        }
      }
    }
    box += width;
    box_of_magnitudes += width;
  });
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_BANDS_H_
