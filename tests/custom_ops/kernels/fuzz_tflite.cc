// Draws custom convolutions as a .tflite file holds them, and damages half of them. Without
// SHIFTADD_TFLITE_MICRO they run through LiteRT's delegate, with it through the registrations of
// tflite-micro; both runtimes are played by this program.
//
//     fuzz_tflite CASES SEED
//
// Prints how many ran, and a checksum over the outputs of those that were not damaged: equal in
// both. Every array is a heap block of its exact size.
#ifdef SHIFTADD_TFLITE_MICRO
#define SHIFTADD_TFLM_DECLARATIONS "../../bindings/tflite_c_api.h"
#include "micro/tflm/shiftadd_tflm.cc"
#else
#include "bindings/litert.cc"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <random>
#include <utility>
#include <vector>

namespace {

constexpr int kTensors = 6;  // input, kernel, bias, multiplier, shift, output

struct Random {
  std::mt19937_64 engine;
  int between(int low, int high) {
    return low + static_cast<int>(engine() % static_cast<uint64_t>(high - low + 1));
  }
  bool chance(int percent) { return between(1, 100) <= percent; }
};

// A list of integers as the runtimes hold it.
struct IntArray {
  explicit IntArray(std::initializer_list<int> values)
      : words(new int[values.size() + 1]) {
    words[0] = static_cast<int>(values.size());
    std::copy(values.begin(), values.end(), words.get() + 1);
  }
  TfLiteIntArray* get() { return reinterpret_cast<TfLiteIntArray*>(words.get()); }
  std::unique_ptr<int[]> words;
};

struct Tensor {
  TfLiteType type;
  std::unique_ptr<uint8_t[]> data;
  size_t bytes;
  IntArray dims{1, 0};

