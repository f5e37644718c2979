"""Checks that an int8 network keeps the rules of docs/integer_ops.md."""

from keras_shiftadd.export._integer.check_arrays import fail, require
from keras_shiftadd.export._integer.check_convolution import check_convolution
from keras_shiftadd.export._integer.check_elementwise import (
    check_add,
    check_concatenate,
    check_lookup,
    check_mean,
    check_multiply,
    check_pad,
    check_pooling,
    check_reshape,
    check_softmax,
)
from keras_shiftadd.export._integer.check_matrices import (
    check_add_constant,
    check_matmul,
    check_repeat,
    check_transpose,
)
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.operators import (
    Add,
    AddConstant,
    Concatenate,
    Convolution,
    Lookup,
    MatMul,
    Mean,
    Multiply,
    Operator,
    Pad,
    Pooling,
    Repeat,
    Reshape,
    Softmax,
    Transpose,
)


def check(model: IntegerModel) -> None:
    """Raises where a model breaks a rule: order, shapes, ranges, or the bounds of sums.

    Args:
        model: The network.

    Raises:
        ValueError: If it breaks a rule; the message names the operator or the tensor.
    """
    _check_tensors(model)
    made = {model.input}
    for operator in model.operators:
        _check_order(model, operator, made)
        made.add(operator.output)
    if made != set(range(len(model.tensors))):
        missing = min(set(range(len(model.tensors))) - made)
        raise ValueError(
            "Each tensor but the input must be the output of an operator. "
            f"Received: tensor {missing} ('{model.tensors[missing].name}'), which none makes."
        )
    for operator in model.operators:
        inputs = [model.tensors[index] for index in operator.inputs]
        _check_operator(operator, inputs, model.tensors[operator.output])


def _check_tensors(model: IntegerModel) -> None:
    names = set()
    for index, tensor in enumerate(model.tensors):
        label = f"Tensor {index} ('{tensor.name}')"
        if tensor.name in names:
            raise ValueError(f"The names of tensors must differ. Received: '{tensor.name}' twice.")
        names.add(tensor.name)
        if not tensor.shape or min(tensor.shape) < 1:
            raise ValueError(f"{label} must have sizes of 1 or more. Received: {tensor.shape}.")
        quantization = tensor.quantization
        if not quantization.scale > 0 or not -128 <= quantization.zero_point <= 127:
            raise ValueError(
                f"{label} must have a positive scale and a zero point from -128 to 127. "
                f"Received: scale={quantization.scale}, zero_point={quantization.zero_point}."
            )
    for end in ("input", "output"):
        index = getattr(model, end)
        if not 0 <= index < len(model.tensors):
            raise ValueError(
                f"The {end} must be one of the {len(model.tensors)} tensors. Received: {index}."
            )


def _check_order(model: IntegerModel, operator: Operator, made: set[int]) -> None:
    for index in operator.inputs:
        require(
            operator,
            index in made,
            "its inputs must be the model's input or outputs of earlier operators",
            f"inputs={operator.inputs}",
        )
    require(
        operator,
        0 <= operator.output < len(model.tensors) and operator.output not in made,
        "its output must be a tensor that nothing else makes",
        f"output={operator.output} of {len(model.tensors)} tensors",
    )


def _check_operator(operator: Operator, inputs: list[Tensor], output: Tensor) -> None:
    match operator:
        case Convolution():
            check_convolution(operator, inputs[0], output)
        case Pooling():
            check_pooling(operator, inputs[0], output)
        case Mean():
            check_mean(operator, inputs[0], output)
        case Add():
            check_add(operator, inputs, output)
        case AddConstant():
            check_add_constant(operator, inputs[0], output)
        case MatMul():
            check_matmul(operator, inputs, output)
        case Multiply():
            check_multiply(operator, inputs, output)
        case Lookup():
            check_lookup(operator, inputs[0], output)
        case Softmax():
            check_softmax(operator, inputs[0], output)
        case Reshape():
            check_reshape(operator, inputs[0], output)
        case Transpose():
            check_transpose(operator, inputs[0], output)
        case Repeat():
            check_repeat(operator, inputs[0], output)
        case Pad():
            check_pad(operator, inputs[0], output)
        case Concatenate():
            check_concatenate(operator, inputs, output)
        case _:
            fail(operator, "it must be one of the known operators", type(operator).__name__)
