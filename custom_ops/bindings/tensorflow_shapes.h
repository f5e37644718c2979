/* Shapes of the ops in a graph, before it runs. The C API shows no attributes here, so that height
 * and width of an output stay open; Python sets them. */
#ifndef KERAS_SHIFTADD_BINDINGS_TENSORFLOW_SHAPES_H_
#define KERAS_SHIFTADD_BINDINGS_TENSORFLOW_SHAPES_H_

#include <cstdint>

#include "tensorflow/c/ops.h"
#include "tensorflow/c/tf_status.h"

namespace shiftadd_tensorflow {

class Shape {
 public:
  Shape() : handle_(TF_NewShapeHandle()) {}
  explicit Shape(TF_ShapeHandle* handle) : handle_(handle) {}
  ~Shape() { TF_DeleteShapeHandle(handle_); }
  Shape(const Shape&) = delete;
  Shape& operator=(const Shape&) = delete;

  TF_ShapeHandle* get() const { return handle_; }

 private:
  TF_ShapeHandle* handle_;
};

// The calls of one inference; after the first error the others do nothing.
class Inference {
 public:
  Inference(TF_ShapeInferenceContext* context, TF_Status* status)
      : context_(context), status_(status) {}

  bool ok() const { return TF_GetCode(status_) == TF_OK; }
  void Input(int index, int64_t rank, const Shape& shape) const {
    if (ok()) TF_ShapeInferenceContextGetInput(context_, index, shape.get(), status_);
    WithRank(shape, rank, shape);
  }
  void WithRank(const Shape& shape, int64_t rank, const Shape& result) const {
    if (ok()) {
      TF_ShapeInferenceContextWithRank(context_, shape.get(), rank, result.get(), status_);
    }
  }
  void Front(const Shape& shape, int64_t axes, const Shape& result) const {
    if (ok()) {
      TF_ShapeInferenceContextSubshape(context_, shape.get(), 0, axes, result.get(), status_);
    }
  }
  void Join(const Shape& front, const Shape& back, const Shape& result) const {
    if (ok()) {
      TF_ShapeInferenceContextConcatenateShapes(context_, front.get(), back.get(), result.get(),
                                                status_);
    }
  }
  // Unset shapes joined make an unknown one; asserting its rank makes sizes that equal no other.
  void Open(int64_t rank, const Shape& result) const {
    const Shape unset, unknown;
    Join(unset, unset, unknown);
    WithRank(unknown, rank, result);
  }
  // The size of an axis, or -1.
  int64_t Size(const Shape& shape, int64_t axis) const {
    if (!ok()) return -1;
    TF_DimensionHandle* dimension = TF_NewDimensionHandle();
    TF_ShapeInferenceContextDim(context_, shape.get(), axis, dimension);
    const bool known = TF_DimensionHandleValueKnown(dimension);
    const int64_t size = known ? TF_DimensionHandleValue(dimension) : -1;
    TF_DeleteDimensionHandle(dimension);
    return size;
  }
  void Output(const Shape& shape) const {
    if (ok()) TF_ShapeInferenceContextSetOutput(context_, 0, shape.get(), status_);
  }

 private:
  TF_ShapeInferenceContext* context_;
  TF_Status* status_;
};

// x (batch, height, width, ...), w (taps, groups, channels, filters)
// -> (batch, open, open, groups * filters)
inline void InferOutput(TF_ShapeInferenceContext* context, TF_Status* status) {
  const Inference infer(context, status);
  const Shape x, w, batch, open, output;
  infer.Input(0, 4, x);
  infer.Input(1, 4, w);
  infer.Front(x, 1, batch);
  const int64_t groups = infer.Size(w, 1), filters = infer.Size(w, 3);
  if (groups >= 0 && filters >= 0) {
    const auto channels = static_cast<size_t>(groups) * static_cast<size_t>(filters);
    const Shape last(TF_ShapeInferenceContextVectorFromSize(context, channels));
    infer.Open(2, open);
    infer.Join(batch, open, output);
    infer.Join(output, last, output);
  } else {
    infer.Open(3, open);
    infer.Join(batch, open, output);
  }
  infer.Output(output);
}

// A gradient has the shape of what it belongs to.
template <int index>
void InferSameAs(TF_ShapeInferenceContext* context, TF_Status* status) {
  const Inference infer(context, status);
  const Shape shape;
  infer.Input(index, 4, shape);
  infer.Output(shape);
}

}  // namespace shiftadd_tensorflow

#endif  // KERAS_SHIFTADD_BINDINGS_TENSORFLOW_SHAPES_H_
