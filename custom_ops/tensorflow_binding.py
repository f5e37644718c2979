"""The kernels as TensorFlow ops.

The gradients are ops of their own, wired by `tf.custom_gradient`, so that a SavedModel holds them
too.
"""

import functools
import threading
from typing import Any

import tensorflow as tf

from keras_shiftadd.custom_ops._adder_conv import SECOND_ORDER, SLOPES
from keras_shiftadd.custom_ops._library import CompiledOpsUnavailable, checked_file, kernels
from keras_shiftadd.custom_ops._window import Window

_DTYPES = (tf.float32, tf.float16, tf.bfloat16)
_FORWARD_MODE = (
    "The compiled adder convolution has no gradient in forward mode (tf.autodiff), nor in a "
    "SavedModel that was written with experimental_custom_gradients=False. Start the process "
    "with KERAS_SHIFTADD_OPS=python for the portable form."
)
_load_lock = threading.Lock()
_ops: Any = None


def load() -> None:
    """Loads the library of the TensorFlow ops, once a process.

    Raises:
        CompiledOpsUnavailable: it is missing, does not fit, or TensorFlow cannot load it.
    """
    global _ops
    with _load_lock:
        if _ops is not None:
            return
        kernels()
        file = checked_file("tensorflow")
        try:
            _ops = tf.load_op_library(str(file))
        except (tf.errors.OpError, OSError) as error:
            raise CompiledOpsUnavailable(
                f"TensorFlow {tf.__version__} cannot load {file.name}: {error}"
            ) from error


def serves(x: Any, w: Any) -> bool:
    """Whether the compiled form can take these tensors here and now.

    It cannot inside of a function that XLA compiles, which has no kernel of these ops, nor beside
    a GPU or another accelerator, where XLA is Keras' default and the tensors lie elsewhere.

    Args:
        x: the inputs.
        w: the kernel.
    """
    if not all(isinstance(t, tf.Tensor) and t.dtype in _DTYPES for t in (x, w)):
        return False
    # TensorFlow enters this context before it traces a function with jit_compile=True, and graphs
    # inside of that one find it too. There is no public name for it.
    return tf.__internal__.get_enclosing_xla_context() is None and _only_cpus()


def adder_conv(x: Any, w: Any, window: Window, gradient: str) -> Any:
    """Adder convolution.

    Args:
        x: float32 tensor `(batch, height, width, groups * channels)`; sizes may be open.
        w: float32 tensor `(taps, groups, channels, filters)`.
        window: the window.
        gradient: `"full_precision"`, `"plain"` or `"sign"`.

    Returns:
        float32 tensor `(batch, output height, output width, groups * filters)`.

    Raises:
        tf.errors.InvalidArgumentError: the shapes do not fit each other; in a graph when it runs.
    """
    load()
    attributes = {
        "kernel_size": list(window.kernel_size),
        "strides": list(window.strides),
        "dilation": list(window.dilation),
        "padding": window.padding,
    }
    to_input, to_kernel = SLOPES[gradient]

    @tf.custom_gradient
    def conv(x: Any, w: Any) -> Any:
        y = _ops.shiftadd_adder_conv(x, w, **attributes)
        if not tf.executing_eagerly():
            y.set_shape(_output_shape(x, w, window))

        def backward(g: Any) -> Any:
            dx = _ops.shiftadd_adder_conv_input_gradient(x, w, g, slope=to_input, **attributes)
            dw = _ops.shiftadd_adder_conv_kernel_gradient(x, w, g, slope=to_kernel, **attributes)
            return dx, dw

        return y, backward

    # The gradient refers to these tensors. Inside a branch of a tf.function it must find them in
    # the branch itself, not in the graph around it.
    return conv(tf.identity(x), tf.identity(w))


@functools.cache
def _only_cpus() -> bool:
    # The list is final once TensorFlow has made a tensor.
    return {device.device_type for device in tf.config.list_logical_devices()} <= {"CPU"}


def _output_shape(x: Any, w: Any, window: Window) -> list[int | None]:
    """The static shape; None where a size is open."""
    batch, *sizes, _ = x.shape if x.shape.rank == 4 else [None] * 4
    _, groups, _, filters = w.shape if w.shape.rank == 4 else [None] * 4
    outputs: list[int | None] = []
    for axis, size in enumerate(sizes):
        if size is not None and window.padding == "valid":
            size -= (window.kernel_size[axis] - 1) * window.dilation[axis]
        # A size below 1 is refused by the op, which says why.
        step = window.strides[axis]
        outputs.append(None if size is None or size < 1 or step < 1 else -(-size // step))
    return [batch, *outputs, groups * filters if groups and filters else None]


@tf.RegisterGradient("ShiftaddAdderConv")
def _no_gradient(_op: Any, _upstream: Any) -> Any:
    # Backwards, `tf.custom_gradient` comes first.
    raise NotImplementedError(_FORWARD_MODE)


@tf.RegisterGradient("ShiftaddAdderConvInputGradient")
@tf.RegisterGradient("ShiftaddAdderConvKernelGradient")
def _no_second_order(op: Any, _upstream: Any) -> Any:
    if tf.executing_eagerly():
        raise NotImplementedError(SECOND_ORDER)
    # Where several tapes watch a tf.function, TensorFlow makes the second order of its gradients
    # whether or not anyone asks for it: only running it is an error.
    with tf.control_dependencies([tf.debugging.Assert(False, [SECOND_ORDER])]):
        return [tf.zeros_like(tensor) for tensor in op.inputs]
