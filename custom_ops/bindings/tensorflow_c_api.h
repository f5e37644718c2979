/* TensorFlow's C API with owners for its handles. */
#ifndef KERAS_SHIFTADD_BINDINGS_TENSORFLOW_C_API_H_
#define KERAS_SHIFTADD_BINDINGS_TENSORFLOW_C_API_H_

#include <cstdint>
#include <string>
#include <vector>

#include "tensorflow/c/kernels.h"
#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"
#include "tensorflow/c/tf_tensor.h"

namespace shiftadd_tensorflow {

class Status {
 public:
  Status() : status_(TF_NewStatus()) {}
  ~Status() { TF_DeleteStatus(status_); }
  Status(const Status&) = delete;
  Status& operator=(const Status&) = delete;

  TF_Status* get() const { return status_; }
  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  void Refuse(const std::string& message) {
    TF_SetStatus(status_, TF_INVALID_ARGUMENT, message.c_str());
  }

 private:
  TF_Status* status_;
};

class Tensor {
 public:
  Tensor() = default;
  explicit Tensor(TF_Tensor* tensor) : tensor_(tensor) {}
  ~Tensor() {
    if (tensor_ != nullptr) TF_DeleteTensor(tensor_);
  }
  Tensor(const Tensor&) = delete;
  Tensor& operator=(const Tensor&) = delete;

  static TF_Tensor* Input(TF_OpKernelContext* context, int index, const Status& status) {
    TF_Tensor* tensor = nullptr;
    TF_GetInput(context, index, &tensor, status.get());
    return tensor;
  }

  int rank() const { return TF_NumDims(tensor_); }
  int64_t size(int axis) const { return TF_Dim(tensor_, axis); }
  std::vector<int64_t> shape() const {
    std::vector<int64_t> sizes(rank());
    for (int axis = 0; axis < rank(); ++axis) sizes[axis] = size(axis);
    return sizes;
  }
  template <typename T>
  T* data() const {
    return static_cast<T*>(TF_TensorData(tensor_));
  }

 private:
  TF_Tensor* tensor_ = nullptr;
};

inline std::string Text(const int64_t* values, size_t count) {
  std::string text = "(";
  for (size_t i = 0; i < count; ++i) text += (i ? ", " : "") + std::to_string(values[i]);
  return text + ")";
}

inline std::string Text(const std::vector<int64_t>& values) {
  return Text(values.data(), values.size());
}

}  // namespace shiftadd_tensorflow

#endif  // KERAS_SHIFTADD_BINDINGS_TENSORFLOW_C_API_H_
