"""Convolutions of LiteRT's interpreter, which runs them with XNNPACK."""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from kernel_rows.layer import Arrays, Layer
from kernel_rows.timing import Row


def rows(layer: Layer, batch: int, arrays: Arrays, threads: int, int8: bool) -> Iterator[Row]:
    """The layer's convolution in float32, or in int8 with a scale a channel."""
    interpreter = Interpreter(model_content=_model(layer, batch, arrays, int8), num_threads=threads)
    interpreter.allocate_tensors()
    inputs = interpreter.get_input_details()[0]
    x = arrays.x
    if int8:
        x = np.random.default_rng(0).integers(-128, 128, x.shape, "int8")
    interpreter.set_tensor(inputs["index"], x)
    yield Row("litert_conv", interpreter.invoke)


def _model(layer: Layer, batch: int, arrays: Arrays, int8: bool) -> bytes:
    window = {"strides": layer.stride, "padding": "same", "use_bias": False}
    if layer.depthwise:
        operator = keras.layers.DepthwiseConv2D(layer.kernel, **window)
    else:
        operator = keras.layers.Conv2D(layer.filters, layer.kernel, **window)
    inputs = keras.Input(batch_shape=layer.input_shape(batch))
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(inputs, operator(inputs)))
    if int8:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: [[arrays.x]]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    return converter.convert()
