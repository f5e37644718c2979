"""The kernels as XLA calls, for JAX on the CPU."""

import ctypes
import functools
import importlib
import threading
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from keras_shiftadd.custom_ops import _batching
from keras_shiftadd.custom_ops._adder_conv import (
    SECOND_ORDER,
    SLOPES,
    check_upstream,
    output_shape,
)
from keras_shiftadd.custom_ops._interface import PADDINGS
from keras_shiftadd.custom_ops._interface import SLOPES as SLOPE_NUMBERS
from keras_shiftadd.custom_ops._library import (
    BINDING_VERSION,
    CompiledOpsUnavailable,
    checked_file,
    kernels,
    load_file,
)
from keras_shiftadd.custom_ops._window import Window

TARGETS = (
    "shiftadd_jax_adder_conv",
    "shiftadd_jax_adder_conv_input_gradient",
    "shiftadd_jax_adder_conv_kernel_gradient",
)
_DTYPES = ("float32", "float16", "bfloat16")
_lock = threading.Lock()
_library: ctypes.CDLL | None = None


def load() -> None:
    """Loads the library and registers its functions with XLA, once a process.

    Raises:
        CompiledOpsUnavailable: it is missing, does not fit, or this JAX cannot take it.
    """
    global _library
    with _lock:
        if _library is not None:
            return
        try:
            ffi = importlib.import_module("jax.ffi")
        except ImportError:
            raise CompiledOpsUnavailable(
                f"JAX {jax.__version__} has no jax.ffi; 0.5 is the first that has it"
            ) from None
        kernels()
        library = load_file(checked_file("jax"), BINDING_VERSION, TARGETS)
        for name in TARGETS:
            handler = ffi.pycapsule(getattr(library, name))
            ffi.register_ffi_target(name, handler, platform="cpu")
        _library = library


def serves(x: Any, w: Any) -> bool:
    """Whether the compiled form can take these arrays here and now.

    It takes arrays that lie on the CPU. Inside of a traced function nobody knows where the arrays
    will lie: there it serves if the process has no other devices.

    Args:
        x: the inputs.
        w: the kernel.
    """
    for array in (x, w):
        if not isinstance(array, jax.Array) or array.dtype.name not in _DTYPES:
            return False
        if not all(isinstance(size, int) for size in array.shape):
            return False
    return _only_cpus() or all(_lies_on_cpu(array) for array in (x, w))


def adder_conv(x: Any, w: Any, window: Window, gradient: str) -> Any:
    """Adder convolution.

    Args:
        x: float32 array `(batch, height, width, groups * channels)`.
        w: float32 array `(taps, groups, channels, filters)`.
        window: the window.
        gradient: `"full_precision"`, `"plain"` or `"sign"`.

    Returns:
        float32 array `(batch, output height, output width, groups * filters)`.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    load()
    return _differentiable(window, gradient)(x, w)


@functools.cache
def _only_cpus() -> bool:
    backends = importlib.import_module("jax.extend.backend").backends()
    return all(
        device.platform == "cpu" for client in backends.values() for device in client.devices()
    )


def _lies_on_cpu(array: Any) -> bool:
    if isinstance(array, jax.core.Tracer):
        return False
    return all(device.platform == "cpu" for device in array.devices())


@functools.cache
def _differentiable(window: Window, gradient: str) -> Callable[[Any, Any], Any]:
    """The operation with its gradients; one object a window, so that JAX's caches find it."""
    to_input, to_kernel = SLOPES[gradient]
    forward = _batched(_batching.forward, functools.partial(_call_forward, window))
    input_gradient = _first_order(
        _batched(_batching.input_gradient, functools.partial(_call_gradient, window, to_input, 0))
    )
    kernel_gradient = _first_order(
        _batched(_batching.kernel_gradient, functools.partial(_call_gradient, window, to_kernel, 1))
    )

    @jax.custom_vjp
    def conv(x: Any, w: Any) -> Any:
        return forward(x, w)

    def with_residuals(x: Any, w: Any) -> tuple[Any, Any]:
        # Itself, so that a further differentiation meets the gradients, which refuse it.
        return conv(x, w), (x, w)

    def backward(residuals: Any, g: Any) -> tuple[Any, Any]:
        return input_gradient(*residuals, g), kernel_gradient(*residuals, g)

    conv.defvjp(with_residuals, backward)
    return conv


def _batched(rule: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    """Gives a function its rule for `jax.vmap`."""

    @jax.custom_batching.custom_vmap
    def operation(*arrays: Any) -> Any:
        return function(*arrays)

    @operation.def_vmap
    def many(axis_size: int, in_batched: list[bool], *arrays: Any) -> tuple[Any, bool]:
        # The operation itself, so that a further vmap finds this rule again.
        return rule(jnp, operation, axis_size, tuple(in_batched), *arrays), True

    return operation


def _first_order(function: Callable[..., Any]) -> Callable[..., Any]:
    """Makes differentiating a gradient an error that says what to do."""

    @jax.custom_jvp
    def operation(*arrays: Any) -> Any:
        return function(*arrays)

    @operation.defjvp
    def refuse(primals: Any, tangents: Any) -> Any:
        raise NotImplementedError(SECOND_ORDER)

    return operation


def _call_forward(window: Window, x: Any, w: Any) -> Any:
    shape = output_shape(x.shape, w.shape, window)
    return _call(TARGETS[0], shape, window, (x, w))


def _call_gradient(window: Window, slope: str, of: int, *arrays: Any) -> Any:
    """The gradient of input number `of`."""
    x, w, g = arrays
    check_upstream(g.shape, x.shape, w.shape, window)
    attributes = {"slope": np.int64(SLOPE_NUMBERS[slope])}
    return _call(TARGETS[1 + of], arrays[of].shape, window, arrays, attributes)


def _call(
    target: str,
    shape: tuple[int, ...],
    window: Window,
    arrays: tuple[Any, ...],
    attributes: dict[str, Any] | None = None,
) -> Any:
    call = jax.ffi.ffi_call(target, jax.ShapeDtypeStruct(shape, jnp.float32))
    return call(
        *arrays,
        kernel_size=np.array(window.kernel_size, np.int64),
        strides=np.array(window.strides, np.int64),
        dilation=np.array(window.dilation, np.int64),
        padding=np.int64(PADDINGS[window.padding]),
        **(attributes or {}),
    )
