#include "gather.h"

ksa_gather_plan ksa_plan_gather(const ksa_conv_params* p, ksa_put put, ksa_fill fill) {
  const int32_t row_bytes = (int32_t)p->in_columns * p->in_channels;
  ksa_gather_plan plan;
  plan.params = p;
  plan.put = put;
  plan.fill = fill;
  plan.channels = p->groups == 1 ? p->in_channels : (uint32_t)(p->in_channels / p->groups);
  plan.window_row = p->kernel_columns * plan.channels;
  plan.next_tap = (int32_t)p->dilation_columns * p->in_channels;
  plan.next_tap_row = p->dilation_rows * row_bytes;
  plan.next_pixel = (int32_t)p->stride_columns * p->in_channels;
  plan.next_line = p->stride_rows * row_bytes;
  plan.whole_rows = p->groups == 1 && (p->dilation_columns == 1 || p->kernel_columns == 1);
  return plan;
}

ksa_position ksa_first_position(const ksa_gather_plan* plan) {
  const ksa_conv_params* p = plan->params;
  ksa_position at;
  at.top = -(int32_t)p->pad_rows;
  at.left = -(int32_t)p->pad_columns;
  at.line = at.top * p->in_columns * p->in_channels + at.left * p->in_channels;
  at.offset = at.line;
  at.column = 0;
  return at;
}

void ksa_next_position(const ksa_gather_plan* plan, ksa_position* at) {
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

/* A row of a window that crosses the first or the last column, or does not lie in one piece. */
static uint8_t* gather_taps(const ksa_gather_plan* plan, const int8_t* x, int32_t left,
                            int32_t offset, uint8_t* out) {
  const ksa_conv_params* p = plan->params;
  for (uint32_t k = p->kernel_columns; k; --k) {
    out = left < 0 || left >= p->in_columns ? plan->fill(out, p->input_zero, plan->channels)
                                            : plan->put(out, x + offset, plan->channels);
    left += p->dilation_columns;
    offset += plan->next_tap;
  }
  return out;
}

uint8_t* ksa_gather(const ksa_gather_plan* plan, const int8_t* x, const ksa_position* at,
                    uint8_t* out) {
  const ksa_conv_params* p = plan->params;
  const int32_t left = at->left, rows = p->in_rows, next_tap_row = plan->next_tap_row;
  const int whole = plan->whole_rows && left >= 0 && left + p->kernel_columns <= p->in_columns;
  int32_t top = at->top, offset = at->offset;
  for (uint32_t r = p->kernel_rows; r; --r) {
    if (top < 0 || top >= rows) {
      out = plan->fill(out, p->input_zero, plan->window_row);
    } else if (whole) {
      out = plan->put(out, x + offset, plan->window_row);
    } else {
      out = gather_taps(plan, x, left, offset, out);
    }
    top += p->dilation_rows;
    offset += next_tap_row;
  }
  return out;
}
