#include "pool.h"

void ksa_average_pool(const ksa_pool_params* p, const int8_t* x, int8_t* y) {
  const uint32_t row_bytes = (uint32_t)p->in_columns * p->channels;
  for (uint32_t i = 0; i < p->out_rows; ++i) {
    const ksa_span rows =
        ksa_window_span(i, p->stride_rows, p->window_rows, p->pad_rows, p->in_rows);
    for (uint32_t j = 0; j < p->out_columns; ++j) {
      const ksa_span columns =
          ksa_window_span(j, p->stride_columns, p->window_columns, p->pad_columns, p->in_columns);
      const int32_t count = (int32_t)((rows.end - rows.first) * (columns.end - columns.first));
      const int32_t half = count / 2;
      const int8_t* corner = x + rows.first * row_bytes + columns.first * p->channels;
      for (uint32_t c = 0; c < p->channels; ++c, ++corner) {
        int32_t sum = 0;
        const int8_t* row = corner;
        for (uint32_t r = rows.first; r < rows.end; ++r, row += row_bytes) {
          const int8_t* element = row;
          for (uint32_t k = columns.first; k < columns.end; ++k, element += p->channels) {
            sum += *element;
          }
        }
        *y++ = ksa_clamp((sum + (sum < 0 ? -half : half)) / count, p->low, p->high);
      }
    }
  }
}
