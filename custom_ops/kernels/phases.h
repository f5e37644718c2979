// Which output pixels read an input element, and through which taps.
//
// With a stride, that depends on the element's coordinate modulo the stride, its phase. The
// elements of a phase make a coarse grid, and through a tap the cell j of that grid is read by
// the output pixel j + shift(tap). Input gradients thus read the output's gradient, bordered with
// zeros, at fixed distances.
#ifndef KERAS_SHIFTADD_KERNELS_PHASES_H_
#define KERAS_SHIFTADD_KERNELS_PHASES_H_

#include <string.h>

#include "bands.h"
#include "common.h"

namespace shiftadd {
namespace SHIFTADD_TARGET {

// Along one axis: whether `tap` reads elements of `phase`, and how far off.
inline bool tap_shift(const shiftadd_conv_params& p, int axis, int64_t phase, int64_t tap,
                      int64_t* shift) {
  const int64_t distance = phase + p.pad_before[axis] - tap * p.dilation[axis];
  if (distance % p.strides[axis] != 0) return false;
  *shift = distance / p.strides[axis];
  return true;
}

struct PhasePlan {
  shiftadd_conv_params params;  // pointwise convolutions become one long column of pixels
  int64_t low[2], high[2];      // smallest and largest shift, an axis
  int64_t cells[2];             // of the coarse grid
  bool copies;                  // the gradient needs a border
  bool one_thread;
  int64_t width;                // gradient positions a row, with the border
  int64_t rows;                 // cell rows of a band
  int64_t bands_per_image, count;
  int64_t band_elements, band_cells;
};

inline PhasePlan plan_phases(const shiftadd_conv_params& original, int32_t threads) {
  PhasePlan plan;
  plan.params = plan_bands(original, threads).params;
  const shiftadd_conv_params& p = plan.params;
  plan.copies = false;
  for (int axis = 0; axis < 2; ++axis) {
    plan.cells[axis] = ceil_div(p.in_size[axis], p.strides[axis]);
    int64_t low = 0, high = 0;
    for (int64_t phase = 0; phase < minimum(p.strides[axis], p.in_size[axis]); ++phase) {
      for (int64_t tap = 0; tap < p.kernel_size[axis]; ++tap) {
        int64_t shift;
        if (!tap_shift(p, axis, phase, tap, &shift)) continue;
        low = minimum(low, shift);
        high = maximum(high, shift);
      }
    }
    plan.low[axis] = low;
    plan.high[axis] = high;
    plan.copies = plan.copies || low < 0 || plan.cells[axis] + high > p.out_size[axis];
  }
  plan.width = plan.copies ? plan.cells[1] + plan.high[1] - plan.low[1] : p.out_size[1];

  const int64_t filters = p.groups * p.filters;
  const int64_t work = p.batch * pixels_of(p) * taps_of(p) * p.channels * filters;
  plan.one_thread = threads <= 1 || work < kSmallWork;
  const int64_t reach = plan.high[0] - plan.low[0];
  const int64_t row_bytes = plan.width * filters * static_cast<int64_t>(sizeof(float));
  int64_t rows = kBandBytes / row_bytes - reach;
  rows = minimum(rows, ceil_div(kMaxBandPixels, plan.cells[1]));
  if (!plan.one_thread) rows = minimum(rows, p.batch * plan.cells[0] / (4 * int64_t{threads}));
  rows = maximum(rows, ceil_div(kMinBandPixels, plan.cells[1]));
  rows = maximum(rows, minimum(reach, kMaxBandPixels / plan.cells[1]));
  rows = maximum<int64_t>(minimum(rows, plan.cells[0]), 1);
  plan.bands_per_image = ceil_div(plan.cells[0], rows);
  plan.rows = ceil_div(plan.cells[0], plan.bands_per_image);
  plan.bands_per_image = ceil_div(plan.cells[0], plan.rows);
  plan.count = p.batch * plan.bands_per_image;
  plan.band_elements = (plan.rows + reach) * plan.width * filters;
  plan.band_cells = plan.rows * plan.cells[1];
  return plan;
}

struct PhaseBand {
  int64_t image, row, rows;
};

inline PhaseBand phase_band_at(const PhasePlan& plan, int64_t item) {
  PhaseBand band;
  band.image = item / plan.bands_per_image;
  band.row = item % plan.bands_per_image * plan.rows;
  band.rows = minimum(plan.rows, plan.cells[0] - band.row);
  return band;
}

// Returns the position of the gradient that cell (band.row, 0) reads with shift (0, 0): in
// `copy`, which is filled, or in the gradient itself.
inline const float* phase_band_gradient(const PhasePlan& plan, const PhaseBand& band,
                                        const float* g, float* copy) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t filters = p.groups * p.filters;
  const int64_t g_row = p.out_size[1] * filters;
  const float* image = g + band.image * p.out_size[0] * g_row;
  if (!plan.copies) return image + band.row * g_row;
  const int64_t row_length = plan.width * filters;
  const int64_t left = -plan.low[1] * filters;
  const int64_t middle = minimum(g_row, row_length - left);
  const int64_t first = band.row + plan.low[0];
  const int64_t last = band.row + band.rows - 1 + plan.high[0];
  float* out = copy;
  for (int64_t r = first; r <= last; ++r, out += row_length) {
    if (r < 0 || r >= p.out_size[0]) {
      memset(out, 0, static_cast<size_t>(row_length) * sizeof(float));
      continue;
    }
    memset(out, 0, static_cast<size_t>(left) * sizeof(float));
    memcpy(out + left, image + r * g_row, static_cast<size_t>(middle) * sizeof(float));
    memset(out + left + middle, 0,
           static_cast<size_t>(row_length - left - middle) * sizeof(float));
  }
  return copy + (-plan.low[0] * plan.width - plan.low[1]) * filters;
}

// Calls body(phase_rows, phase_columns) once for every phase that occurs.
template <typename Body>
inline void for_each_phase(const shiftadd_conv_params& p, const Body& body) {
  for (int64_t row = 0; row < minimum(p.strides[0], p.in_size[0]); ++row) {
    for (int64_t column = 0; column < minimum(p.strides[1], p.in_size[1]); ++column) {
      body(row, column);
    }
  }
}

// Calls body(rows, columns) for the segments of a phase's cells in a band; with `all`, once.
template <typename Body>
inline void for_each_segment(const PhasePlan& plan, const PhaseBand& band, int64_t row,
                             int64_t column, bool all, const Body& body) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t last_row =
      minimum(band.row + band.rows, ceil_div(p.in_size[0] - row, p.strides[0]));
  const int64_t last_column = ceil_div(p.in_size[1] - column, p.strides[1]);
  for (Segment rows = cell_segment_at(p, 0, row, band.row, last_row, all); rows.begin < rows.end;
       rows = cell_segment_at(p, 0, row, rows.end, last_row, all)) {
    for (Segment columns = cell_segment_at(p, 1, column, 0, last_column, all);
         columns.begin < columns.end;
         columns = cell_segment_at(p, 1, column, columns.end, last_column, all)) {
      body(rows, columns);
    }
  }
}

