"""Single builtin operators as .tflite files, run by LiteRT's reference kernels and tflite-micro."""

import numpy as np

from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._runtime.runtimes import MicroRuntime
from keras_shiftadd.export._tflite.flatbuffer import FlatModel


def run(runtime, content, x):
    """The output of a file for one sample, an int8 array with a batch of 1."""
    if runtime == "tflite-micro":
        return MicroRuntime(content, custom=False, arena_size=None).run(x)
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    interpreter = Interpreter(
        model_content=content, experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def file_of(code, shapes, quantizations, output_shape, output, constants=(), **options):
    """A file of one operator.

    Args:
        code: Name of the builtin operator.
        shapes: Of the inputs, with the batch.
        quantizations: Of the inputs.
        output_shape: With the batch.
        output: Quantisation of the output.
        constants: Functions of the `FlatModel` that add the other inputs.
        **options: Of the operator.
    """
    flat = FlatModel("single operator")
    inputs = [
        flat.tensor("input", shape, quantization)
        for shape, quantization in zip(shapes, quantizations, strict=True)
    ]
    result = flat.tensor("output", output_shape, output)
    others = [make(flat) for make in constants]
    flat.operator(code, [*inputs, *others], result, **options)
    return flat.serialize(inputs, [result])


def integers_of(flat, integers, quantization):
    """Adds a constant given in integers, as its own float numbers would."""
    return flat.constant("constant", quantization.dequantize(integers), quantization)


def all_bytes(*shape, seed=0):
    """Random int8 numbers of a shape, of the whole range."""
    return np.random.default_rng(seed).integers(-128, 128, shape).astype("int8")


def quantization(value, zero_point=0):
    """A quantisation whose scale is a float32 number."""
    return Quantization(float(np.float32(value)), int(zero_point))
