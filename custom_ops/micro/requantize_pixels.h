/* Sums of several pixels to int8 (requantize_pixels.c). */
#ifndef KERAS_SHIFTADD_MICRO_REQUANTIZE_PIXELS_H_
#define KERAS_SHIFTADD_MICRO_REQUANTIZE_PIXELS_H_

#include "shiftadd_micro.h"

/* Requantises sums of one output channel, of `count` pixels one after the other; the bias is added
 * here, modulo 2^32. */
void ksa_requantize_pixels(const ksa_conv_params* params, uint32_t channel, const uint32_t* sums,
                           uint32_t count, int8_t* y);

#endif /* KERAS_SHIFTADD_MICRO_REQUANTIZE_PIXELS_H_ */