// The taps through which a phase is read: their numbers and the offset of what they read. Returns
// how many.
inline int64_t phase_taps(const PhasePlan& plan, int64_t row, int64_t column, const Segment& rows,
                          const Segment& columns, int64_t* tap, int64_t* offset) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t filters = p.groups * p.filters;
  int64_t count = 0;
  for (int64_t ky = rows.first_tap; ky < rows.end_tap; ++ky) {
    int64_t down, along;
    if (!tap_shift(p, 0, row, ky, &down)) continue;
    for (int64_t kx = columns.first_tap; kx < columns.end_tap; ++kx) {
      if (!tap_shift(p, 1, column, kx, &along)) continue;
      tap[count] = ky * p.kernel_size[1] + kx;
      offset[count++] = (down * plan.width + along) * filters;
    }
  }
  return count;
}

// Cells of a phase in a band: where each lies in the input (an element offset in its image) and
// what it reads with shift (0, 0). Returns how many.
inline int64_t phase_cells(const PhasePlan& plan, const PhaseBand& band, int64_t row,
                           int64_t column, const Segment& rows, const Segment& columns,
                           int64_t* at, int64_t* reads) {
  const shiftadd_conv_params& p = plan.params;
  const int64_t channels = p.groups * p.channels, filters = p.groups * p.filters;
  int64_t count = 0;
  for (int64_t r = rows.begin; r < rows.end; ++r) {
    const int64_t y = r * p.strides[0] + row;
    for (int64_t cell = columns.begin; cell < columns.end; ++cell) {
      const int64_t x = cell * p.strides[1] + column;
      at[count] = (y * p.in_size[1] + x) * channels;
      reads[count++] = ((r - band.row) * plan.width + cell) * filters;
    }
  }
  return count;
}

}  // namespace SHIFTADD_TARGET
}  // namespace shiftadd

#endif  // KERAS_SHIFTADD_KERNELS_PHASES_H_
