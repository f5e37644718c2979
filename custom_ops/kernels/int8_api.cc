// The public functions of the int8 convolutions: checks, and the way to the processor's table.
#include "common.h"
#include "shiftadd.h"
#include "target.h"

namespace {

using shiftadd::active_target;

constexpr int32_t kLargestWeight = 64;
constexpr int64_t kBiasLimit = int64_t{1} << 30;
constexpr int64_t kSumLimit = int64_t{1} << 31;

const shiftadd_parallel kCallingThread = {nullptr, nullptr, 1};

bool known_operator(int32_t op) { return op == SHIFTADD_ADDER || op == SHIFTADD_SHIFT; }

bool is_byte(int32_t value) { return value >= -128 && value <= 127; }

int check_requantization(const shiftadd_conv_params& p, const shiftadd_requantization& r) {
  if (r.bias == nullptr || r.multiplier == nullptr || r.shift == nullptr) {
    return SHIFTADD_BAD_ARGUMENT;
  }
  if (!is_byte(r.output_zero) || !is_byte(r.low) || !is_byte(r.high) || r.low > r.high) {
    return SHIFTADD_BAD_ARGUMENT;
  }
  for (int64_t i = 0; i < p.groups * p.filters; ++i) {
    if (r.shift[i] < 1 || r.shift[i] > 62) return SHIFTADD_BAD_ARGUMENT;
    if (r.bias[i] <= -kBiasLimit || r.bias[i] >= kBiasLimit) return SHIFTADD_BAD_ARGUMENT;
  }
  return SHIFTADD_OK;
}

// Weights are powers of two, and 255 * sum |w| + |bias| stays below 2^31, so that no sum of an
// output channel overflows on its way.
int check_shift_weights(const shiftadd_conv_params& p, const int8_t* w, const int32_t* bias) {
  const int64_t outputs = p.groups * p.filters;
  const int64_t rows = shiftadd::taps_of(p) * p.channels;
  for (int64_t output = 0; output < outputs; ++output) {
    const int64_t group = output / p.filters, filter = output % p.filters;
    int64_t sum = bias[output] < 0 ? -int64_t{bias[output]} : bias[output];
    for (int64_t row = 0; row < rows; ++row) {
      const int64_t tap = row / p.channels, channel = row % p.channels;
      const int32_t weight =
          w[((tap * p.groups + group) * p.channels + channel) * p.filters + filter];
      const int32_t magnitude = weight < 0 ? -weight : weight;
      if (magnitude > kLargestWeight || (magnitude & (magnitude - 1)) != 0) {
        return SHIFTADD_BAD_WEIGHT;
      }
      sum += 255 * magnitude;
    }
    if (sum >= kSumLimit) return SHIFTADD_BAD_SIZE;
  }
  return SHIFTADD_OK;
}

}  // namespace

extern "C" {

size_t shiftadd_conv_int8_packed_size(const shiftadd_conv_params* p, int32_t op) {
  if (p == nullptr || !known_operator(op)) return 0;
  return active_target().int8_packed_size(*p, op);
}

int shiftadd_conv_int8_pack(const shiftadd_conv_params* p, int32_t op, const int8_t* w,
                            int32_t input_zero, const shiftadd_requantization* requantization,
                            void* packed) {
  if (p == nullptr || w == nullptr || requantization == nullptr || packed == nullptr ||
      !known_operator(op) || !is_byte(input_zero)) {
    return SHIFTADD_BAD_ARGUMENT;
  }
  int error = check_requantization(*p, *requantization);
  if (error == SHIFTADD_OK && op == SHIFTADD_SHIFT) {
    error = check_shift_weights(*p, w, requantization->bias);
  }
  if (error != SHIFTADD_OK) return error;
  return active_target().int8_pack(*p, op, w, input_zero, *requantization, packed);
}

size_t shiftadd_conv_int8_scratch(const shiftadd_conv_params* p, int32_t op, int32_t threads) {
  if (p == nullptr || !known_operator(op)) return 0;
  return active_target().int8_scratch(*p, op, shiftadd::maximum(threads, 1));
}

int shiftadd_conv_int8(const shiftadd_conv_params* p, int32_t op, const int8_t* x,
                       const void* packed, int8_t* y, void* scratch,
                       const shiftadd_parallel* parallel) {
  if (p == nullptr || packed == nullptr || !known_operator(op)) return SHIFTADD_BAD_ARGUMENT;
  if (p->batch == 0) return SHIFTADD_OK;
  if (x == nullptr || y == nullptr || scratch == nullptr) return SHIFTADD_BAD_ARGUMENT;
  return active_target().int8_conv(*p, op, x, packed, y, scratch,
                                   parallel == nullptr ? kCallingThread : *parallel);
}

}  // extern "C"
