"""The multiplications of each builtin operator, as the runtimes' integer kernels do them."""

import math
from collections.abc import Callable

import numpy as np

from keras_shiftadd.export._tflite.file_graph import FileOperator

# Kinds of operators, from harmless to not known.
FREE = "free"
SCALES = "scales"
MULTIPLIES = "multiplies"
UNKNOWN = "unknown"


def _convolution(operator: FileOperator) -> int:
    return operator.output_size * math.prod(operator.given(1).shape[1:])


def _depthwise(operator: FileOperator) -> int:
    return operator.output_size * math.prod(operator.given(1).shape[1:3])


def _transposed(operator: FileOperator) -> int:
    # Inputs: output shape, kernel (out, height, width, in), data.
    return operator.given(2).size * math.prod(operator.given(1).shape[:3])


def _dense(operator: FileOperator) -> int:
    return operator.output_size * operator.given(1).shape[-1]


def _matmul(operator: FileOperator) -> int:
    adjoint = bool(getattr(operator.options, "adjX", False))
    return operator.output_size * operator.given(0).shape[-2 if adjoint else -1]


def _convolution_3d(operator: FileOperator) -> int:
    # Kernel (depth, height, width, in, out).
    return operator.output_size * math.prod(operator.given(1).shape[:4])


def _times(factor: int) -> Callable[[FileOperator], int]:
    return lambda operator: factor * operator.output_size


# Data times weights, or data times data. None: it multiplies, how often is not counted here.
_MULTIPLYING: dict[str, Callable[[FileOperator], int] | None] = {
    "CONV_2D": _convolution,
    "DEPTHWISE_CONV_2D": _depthwise,
    "TRANSPOSE_CONV": _transposed,
    "FULLY_CONNECTED": _dense,
    "BATCH_MATMUL": _matmul,
    "CONV_3D": _convolution_3d,
    "HARD_SWISH": _times(1),
    "RESIZE_BILINEAR": _times(4),
    "SQUARE": _times(1),
    "SQUARED_DIFFERENCE": _times(1),
    **dict.fromkeys(
        (
            "BIDIRECTIONAL_SEQUENCE_LSTM",
            "BIDIRECTIONAL_SEQUENCE_RNN",
            "CONV_3D_TRANSPOSE",
            "L2_NORMALIZATION",
            "L2_POOL_2D",
            "LOCAL_RESPONSE_NORMALIZATION",
            "LSTM",
            "POW",
            "REDUCE_PROD",
            "RNN",
            "SVDF",
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            "UNIDIRECTIONAL_SEQUENCE_RNN",
        )
    ),
}
# By a constant for each channel they scale; otherwise they multiply.
_ELEMENTWISE = ("MUL", "DIV", "PRELU")
# Functions of one number, or a sum divided by a count: counted as one scaling an output.
_SCALING = (
    "AVERAGE_POOL_2D",
    "COS",
    "ELU",
    "EXP",
    "GELU",
    "LEAKY_RELU",
    "LOG",
    "LOG_SOFTMAX",
    "LOGISTIC",
    "MEAN",
    "RSQRT",
    "SIN",
    "SOFTMAX",
    "SQRT",
    "TANH",
)
# Integer kernels bring both operands to a common scale, and the result to its own.
_THREE_RESCALINGS = ("ADD", "SUB", "SQUARED_DIFFERENCE")
_RESCALE_OPERANDS = (
    "EQUAL",
    "GREATER",
    "GREATER_EQUAL",
    "LESS",
    "LESS_EQUAL",
    "NOT_EQUAL",
)
_RESCALE_ALWAYS = ("MUL", "DIV", "PRELU", "SUM", "MEAN", "RELU", "LEAKY_RELU", "QUANTIZE")
_RESCALE_IF_SCALES_DIFFER = ("ABS", "CONCATENATION", "REDUCE_MAX", "REDUCE_MIN")
_FREE = (
    *_THREE_RESCALINGS[:2],
    *_RESCALE_OPERANDS,
    *_RESCALE_IF_SCALES_DIFFER,
    *("SUM", "RELU", "QUANTIZE", "DEQUANTIZE", "ADD_N", "ARG_MAX", "ARG_MIN", "ASSIGN_VARIABLE"),
    *("BATCH_TO_SPACE_ND", "BITCAST", "BITWISE_XOR", "BROADCAST_ARGS", "BROADCAST_TO", "CALL"),
    *("CALL_ONCE", "CAST", "CEIL", "CUMSUM", "DEPTH_TO_SPACE", "DYNAMIC_UPDATE_SLICE"),
    *("EMBEDDING_LOOKUP", "EXPAND_DIMS", "FILL", "FLOOR", "GATHER", "GATHER_ND", "IF"),
    *("LOGICAL_AND", "LOGICAL_NOT", "LOGICAL_OR", "MAXIMUM", "MAX_POOL_2D", "MINIMUM"),
    *("MIRROR_PAD", "NEG", "ONE_HOT", "PACK", "PAD", "PADV2", "RANGE", "RANK", "READ_VARIABLE"),
    *("REDUCE_ALL", "REDUCE_ANY", "RELU6", "RELU_0_TO_1", "RELU_N1_TO_1", "RESHAPE"),
    *("RESIZE_NEAREST_NEIGHBOR", "REVERSE_SEQUENCE", "REVERSE_V2", "RIGHT_SHIFT", "ROUND"),
    *("SCATTER_ND", "SEGMENT_SUM", "SELECT", "SELECT_V2", "SHAPE", "SIGN", "SLICE"),
    *("SPACE_TO_BATCH_ND", "SPACE_TO_DEPTH", "SPLIT", "SPLIT_V", "SQUEEZE", "STRIDED_SLICE"),
    *("TILE", "TOPK_V2", "TRANSPOSE", "UNIQUE", "UNPACK", "VAR_HANDLE", "WHERE", "WHILE"),
    "ZEROS_LIKE",
)


