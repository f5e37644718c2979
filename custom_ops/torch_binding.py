"""The kernels as PyTorch ops on the CPU: `torch.ops.keras_shiftadd`.

The library is plain C, so that one build serves every version of PyTorch; `ctypes` lets go of the
interpreter's lock while a kernel runs.
"""

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import torch

from keras_shiftadd.custom_ops import _batching
from keras_shiftadd.custom_ops._adder_conv import (
    SECOND_ORDER,
    SLOPES,
    check_upstream,
    output_shape,
)
from keras_shiftadd.custom_ops._interface import PADDINGS, ConvParams
from keras_shiftadd.custom_ops._interface import SLOPES as SLOPE_NUMBERS
from keras_shiftadd.custom_ops._library import kernels
from keras_shiftadd.custom_ops._window import Window

_DTYPES = (torch.float32, torch.float16, torch.bfloat16)
# On "meta" tensors have shapes and no contents: Keras' symbolic calls.
_DEVICES = ("cpu", "meta")
_WINDOW = "int[] kernel_size, int[] strides, int[] dilation, str padding"


def load() -> None:
    """Loads the kernels.

    Raises:
        CompiledOpsUnavailable: they are missing, do not fit, or do not load.
    """
    kernels()


def serves(x: Any, w: Any) -> bool:
    """Whether the compiled form can take these tensors: they lie on the CPU.

    Args:
        x: the inputs.
        w: the kernel.
    """
    return all(
        isinstance(tensor, torch.Tensor)
        and tensor.device.type in _DEVICES
        and tensor.dtype in _DTYPES
        and tensor.layout == torch.strided
        for tensor in (x, w)
    )