  void make(TfLiteType of, size_t count, size_t width) {
    type = of;
    bytes = count * width;
    data.reset(new uint8_t[bytes]);
    dims = IntArray({1, static_cast<int>(count)});
  }
};

struct Case {
  std::vector<uint8_t> options;
  Tensor tensors[kTensors];
  bool damaged;
};

void put(std::vector<uint8_t>& bytes, int value) {
  bytes.push_back(static_cast<uint8_t>(value & 255));
  bytes.push_back(static_cast<uint8_t>(value >> 8 & 255));
}

Case draw(Random& random) {
  Case c;
  const int op = random.between(0, 2), rounding = random.between(0, 1);
  const int groups = random.between(1, 4);
  const int channels = random.between(1, 6), filters = random.between(1, 9);
  int in[2], out[2], kernel[2], stride[2], dilation[2], before[2], behind[2];
  for (int axis = 0; axis < 2; ++axis) {
    do {
      in[axis] = random.between(1, 9);
      kernel[axis] = random.between(1, 4);
      dilation[axis] = random.between(1, 2);
      stride[axis] = random.between(1, 3);
      before[axis] = random.between(0, 3);
      behind[axis] = random.between(0, 3);
      const int room = in[axis] + before[axis] + behind[axis] - (kernel[axis] - 1) * dilation[axis];
      out[axis] = room < 1 ? 0 : (room - 1) / stride[axis] + 1;
    } while (out[axis] < 1);
  }
  int low = random.between(-128, 127), high = random.between(-128, 127);
  if (low > high) std::swap(low, high);
  const int bytes[] = {'K', 'S', 'A', 'C', 1, op, op == 2, rounding, random.between(-128, 127),
                       random.between(-128, 127), low, high};
  for (int byte : bytes) c.options.push_back(static_cast<uint8_t>(byte));
  const int sizes[] = {in[0], in[1], groups * channels, out[0], out[1], groups * filters,
                       kernel[0], kernel[1], stride[0], stride[1], dilation[0], dilation[1],
                       before[0], behind[0], before[1], behind[1], groups, 0};
  for (int size : sizes) put(c.options, size);

  const size_t window = static_cast<size_t>(kernel[0] * kernel[1] * channels);
  const size_t outputs = static_cast<size_t>(groups * filters);
  c.tensors[0].make(kTfLiteInt8, static_cast<size_t>(in[0] * in[1] * groups * channels), 1);
  c.tensors[1].make(op == 2 ? kTfLiteUInt8 : kTfLiteInt8,
                    outputs * (op == 2 ? (window + 1) / 2 : window), 1);
  c.tensors[2].make(kTfLiteInt32, outputs, 4);
  c.tensors[3].make(kTfLiteInt32, outputs, 4);
  c.tensors[4].make(kTfLiteUInt8, outputs, 1);
  c.tensors[5].make(kTfLiteInt8, static_cast<size_t>(out[0] * out[1]) * outputs, 1);
  for (Tensor& tensor : c.tensors) {
    for (size_t i = 0; i < tensor.bytes; ++i) {
      tensor.data[i] = static_cast<uint8_t>(random.between(0, 255));
    }
  }
  for (size_t i = 0; op == 2 && i < c.tensors[1].bytes; ++i) {
    uint8_t& byte = c.tensors[1].data[i];
    if ((byte & 15) == 8) byte ^= 8;
    if (byte >> 4 == 8) byte ^= 128;
  }
  auto* bias = reinterpret_cast<int32_t*>(c.tensors[2].data.get());
  auto* multiplier = reinterpret_cast<int32_t*>(c.tensors[3].data.get());
  for (size_t f = 0; f < outputs; ++f) {
    bias[f] %= 1 << 14;
    if (rounding == 1) multiplier[f] = (multiplier[f] & 0x3fffffff) | 0x40000000;
    c.tensors[4].data[f] = static_cast<uint8_t>(random.between(31, 44));
  }

  c.damaged = random.chance(50);
  if (c.damaged) {
    for (int i = random.between(0, 3); i > 0; --i) {
      c.options[static_cast<size_t>(random.between(0, 47))] ^=
          static_cast<uint8_t>(1 << random.between(0, 7));
    }
    if (random.chance(20)) c.options.resize(static_cast<size_t>(random.between(0, 60)));
    if (random.chance(20)) {
      Tensor& tensor = c.tensors[random.between(0, kTensors - 1)];
      tensor.make(tensor.type, static_cast<size_t>(random.between(1, 40)), 4);
      memset(tensor.data.get(), random.between(0, 255), tensor.bytes);
    }
    for (int tensor = 1; tensor < 5; ++tensor) {
      if (!random.chance(20)) continue;
      Tensor& of = c.tensors[tensor];
      of.data[static_cast<size_t>(random.between(0, static_cast<int>(of.bytes) - 1))] ^=
          static_cast<uint8_t>(1 << random.between(0, 7));
    }
  }
  return c;
}

void ignore(TfLiteContext*, const char*, ...) {}

#ifdef SHIFTADD_TFLITE_MICRO

// The case that the runtime holds, for its functions.
Case* current = nullptr;
std::vector<std::unique_ptr<uint8_t[]>> persistent;

TfLiteEvalTensor* eval_tensor(const TfLiteContext*, int index) {
  static TfLiteEvalTensor tensors[kTensors];
  Tensor& tensor = current->tensors[index];
  tensors[index] = {{tensor.data.get()}, tensor.dims.get(), tensor.type};
  return &tensors[index];
}

void* allocate(TfLiteContext*, size_t bytes) {
  persistent.emplace_back(new uint8_t[bytes]);
  return persistent.back().get();
}

bool run(Case& c) {
  current = &c;
  TfLiteContext context = {};
  context.ReportError = ignore;
  context.AllocatePersistentBuffer = allocate;
  context.GetEvalTensor = eval_tensor;
  IntArray inputs({0, 1, 2, 3, 4}), outputs({5});
  TfLiteNode node = {};
  node.inputs = inputs.get();
  node.outputs = outputs.get();
  const TFLMRegistration* conv = keras_shiftadd::Operators()[0].registration;
  const char* options = reinterpret_cast<const char*>(c.options.data());
  node.user_data = conv->init(&context, options, c.options.size());
  const bool ran = conv->prepare(&context, &node) == kTfLiteOk &&
                   conv->invoke(&context, &node) == kTfLiteOk;
  persistent.clear();
  return ran;
}

#else

TfLiteNode played_node;
TfLiteRegistration played_name, played_kernel;
int plan_words[] = {1, 7};

TfLiteStatus plan_of(TfLiteContext*, TfLiteIntArray** plan) {
  *plan = reinterpret_cast<TfLiteIntArray*>(plan_words);
  return kTfLiteOk;
}

TfLiteStatus node_of(TfLiteContext*, int, TfLiteNode** node, TfLiteRegistration** registration) {
  *node = &played_node;
  *registration = &played_name;
  return kTfLiteOk;
}

TfLiteStatus replace(TfLiteContext*, TfLiteRegistration kernel, const TfLiteIntArray*,
                     TfLiteDelegate*) {
  played_kernel = kernel;
  return kTfLiteOk;
}

bool run(Case& c) {
  TfLiteTensor tensors[kTensors] = {};
  for (int i = 0; i < kTensors; ++i) {
    tensors[i].type = c.tensors[i].type;
    tensors[i].data.data = c.tensors[i].data.get();
    tensors[i].bytes = c.tensors[i].bytes;
  }
  TfLiteContext context = {};
  context.tensors_size = kTensors;
  context.tensors = tensors;
  context.ReportError = ignore;
  context.GetExecutionPlan = plan_of;
  context.GetNodeAndRegistration = node_of;
  context.ReplaceNodeSubsetsWithDelegateKernels = replace;
  IntArray inputs({0, 1, 2, 3, 4}), outputs({5}), nodes({7});
  played_node = {};
  played_node.inputs = inputs.get();
  played_node.outputs = outputs.get();
  played_node.custom_initial_data = c.options.data();
  played_node.custom_initial_data_size = static_cast<int>(c.options.size());
  played_name.custom_name = "SHIFTADD_CONV_2D";
  TfLiteDelegate* delegate = tflite_plugin_create_delegate(nullptr, nullptr, 0, nullptr);
  delegate->Prepare(&context, delegate);
  TfLiteDelegateParams params = {delegate, nodes.get(), nullptr, nullptr};
  TfLiteNode node = {};
  node.user_data = played_kernel.init(&context, reinterpret_cast<const char*>(&params), 0);
  const bool ran = played_kernel.prepare(&context, &node) == kTfLiteOk &&
                   played_kernel.invoke(&context, &node) == kTfLiteOk;
  played_kernel.free(&context, node.user_data);
  tflite_plugin_destroy_delegate(delegate);
  return ran;
}

#endif

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const int cases = atoi(argv[1]);
  Random random{std::mt19937_64(static_cast<uint64_t>(atoll(argv[2])))};
  uint64_t checksum = 0;
  int whole = 0, damaged = 0;
  for (int i = 0; i < cases; ++i) {
    Case c = draw(random);
    const bool ran = run(c);
    if (c.damaged) {
      damaged += ran;
      continue;
    }
    if (!ran) {
      printf("case %d: refused, and is not damaged\n", i);
      return 1;
    }
    ++whole;
    const Tensor& output = c.tensors[kTensors - 1];
    for (size_t at = 0; at < output.bytes; ++at) checksum = checksum * 31 + output.data[at];
  }
  printf("%d cases, %d whole ran, checksum %016llx; %d damaged ran\n", cases, whole,
         static_cast<unsigned long long>(checksum), damaged);
  return 0;
}