def kind_of(operator: FileOperator) -> str:
    """Which of the four kinds an operator is."""
    if operator.name in _MULTIPLYING:
        return MULTIPLIES
    if operator.name in _ELEMENTWISE:
        return SCALES if _scales_channels(operator) else MULTIPLIES
    if operator.name in _SCALING:
        return SCALES
    return FREE if operator.name in _FREE else UNKNOWN


def _scales_channels(operator: FileOperator) -> bool:
    """Whether one operand is a constant for each channel of the other, which keeps its size."""
    first, second = operator.given(0), operator.given(1)
    return any(
        constant.per_channel and data.size == operator.output_size
        for constant, data in ((first, second), (second, first))
    )


def multiplications(operator: FileOperator) -> int | None:
    """Products of data with weights or with data; None where they are not counted."""
    if operator.name in _MULTIPLYING:
        count = _MULTIPLYING[operator.name]
        return None if count is None else count(operator)
    return operator.output_size


def rescalings(operator: FileOperator) -> int:
    """Multiplications that bring int8 results to the scale of the output."""
    if operator.name == "DEQUANTIZE":
        return operator.output_size
    if operator.name in _RESCALE_OPERANDS:
        quantized = any(tensor is not None and tensor.scales for tensor in operator.inputs)
        return 2 * operator.output_size if quantized else 0
    if not operator.quantized:
        return 0
    if operator.name in _THREE_RESCALINGS:
        return 3 * operator.output_size
    if operator.name in _RESCALE_IF_SCALES_DIFFER:
        scales = [tensor.scales for tensor in operator.inputs if tensor is not None]
        return operator.output_size if scales[0] != operator.outputs[0].scales else 0
    always = operator.name in _MULTIPLYING or operator.name in _RESCALE_ALWAYS
    return operator.output_size if always else 0


def powers_of_two(operator: FileOperator) -> bool:
    """Whether the stored kernel has only zeros and powers of two, with either sign."""
    if operator.name not in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"):
        return False
    kernel = operator.given(1)
    if kernel.data is None or kernel.dtype not in ("INT8", "FLOAT32"):
        return False
    mantissas, _ = np.frexp(np.abs(kernel.data.astype(np.float64)))
    return bool(np.isin(mantissas, (0.0, 0.5)).all())