def adder_conv(x: Any, w: Any, window: Window, gradient: str) -> Any:
    """Adder convolution.

    Args:
        x: float32 tensor `(batch, height, width, groups * channels)`.
        w: float32 tensor `(taps, groups, channels, filters)`.
        window: the window.
        gradient: `"full_precision"`, `"plain"` or `"sign"`.

    Returns:
        float32 tensor `(batch, output height, output width, groups * filters)`.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    return _forward(x, w, *_arguments(window), *SLOPES[gradient])


def _arguments(window: Window) -> tuple[list[int], list[int], list[int], str]:
    """A window as the ops take it: their schemas know lists and words alone."""
    return [*window.kernel_size], [*window.strides], [*window.dilation], window.padding


def _window(arguments: tuple[Any, ...]) -> Window:
    kernel_size, strides, dilation, padding = arguments[:4]
    return Window(
        (kernel_size[0], kernel_size[1]),
        (strides[0], strides[1]),
        (dilation[0], dilation[1]),
        padding,
    )


def _run(name: str, tensors: list[Any], shape: Any, window: Window, slope: tuple[int, ...]) -> Any:
    """Runs a kernel into a new tensor; the first two of `tensors` are x and w."""
    if any(tensor.dtype != torch.float32 for tensor in tensors):
        dtypes = ", ".join(str(tensor.dtype) for tensor in tensors)
        raise ValueError(f"The tensors must have the dtype torch.float32. Received: {dtypes}.")
    tensors = [tensor.contiguous() for tensor in tensors]
    library = kernels()
    params = ctypes.byref(_params(tensors[0].shape, tensors[1].shape, window))
    parallel = library.shiftadd_default_parallel()
    size = getattr(library, f"{name}_scratch")(params, parallel.contents.threads)
    scratch = torch.empty(max(size, 1), dtype=torch.uint8)
    output = torch.empty(shape, dtype=torch.float32)
    pointers = [tensor.data_ptr() for tensor in (*tensors, output, scratch)]
    error = getattr(library, name)(params, *slope, *pointers, parallel)
    if error:
        raise ValueError(f"Adder convolution: {library.shiftadd_error_message(error).decode()}.")
    return output


@functools.lru_cache(maxsize=1024)
def _params(x: tuple[int, ...], w: tuple[int, ...], window: Window) -> ConvParams:
    params = ConvParams(
        batch=x[0],
        in_size=(x[1], x[2]),
        kernel_size=window.kernel_size,
        strides=window.strides,
        dilation=window.dilation,
        groups=w[1],
        channels=w[2],
        filters=w[3],
        padding=PADDINGS[window.padding],
    )
    library = kernels()
    error = library.shiftadd_conv_init(ctypes.byref(params))
    if error:
        raise ValueError(
            f"Adder convolution: {library.shiftadd_error_message(error).decode()}. Received: x of "
            f"shape {tuple(x)}, w of shape {tuple(w)}, {window}."
        )
    return params


# ---- The ops ----


@torch.library.custom_op(
    "keras_shiftadd::adder_conv",
    mutates_args=(),
    schema=f"(Tensor x, Tensor w, {_WINDOW}, str input_slope, str kernel_slope) -> Tensor",
)
def _forward(x: Any, w: Any, *arguments: Any) -> Any:
    window = _window(arguments)
    shape = output_shape(x.shape, w.shape, window)
    return _run("shiftadd_adder_conv_f32", [x, w], shape, window, ())


@torch.library.custom_op(
    "keras_shiftadd::adder_conv_input_gradient",
    mutates_args=(),
    schema=f"(Tensor x, Tensor w, Tensor g, {_WINDOW}, str slope) -> Tensor",
)
def _input_gradient(x: Any, w: Any, g: Any, *arguments: Any) -> Any:
    window = _window(arguments)
    check_upstream(g.shape, x.shape, w.shape, window)
    slope = (SLOPE_NUMBERS[arguments[4]],)
    return _run("shiftadd_adder_conv_f32_input_gradient", [x, w, g], x.shape, window, slope)


@torch.library.custom_op(
    "keras_shiftadd::adder_conv_kernel_gradient",
    mutates_args=(),
    schema=f"(Tensor x, Tensor w, Tensor g, {_WINDOW}, str slope) -> Tensor",
)
def _kernel_gradient(x: Any, w: Any, g: Any, *arguments: Any) -> Any:
    window = _window(arguments)
    check_upstream(g.shape, x.shape, w.shape, window)
    slope = (SLOPE_NUMBERS[arguments[4]],)
    return _run("shiftadd_adder_conv_f32_kernel_gradient", [x, w, g], w.shape, window, slope)


# ---- Shapes of outputs, for symbolic tensors ----


@_forward.register_fake
def _(x: Any, w: Any, *arguments: Any) -> Any:
    return x.new_empty(output_shape(x.shape, w.shape, _window(arguments)))


@_input_gradient.register_fake
def _(x: Any, w: Any, g: Any, *arguments: Any) -> Any:
    return x.new_empty(x.shape)


@_kernel_gradient.register_fake
def _(x: Any, w: Any, g: Any, *arguments: Any) -> Any:
    return w.new_empty(w.shape)


# ---- Gradients ----


def _save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    x, w, *arguments = inputs
    ctx.save_for_backward(x, w)
    ctx.arguments = arguments


def _backward(ctx: Any, g: Any) -> tuple[Any, ...]:
    x, w = ctx.saved_tensors
    *window, input_slope, kernel_slope = ctx.arguments
    dx = dw = None
    if ctx.needs_input_grad[0]:
        dx = _input_gradient(x, w, g, *window, input_slope)
    if ctx.needs_input_grad[1]:
        dw = _kernel_gradient(x, w, g, *window, kernel_slope)
    return (dx, dw, *[None] * len(ctx.arguments))


def _refuse(ctx: Any, _g: Any) -> Any:
    raise NotImplementedError(SECOND_ORDER)


_forward.register_autograd(_backward, setup_context=_save)
_input_gradient.register_autograd(_refuse)
_kernel_gradient.register_autograd(_refuse)


# ---- torch.vmap ----


def _batched(rule: Callable[..., Any], op: Any, tensors: int) -> None:
    def many(info: Any, in_dims: tuple[Any, ...], *inputs: Any) -> tuple[Any, int]:
        dims = in_dims[:tensors]
        moved = [
            tensor if axis is None else torch.movedim(tensor, axis, 0)
            for tensor, axis in zip(inputs, dims, strict=False)
        ]
        function = functools.partial(_with_arguments, op, inputs[tensors:])
        batched = tuple(axis is not None for axis in dims)
        return rule(torch, function, info.batch_size, batched, *moved), 0

    op.register_vmap(many)


def _with_arguments(op: Any, arguments: tuple[Any, ...], *tensors: Any) -> Any:
    return op(*tensors, *arguments)


_batched(_batching.forward, _forward, 2)
_batched(_batching.input_gradient, _input_gradient, 3)
_batched(_batching.kernel_gradient, _kernel_gradient, 3)
