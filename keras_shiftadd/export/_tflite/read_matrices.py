"""Reads the operators of attention and of normalisations over channels."""

from keras_shiftadd.export._integer.operators import AddConstant, MatMul, Repeat, Transpose
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._tflite import derived_integers
from keras_shiftadd.export._tflite.constants import activation, constant, refuse
from keras_shiftadd.export._tflite.file_graph import FileOperator
from keras_shiftadd.export._tflite.read_convolution import Place

_EXCHANGED = [0, 2, 1, 3]


def read_matmul(operator: FileOperator, place: Place) -> MatMul:
    """A product of stacks of matrices."""
    options = operator.options
    if getattr(options, "adjX", False):
        raise refuse(operator, "its first operand must not be transposed", "adjX=True")
    first, second = (source.quantization for source in place.sources)
    output = place.result.quantization
    numbers = derived_integers.fully_connected(first, second.scale, 1, output, "linear")
    inputs = (place.inputs[0], place.inputs[1])
    transpose = bool(getattr(options, "adjY", False))
    return MatMul(place.name, "conv", inputs, place.output, numbers, transpose)


def read_transpose(operator: FileOperator, place: Place) -> Transpose:
    """An exchange of rows and columns."""
    order = constant(operator, 1, "INT32", (4,)).tolist()
    if order != _EXCHANGED:
        raise refuse(operator, "it must exchange rows and columns", f"{order}")
    return Transpose(place.name, (place.inputs[0],), place.output)


def read_repeat(operator: FileOperator, place: Place) -> Repeat:
    """A repetition of a channel."""
    shape = constant(operator, 1, "INT32", (4,)).tolist()
    source = place.sources[0].shape
    if shape[:-1] != [1, *source[:-1]] or source[-1:] != (1,):
        raise refuse(operator, "it must repeat one channel", f"{source} to {shape}")
    return Repeat(place.name, (place.inputs[0],), place.output)


def has_constant(operator: FileOperator) -> bool:
    """Whether the second operand of a sum is a constant."""
    second = operator.inputs[1] if len(operator.inputs) == 2 else None
    return second is not None and second.data is not None


def read_add_constant(operator: FileOperator, place: Place) -> AddConstant:
    """A sum with a constant."""
    if operator.name == "SUB":
        raise refuse(operator, "a constant must be added, not subtracted", "SUB")
    shape = place.sources[0].shape
    values = constant(operator, 1, "INT8", (1, *shape)).reshape(shape)
    file = operator.given(1)
    if len(file.scales) != 1 or len(file.zero_points) != 1:
        raise refuse(operator, "its constant must have one scale", f"{len(file.scales)}")
    own = Quantization(file.scales[0], file.zero_points[0])
    numbers = derived_integers.add(
        place.sources[0].quantization, own, place.result.quantization, activation(operator)
    )
    return AddConstant(
        place.name,
        (place.inputs[0],),
        place.output,
        values,
        own,
        numbers.left_shift,
        numbers.input_multipliers,
        numbers.input_shifts,
        numbers.requantization,
    )
