#include <string.h>

#include "shiftadd_micro.h"

void ksa_pad(const ksa_pad_params* p, const int8_t* x, int8_t* y) {
  const size_t in_bytes = (size_t)p->in_columns * p->channels;
  const size_t left = (size_t)p->pad_left * p->channels;
  const size_t right = (size_t)p->pad_right * p->channels;
  const size_t out_bytes = left + in_bytes + right;
  memset(y, p->value, p->pad_top * out_bytes);
  y += p->pad_top * out_bytes;
  for (uint32_t i = 0; i < p->in_rows; ++i, x += in_bytes) {
    memset(y, p->value, left);
    memcpy(y + left, x, in_bytes);
    memset(y + left + in_bytes, p->value, right);
    y += out_bytes;
  }
  memset(y, p->value, p->pad_bottom * out_bytes);
}
