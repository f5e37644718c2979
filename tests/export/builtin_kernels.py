"""Single builtin operators as .tflite files, run by LiteRT's reference kernels and tflite-micro."""

import importlib.util

import numpy as np

from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._runtime.runtimes import MicroRuntime
from keras_shiftadd.export._tflite.flatbuffer import FlatModel

RUNTIMES = ("litert", "tflite-micro")
MISSING = {
    "litert": importlib.util.find_spec("ai_edge_litert") is None,
    "tflite-micro": importlib.util.find_spec("tflite_micro") is None,
}


def run(runtime, content, *inputs):
    """The output of a file for one sample, from int8 inputs with a batch of 1."""
    if runtime == "tflite-micro":
        [x] = inputs
        return MicroRuntime(content, None).run(x)
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.BUILTIN_REF if runtime == "litert" else OpResolverType.AUTO
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kind)
    interpreter.allocate_tensors()
    for details, x in zip(interpreter.get_input_details(), inputs, strict=True):
        interpreter.set_tensor(details["index"], x)
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


def all_bytes(*shape, seed=0):
    """Random int8 numbers of a shape, of the whole range."""
    return np.random.default_rng(seed).integers(-128, 128, shape).astype("int8")


def scale(value):
    """The float32 number nearest to a value."""
    return float(np.float32(value))


def quantization(value, zero_point=0):
    """A quantisation whose scale is a float32 number."""
    return Quantization(scale(value), zero_point)
