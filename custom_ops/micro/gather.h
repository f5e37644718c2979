/* Windows of an image, laid out for an inner loop (gather.c). */
#ifndef KERAS_SHIFTADD_MICRO_GATHER_H_
#define KERAS_SHIFTADD_MICRO_GATHER_H_

#include "shiftadd_micro.h"

/* Appends `count` elements of a window to a patch, in the layout of an inner loop, and returns
 * where the next ones go. */
typedef uint8_t* (*ksa_put)(uint8_t* out, const int8_t* x, uint32_t count);
/* The same for elements outside of the image. */
typedef uint8_t* (*ksa_fill)(uint8_t* out, int8_t value, uint32_t count);

/* Constants of a layer; products among them are taken once, for a core may have no multiplier. */
typedef struct {
  const ksa_conv_params* params;
  ksa_put put;
  ksa_fill fill;
  uint32_t channels;              /* of a group */
  uint32_t window_row;            /* elements of a row of the window, of a group */
  int32_t next_tap, next_tap_row; /* bytes from a position of the window to its neighbours */
  int32_t next_pixel, next_line;  /* bytes from a window to the next, from a row of them to another */
  int whole_rows;                 /* a row of a window lies in one piece */
} ksa_gather_plan;

/* A window that is walked over the image. Its first position may lie outside. */
typedef struct {
  int32_t top, left;
  int32_t offset; /* of that position in the image, in bytes */
  int32_t line;   /* of the first window of this row */
  uint32_t column;
} ksa_position;

ksa_gather_plan ksa_plan_gather(const ksa_conv_params* params, ksa_put put, ksa_fill fill);
ksa_position ksa_first_position(const ksa_gather_plan* plan);
void ksa_next_position(const ksa_gather_plan* plan, ksa_position* at);

/* The elements of a window of a group: rows, columns, channels. `x` points at the first channel of
 * the group, in the first pixel. */
uint8_t* ksa_gather(const ksa_gather_plan* plan, const int8_t* x, const ksa_position* at,
                    uint8_t* out);

#endif /* KERAS_SHIFTADD_MICRO_GATHER_H_ */
