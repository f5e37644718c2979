/* Windows of an image, laid out for an inner loop. A file defines, before it includes this,
 *
 *     static inline ksa_cursor ksa_put(ksa_cursor out, const int8_t* x, uint32_t count);
 *     static inline ksa_cursor ksa_fill(ksa_cursor out, uint32_t count);
 *
 * with a type ksa_cursor of its own: they append `count` elements of the image, or as many
 * elements that lie outside of it, and return where the next ones go. `ksa_gather` calls them
 * with the elements of a window of a group: rows, columns, channels. Runs are as long as the
 * image allows; those without groups and dilation are whole rows of the window. */
#ifndef KERAS_SHIFTADD_MICRO_GATHER_H_
#define KERAS_SHIFTADD_MICRO_GATHER_H_

#include "shiftadd_micro.h"

/* Products that are taken once for a layer: a core may have no multiplier. In bytes. */
typedef struct {
  const ksa_conv_params* params;
  uint32_t channels; /* of a group */
  uint32_t window_row; /* a row of the window, of a group */
  int32_t next_column, next_row; /* from a position of the image to its neighbours */
  int32_t next_tap, next_tap_row; /* from a position of the window to its neighbours */
  int32_t next_pixel, next_line; /* from a window to the next, and from a row of them */
} ksa_gather_plan;

/* The first position of a window, which may lie outside of the image. */
typedef struct {
  int32_t top, left;
  int32_t offset; /* in the image, in bytes */
  int32_t line;   /* offset of the first window of this row */
  uint32_t column;
} ksa_position;

static inline ksa_gather_plan ksa_plan_gather(const ksa_conv_params* p) {
  ksa_gather_plan plan;
  plan.params = p;
  plan.channels = p->groups == 1 ? p->in_channels : (uint32_t)(p->in_channels / p->groups);
  plan.window_row = p->kernel_columns * plan.channels;
  plan.next_column = p->in_channels;
  plan.next_row = (int32_t)p->in_columns * p->in_channels;
  plan.next_tap = (int32_t)p->dilation_columns * p->in_channels;
  plan.next_tap_row = p->dilation_rows * plan.next_row;
  plan.next_pixel = (int32_t)p->stride_columns * p->in_channels;
  plan.next_line = p->stride_rows * plan.next_row;
  return plan;
}

static inline ksa_position ksa_first_position(const ksa_gather_plan* plan) {
  const ksa_conv_params* p = plan->params;
  ksa_position position;
  position.top = -(int32_t)p->pad_rows;
  position.left = -(int32_t)p->pad_columns;
  position.line = position.top * plan->next_row + position.left * plan->next_column;
  position.offset = position.line;
  position.column = 0;
  return position;
}

static inline void ksa_next_position(const ksa_gather_plan* plan, ksa_position* at) {
  const ksa_conv_params* p = plan->params;
  at->left += p->stride_columns;
  at->offset += plan->next_pixel;
  if (++at->column == p->out_columns) {
    at->column = 0;
    at->left = -(int32_t)p->pad_columns;
    at->top += p->stride_rows;
    at->line += plan->next_line;
    at->offset = at->line;
  }
}

/* A row of a window that crosses the first or the last column, or whose taps lie apart. */
static inline ksa_cursor ksa_gather_taps(const ksa_gather_plan* plan, const int8_t* x,
                                         int32_t left, int32_t offset, ksa_cursor out) {
  const ksa_conv_params* p = plan->params;
  for (uint32_t k = 0; k < p->kernel_columns; ++k) {
    if (left < 0 || left >= p->in_columns) {
      out = ksa_fill(out, plan->channels);
    } else {
      out = ksa_put(out, x + offset, plan->channels);
    }
    left += p->dilation_columns;
    offset += plan->next_tap;
  }
  return out;
}

/* `x` points at the first channel of the group, in the first pixel. */
static inline ksa_cursor ksa_gather(const ksa_gather_plan* plan, const int8_t* x,
                                    const ksa_position* at, ksa_cursor out) {
  const ksa_conv_params* p = plan->params;
  const int whole = p->dilation_columns == 1 && p->groups == 1 && at->left >= 0 &&
                    at->left + p->kernel_columns <= p->in_columns;
  int32_t top = at->top, offset = at->offset;
  for (uint32_t r = 0; r < p->kernel_rows; ++r) {
    if (top < 0 || top >= p->in_rows) {
      out = ksa_fill(out, plan->window_row);
    } else if (whole) {
      out = ksa_put(out, x + offset, plan->window_row);
    } else {
      out = ksa_gather_taps(plan, x, at->left, offset, out);
    }
    top += p->dilation_rows;
    offset += plan->next_tap_row;
  }
  return out;
}

#endif /* KERAS_SHIFTADD_MICRO_GATHER_H_ */
