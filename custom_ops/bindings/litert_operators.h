// The custom operators of a .tflite file on the host: what a node computes, on LiteRT's tensors.
#ifndef KERAS_SHIFTADD_BINDINGS_LITERT_OPERATORS_H_
#define KERAS_SHIFTADD_BINDINGS_LITERT_OPERATORS_H_

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "../kernels/shiftadd.h"
#include "../micro/tflm/conv_options.h"
#include "tflite_c_api.h"

namespace shiftadd_litert {

constexpr size_t kLookupEntries = 256;

// A node of the file: what it computes, once its constants are there.
class Operator {
 public:
  Operator(const TfLiteNode& node)
      : inputs_(node.inputs->data, node.inputs->data + node.inputs->size),
        outputs_(node.outputs->data, node.outputs->data + node.outputs->size) {}
  virtual ~Operator() = default;

  // An error, or null.
  virtual const char* prepare(TfLiteContext* context) = 0;
  virtual const char* invoke(TfLiteContext* context) = 0;

 protected:
  bool has(size_t inputs) const { return inputs_.size() == inputs && outputs_.size() == 1; }
  TfLiteTensor& input(TfLiteContext* context, size_t index) const {
    return context->tensors[inputs_[index]];
  }
  TfLiteTensor& output(TfLiteContext* context) const { return context->tensors[outputs_[0]]; }

  static bool holds(const TfLiteTensor& tensor, TfLiteType type, uint64_t bytes) {
    return tensor.type == type && tensor.bytes == bytes;
  }
  static bool constant(const TfLiteTensor& tensor, TfLiteType type, uint64_t bytes) {
    return holds(tensor, type, bytes) && tensor.data.data != nullptr;
  }

 private:
  std::vector<int> inputs_, outputs_;
};

class Lookup : public Operator {
 public:
  using Operator::Operator;

  const char* prepare(TfLiteContext* context) override {
    if (!has(2)) return "a lookup has 2 inputs and 1 output";
    const size_t size = input(context, 0).bytes;
    if (!holds(input(context, 0), kTfLiteInt8, size) ||
        !holds(output(context), kTfLiteInt8, size) ||
        !constant(input(context, 1), kTfLiteInt8, kLookupEntries)) {
      return "the tensors of a lookup do not fit each other";
    }
    return nullptr;
  }

  const char* invoke(TfLiteContext* context) override {
    const auto* table = static_cast<const int8_t*>(input(context, 1).data.data);
    ksa_lookup(table, static_cast<uint32_t>(input(context, 0).bytes),
               static_cast<const int8_t*>(input(context, 0).data.data),
               static_cast<int8_t*>(output(context).data.data));
    return nullptr;
  }
};

class Conv : public Operator {
 public:
  Conv(const TfLiteNode& node) : Operator(node) {
    read_ = ksa_read_conv_options(static_cast<const uint8_t*>(node.custom_initial_data),
                                  static_cast<size_t>(node.custom_initial_data_size),
                                  &options_) != 0;
  }

  const char* prepare(TfLiteContext* context) override {
    if (!read_) return "the options of a convolution are damaged";
    if (!has(5)) return "a convolution has 5 inputs and 1 output";
    ksa_conv_params& params = options_.params;
    const uint64_t channels = params.out_channels;
    const bool codes = options_.operation == KSA_OPTIONS_SHIFT;
    if (!holds(input(context, 0), kTfLiteInt8, ksa_conv_input_bytes(&options_)) ||
        !holds(output(context), kTfLiteInt8, ksa_conv_output_bytes(&options_)) ||
        !constant(input(context, 1), codes ? kTfLiteUInt8 : kTfLiteInt8,
                  ksa_conv_weight_bytes(&options_)) ||
        !constant(input(context, 2), kTfLiteInt32, 4 * channels) ||
        !constant(input(context, 3), kTfLiteInt32, 4 * channels) ||
        !constant(input(context, 4), kTfLiteUInt8, channels)) {
      return "the tensors of a convolution do not fit its options";
    }
    params.weights = input(context, 1).data.data;
    params.bias = static_cast<const int32_t*>(input(context, 2).data.data);
    params.multiplier = static_cast<const int32_t*>(input(context, 3).data.data);
    params.shift = static_cast<const uint8_t*>(input(context, 4).data.data);
    if (!ksa_conv_channels_fit(&options_)) {
      return "a bias, a shift or the weights of a convolution are out of range";
    }
    fast_ = options_.operation != KSA_OPTIONS_CONV && params.rounding == KSA_SINGLE_ROUNDING;
    return fast_ ? pack() : nullptr;
  }

  const char* invoke(TfLiteContext* context) override {
    const auto* x = static_cast<const int8_t*>(input(context, 0).data.data);
    auto* y = static_cast<int8_t*>(output(context).data.data);
    if (!fast_) {
      ksa_portable_conv(&options_)(&options_.params, x, y, nullptr);
      return nullptr;
    }
    if (!padded_.empty()) {
      pad(x);
      x = padded_.data();
    }
    const shiftadd_parallel* parallel = shiftadd_default_parallel();
    const size_t bytes = shiftadd_conv_int8_scratch(&conv_, op_, parallel->threads);
    if (bytes > scratch_bytes_) {
      scratch_.reset(new uint8_t[bytes + kAlignment]);
      scratch_bytes_ = bytes;
    }
    const int error =
        shiftadd_conv_int8(&conv_, op_, x, packed(), y, aligned(scratch_.get()), parallel);
    return error == SHIFTADD_OK ? nullptr : shiftadd_error_message(error);
  }

