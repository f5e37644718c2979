"""CMSIS-NN, Arm's int8 kernels, from the package bakenn, which carries its sources."""

import importlib.util
import pathlib
import struct

import numpy as np

from keras_shiftadd.export._c.parameters import image_shape
from keras_shiftadd.export._integer.model import Tensor
from keras_shiftadd.export._integer.operators import Convolution, Pooling
from keras_shiftadd.export._simulate.compilation import Compiler, compile_program
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.machine import Machine
from keras_shiftadd.export._targets import Core

SYMBOL = "run_layer"
# What a layer runs on; the wrappers choose among further functions.
FUNCTIONS = ("convolve_wrapper", "depthwise_wrapper", "convolve", "average_pool")
# The numbers of the layer, then four addresses.
_NUMBERS = (
    "in_rows", "in_columns", "in_channels", "out_rows", "out_columns", "out_channels",
    "kernel_rows", "kernel_columns", "stride_rows", "stride_columns", "pad_rows", "pad_columns",
    "input_offset", "output_offset", "low", "high", "function",
)  # fmt: skip
_POINTERS = ("weights", "bias", "multiplier", "shift", "buffer")
# More than CMSIS-NN asks for.
_BUFFER_BYTES = 1 << 16

_WRAPPER = """
#include "arm_nnfunctions.h"

typedef struct {
  int32_t %(numbers)s;
  int8_t *weights;
  int32_t *bias, *multiplier, *shift;
  void *buffer;
} layer;

int32_t buffer_bytes;

int32_t %(symbol)s(const layer *l, const int8_t *x, int8_t *y) {
  const cmsis_nn_dims in = {1, l->in_rows, l->in_columns, l->in_channels};
  const cmsis_nn_dims out = {1, l->out_rows, l->out_columns, l->out_channels};
  const cmsis_nn_dims bias = {1, 1, 1, l->out_channels};
  const cmsis_nn_per_channel_quant_params quant = {l->multiplier, l->shift};
  const cmsis_nn_tile stride = {l->stride_columns, l->stride_rows};
  const cmsis_nn_tile padding = {l->pad_columns, l->pad_rows};
  const cmsis_nn_tile dilation = {1, 1};
  const cmsis_nn_activation activation = {l->low, l->high};
  cmsis_nn_context context = {l->buffer, 0};
  if (l->function == 3) {
    const cmsis_nn_dims window = {1, l->kernel_rows, l->kernel_columns, 1};
    const cmsis_nn_pool_params params = {stride, padding, activation};
    context.size = arm_avgpool_s8_get_buffer_size(l->out_columns, l->in_channels);
    buffer_bytes = context.size;
    return arm_avgpool_s8(&context, &params, &in, x, &window, &out, y);
  }
  if (l->function == 1) {
    const cmsis_nn_dims filter = {1, l->kernel_rows, l->kernel_columns, l->out_channels};
    const cmsis_nn_dw_conv_params params = {l->input_offset, l->output_offset, 1,
                                            stride, padding, dilation, activation};
    context.size = arm_depthwise_conv_wrapper_s8_get_buffer_size(&params, &in, &filter, &out);
    buffer_bytes = context.size;
    return arm_depthwise_conv_wrapper_s8(&context, &params, &quant, &in, x, &filter, l->weights,
                                         &bias, l->bias, &out, y);
  }
  const cmsis_nn_dims filter = {l->out_channels, l->kernel_rows, l->kernel_columns,
                                l->in_channels};
  const cmsis_nn_conv_params params = {l->input_offset, l->output_offset, stride, padding,
                                       dilation, activation};
  if (l->function == 2) {
    context.size = arm_convolve_s8_get_buffer_size(&in, &filter);
    buffer_bytes = context.size;
    return arm_convolve_s8(&context, &params, &quant, &in, x, &filter, l->weights, &bias, l->bias,
                           &out, y);
  }
  context.size = arm_convolve_wrapper_s8_get_buffer_size(&params, &in, &filter, &out);
  buffer_bytes = context.size;
  return arm_convolve_wrapper_s8(&context, &params, &quant, &in, x, &filter, l->weights, &bias,
                                 l->bias, &out, y);
}
"""


