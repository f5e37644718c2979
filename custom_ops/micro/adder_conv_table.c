/* Absolute differences from a table, for cores without instructions for them: a patch holds, for
 * each element of a window and each of four pixels, the address of the table's middle less x + 128,
 * to which an inner loop adds w + 128 and reads |x - w|. It takes 16 bytes an element. The bytes
 * of the weights are w + 128; what is filled up holds the middle and bytes of 0. */
#include "shiftadd_micro.h"

#define KSA_PIXELS 4
#define KSA_FILTERS 4
#define KSA_NOTHING KSA_MIDDLE

typedef uint32_t ksa_element;

/* |d| for d from -255 to 255. */
static const uint8_t magnitudes[511] = {
  255, 254, 253, 252, 251, 250, 249, 248, 247, 246, 245, 244, 243, 242, 241, 240, 239, 238, 237, 236,
  235, 234, 233, 232, 231, 230, 229, 228, 227, 226, 225, 224, 223, 222, 221, 220, 219, 218, 217, 216,
  215, 214, 213, 212, 211, 210, 209, 208, 207, 206, 205, 204, 203, 202, 201, 200, 199, 198, 197, 196,
  195, 194, 193, 192, 191, 190, 189, 188, 187, 186, 185, 184, 183, 182, 181, 180, 179, 178, 177, 176,
  175, 174, 173, 172, 171, 170, 169, 168, 167, 166, 165, 164, 163, 162, 161, 160, 159, 158, 157, 156,
  155, 154, 153, 152, 151, 150, 149, 148, 147, 146, 145, 144, 143, 142, 141, 140, 139, 138, 137, 136,
  135, 134, 133, 132, 131, 130, 129, 128, 127, 126, 125, 124, 123, 122, 121, 120, 119, 118, 117, 116,
  115, 114, 113, 112, 111, 110, 109, 108, 107, 106, 105, 104, 103, 102, 101, 100, 99, 98, 97, 96,
  95, 94, 93, 92, 91, 90, 89, 88, 87, 86, 85, 84, 83, 82, 81, 80, 79, 78, 77, 76,
  75, 74, 73, 72, 71, 70, 69, 68, 67, 66, 65, 64, 63, 62, 61, 60, 59, 58, 57, 56,
  55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
  35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16,
  15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4,
  5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
  25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44,
  45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64,
  65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 80, 81, 82, 83, 84,
  85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96, 97, 98, 99, 100, 101, 102, 103, 104,
  105, 106, 107, 108, 109, 110, 111, 112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124,
  125, 126, 127, 128, 129, 130, 131, 132, 133, 134, 135, 136, 137, 138, 139, 140, 141, 142, 143, 144,
  145, 146, 147, 148, 149, 150, 151, 152, 153, 154, 155, 156, 157, 158, 159, 160, 161, 162, 163, 164,
  165, 166, 167, 168, 169, 170, 171, 172, 173, 174, 175, 176, 177, 178, 179, 180, 181, 182, 183, 184,
  185, 186, 187, 188, 189, 190, 191, 192, 193, 194, 195, 196, 197, 198, 199, 200, 201, 202, 203, 204,
  205, 206, 207, 208, 209, 210, 211, 212, 213, 214, 215, 216, 217, 218, 219, 220, 221, 222, 223, 224,
  225, 226, 227, 228, 229, 230, 231, 232, 233, 234, 235, 236, 237, 238, 239, 240, 241, 242, 243, 244,
  245, 246, 247, 248, 249, 250, 251, 252, 253, 254, 255,
};

#if defined(__riscv) && __riscv_xlen == 32 && !defined(__riscv_e) && !defined(__riscv_32e)
#define KSA_LOAD_PIXEL "lw"
#define KSA_PIXEL_BYTES "4"
#define KSA_LOAD_WEIGHT "lbu"
#define KSA_ENTRY(pixel, sum) \
  "add s10, " pixel ", s9\n lbu s10, 0(s10)\n sub " sum ", " sum ", s10\n"
#include "blocked_riscv.h"
#elif defined(__thumb__)
#include "table_thumb.h"
#else

/* Offsets in the place of addresses. */
#define KSA_MIDDLE 255u

static void ksa_block_sums(const uint8_t* weights, const uint32_t* patch, const uint32_t* end,
                           uint32_t* sums) {
  for (uint32_t i = 0; i < KSA_FILTERS * KSA_PIXELS; ++i) sums[i] = 0;
  for (; patch != end; patch += KSA_PIXELS, weights += KSA_FILTERS) {
    for (uint32_t f = 0; f < KSA_FILTERS; ++f) {
      for (uint32_t i = 0; i < KSA_PIXELS; ++i) {
        sums[KSA_PIXELS * f + i] -= magnitudes[patch[i] + weights[f]];
      }
    }
  }
}

#endif

#ifndef KSA_MIDDLE
#define KSA_MIDDLE ((uint32_t)(uintptr_t)(magnitudes + 255))
#endif

static uint8_t* ksa_put_elements(uint8_t* bytes, const int8_t* x, uint32_t count) {
  uint32_t* out = (uint32_t*)(void*)bytes;
  const uint32_t middle = KSA_MIDDLE;
  const uint8_t* in = (const uint8_t*)x;
  const uint8_t* const end = in + count;
  for (; in != end; ++in) {
    *out = middle - (*in ^ 0x80u);
    out += KSA_PIXELS;
  }
  return (uint8_t*)out;
}

static uint8_t* ksa_fill_elements(uint8_t* bytes, int8_t value, uint32_t count) {
  uint32_t* out = (uint32_t*)(void*)bytes;
  const uint32_t address = KSA_MIDDLE - ((uint8_t)value ^ 0x80u);
  for (; count; --count) {
    *out = address;
    out += KSA_PIXELS;
  }
  return (uint8_t*)out;
}

#include "blocked.h"

size_t ksa_adder_conv_table_scratch_bytes(const ksa_conv_params* params) {
  return ksa_blocked_scratch_bytes(params);
}

void ksa_adder_conv_table(const ksa_conv_params* params, const int8_t* x, int8_t* y,
                          void* scratch) {
  ksa_blocked_conv(params, x, y, (ksa_element*)scratch);
}