 private:
  static constexpr size_t kAlignment = 64;

  static void* aligned(uint8_t* bytes) {
    return bytes + (kAlignment - reinterpret_cast<uintptr_t>(bytes) % kAlignment) % kAlignment;
  }
  void* packed() { return aligned(packed_.data()); }

  // The kernels' parameters, and the packed weights.
  const char* pack() {
    const ksa_conv_params& p = options_.params;
    op_ = options_.operation == KSA_OPTIONS_ADDER ? SHIFTADD_ADDER : SHIFTADD_SHIFT;
    choose_padding();
    int error = shiftadd_conv_init(&conv_);
    if (error != SHIFTADD_OK) return shiftadd_error_message(error);
    const std::vector<int8_t> weights = taps_first();
    const std::vector<int32_t> shift(p.shift, p.shift + p.out_channels);
    const shiftadd_requantization requantization = {
        p.bias, p.multiplier, shift.data(), p.output_zero, p.low, p.high};
    packed_.resize(shiftadd_conv_int8_packed_size(&conv_, op_) + kAlignment);
    error = shiftadd_conv_int8_pack(&conv_, op_, weights.data(), p.input_zero, &requantization,
                                    packed());
    return error == SHIFTADD_OK ? nullptr : shiftadd_error_message(error);
  }

  // Paddings that the kernels know are theirs; others are made here.
  void choose_padding() {
    const ksa_conv_params& p = options_.params;
    conv_ = {};
    conv_.batch = 1;
    conv_.in_size[0] = p.in_rows;
    conv_.in_size[1] = p.in_columns;
    conv_.kernel_size[0] = p.kernel_rows;
    conv_.kernel_size[1] = p.kernel_columns;
    conv_.strides[0] = p.stride_rows;
    conv_.strides[1] = p.stride_columns;
    conv_.dilation[0] = p.dilation_rows;
    conv_.dilation[1] = p.dilation_columns;
    conv_.groups = p.groups;
    conv_.channels = p.in_channels / p.groups;
    conv_.filters = p.out_channels / p.groups;
    padded_.clear();
    for (int32_t padding : {SHIFTADD_VALID, SHIFTADD_SAME, SHIFTADD_CAUSAL}) {
      conv_.padding = padding;
      if (shiftadd_conv_init(&conv_) == SHIFTADD_OK && conv_.out_size[0] == p.out_rows &&
          conv_.out_size[1] == p.out_columns && conv_.pad_before[0] == p.pad_rows &&
          conv_.pad_before[1] == p.pad_columns) {
        return;
      }
    }
    conv_.padding = SHIFTADD_VALID;
    conv_.in_size[0] += p.pad_rows + options_.pad_bottom;
    conv_.in_size[1] += p.pad_columns + options_.pad_right;
    const int64_t pixels = conv_.in_size[0] * conv_.in_size[1];
    padded_.assign(static_cast<size_t>(pixels * p.in_channels), p.input_zero);
  }

  void pad(const int8_t* x) {
    const ksa_conv_params& p = options_.params;
    const size_t row = static_cast<size_t>(p.in_columns) * p.in_channels;
    for (size_t i = 0; i < p.in_rows; ++i) {
      const size_t pixel = (i + p.pad_rows) * static_cast<size_t>(conv_.in_size[1]);
      std::memcpy(padded_.data() + (pixel + p.pad_columns) * p.in_channels, x + i * row, row);
    }
  }

  // (filters, taps, channels), or codes of it, as (taps, groups, channels, filters of a group).
  std::vector<int8_t> taps_first() const {
    const auto* stored = static_cast<const uint8_t*>(options_.params.weights);
    const size_t taps = static_cast<size_t>(conv_.kernel_size[0] * conv_.kernel_size[1]);
    const size_t groups = static_cast<size_t>(conv_.groups);
    const size_t channels = static_cast<size_t>(conv_.channels);
    const size_t filters = static_cast<size_t>(conv_.filters);
    const bool codes = options_.operation == KSA_OPTIONS_SHIFT;
    const size_t window = taps * channels;
    const size_t filter_bytes = codes ? (window + 1) / 2 : window;
    std::vector<int8_t> weights(window * groups * filters);
    for (size_t output = 0; output < groups * filters; ++output) {
      const uint8_t* filter = stored + output * filter_bytes;
      for (size_t i = 0; i < window; ++i) {
        const size_t at = ((i / channels * groups + output / filters) * channels + i % channels);
        const int value = codes ? decoded(filter[i / 2] >> (i % 2 * 4) & 15)
                                : static_cast<int8_t>(filter[i]);
        weights[at * filters + output % filters] = static_cast<int8_t>(value);
      }
    }
    return weights;
  }

  // A code without a meaning becomes a weight that packing refuses.
  static int decoded(int code) {
    if (code == 0) return 0;
    if (code == 8) return 3;
    const int magnitude = 1 << ((code - 1) & 7);
    return code > 8 ? -magnitude : magnitude;
  }

  bool read_ = false;
  bool fast_ = false;
  int32_t op_ = SHIFTADD_ADDER;
  ksa_conv_options options_ = {};
  shiftadd_conv_params conv_ = {};
  std::vector<uint8_t> packed_;
  std::vector<int8_t> padded_;
  std::unique_ptr<uint8_t[]> scratch_;
  size_t scratch_bytes_ = 0;
};

}  // namespace shiftadd_litert

#endif  // KERAS_SHIFTADD_BINDINGS_LITERT_OPERATORS_H_