def cmsis_folders() -> tuple[pathlib.Path, pathlib.Path]:
    """The folders of CMSIS-NN and of CMSIS-Core.

    Raises:
        ImportError: bakenn is not installed.
    """
    found = importlib.util.find_spec("bakenn")
    if found is None or found.origin is None:
        raise ImportError("CMSIS-NN comes with bakenn, which is missing: pip install bakenn==1.0.0")
    vendor = pathlib.Path(found.origin).parent / "backend" / "cmsis_nn" / "vendor"
    return vendor / "cmsis_nn", vendor / "cmsis_core"


def build_cmsis(core: Core, program: pathlib.Path, compiler: Compiler) -> Elf:
    """Compiles the convolutions of CMSIS-NN, with memcpy as the compiler makes it.

    Raises:
        ImportError: bakenn is not installed.
        FileNotFoundError: the compiler is not installed.
    """
    nn, headers = cmsis_folders()
    folder = program.with_suffix("")
    folder.mkdir()
    wrapper = folder / "wrapper.c"
    wrapper.write_text(_WRAPPER % {"numbers": ", ".join(_NUMBERS), "symbol": SYMBOL})
    return compile_program(
        [wrapper, *sorted((nn / "Source").glob("*/*.c"))],
        core,
        program,
        [SYMBOL],
        flags=("-std=gnu99", "-w", "-DBAKENN_CMSIS_NN_BUILTIN_MEMORY"),
        include=[
            nn / "Include",
            headers / "Include",
        ],
        compiler=compiler,
    )


def cmsis_arguments(
    machine: Machine, convolution: Convolution, source: Tensor, output: Tensor, direct: bool = False
) -> tuple[int, int]:
    """Puts a layer into memory.

    Args:
        machine: The processor.
        convolution: The layer.
        source: Its input.
        output: Its output.
        direct: Whether it runs on `arm_convolve_s8`; by default on what the wrapper chooses.

    Returns:
        Bytes of the weights, and the address of the layer.
    """
    requantization = convolution.requantization
    filters = len(convolution.bias)
    depthwise = convolution.groups > 1
    kernel = convolution.kernel
    weights = kernel.reshape(-1, filters) if depthwise else kernel.transpose(3, 0, 1, 2)
    # A shift to the left of a number with 31 bits behind the point.
    left = 31 - np.broadcast_to(requantization.shift, filters)
    arrays = (
        np.ascontiguousarray(weights),
        convolution.bias,
        np.broadcast_to(requantization.multiplier, filters).astype(np.int32),
        left.astype(np.int32),
    )
    wrapper = "depthwise_wrapper" if depthwise else "convolve_wrapper"
    numbers = (
        *image_shape(source), *image_shape(output), *kernel.shape[:2], *convolution.strides,
        convolution.pads[0][0], convolution.pads[1][0], -source.quantization.zero_point,
        requantization.zero_point, requantization.low, requantization.high,
        FUNCTIONS.index("convolve" if direct else wrapper),
    )  # fmt: skip
    addresses = [machine.place(array.tobytes()) for array in arrays]
    return sum(array.nbytes for array in arrays), _place(machine, numbers, addresses)


def pooling_arguments(machine: Machine, pooling: Pooling, source: Tensor, output: Tensor) -> int:
    """Puts an average pooling into memory; returns its address."""
    numbers = (
        *image_shape(source), *image_shape(output), *pooling.size, *pooling.strides,
        pooling.pads[0][0], pooling.pads[1][0], 0, 0, pooling.low, pooling.high,
        FUNCTIONS.index("average_pool"),
    )  # fmt: skip
    return _place(machine, numbers, [0] * (len(_POINTERS) - 1))


def _place(machine: Machine, numbers: tuple[int, ...], addresses: list[int]) -> int:
    buffer = machine.place(bytes(_BUFFER_BYTES))
    form = f"<{len(_NUMBERS)}i{len(_POINTERS)}I"
    return machine.place(struct.pack(form, *numbers, *addresses, buffer))
