"""The compiled adder operations: the one place that chooses them, and the way to them.

The compiled kernels take float32 tensors with two spatial axes. One axis becomes two, narrower
tensors are widened; what is left (float64, three axes and more, empty axes, dilated windows longer
than 4096) and what the binding of the backend refuses (tensors on accelerators, XLA on TensorFlow)
takes the portable form.
"""

from types import ModuleType
from typing import Any

import keras
from keras import ops

from keras_shiftadd.ops._adder_portable import AdderProblem

# The kernels hold a padded copy of a band of rows as high as the dilated window, so that a
# dilation far beyond any input would ask for gigabytes; the portable form holds no such copy.
_LONGEST_WINDOW = 4096

_binding: ModuleType | None = None


def _find_binding() -> bool:
    """Sets the binding that serves now, and says whether there is one."""
    # Imported here: importing this package loads no library, and reads no environment variable.
    from keras_shiftadd.custom_ops._binding import active_binding

    global _binding
    _binding = active_binding()
    return _binding is not None


if keras.config.backend() == "torch":
    import torch

    # torch.compile cannot trace the loading of a library, nor what returns a module.
    _find_binding = torch.compiler.assume_constant_result(_find_binding)


def serving_binding(problem: AdderProblem, x: Any, w: Any) -> ModuleType | None:
    """Chooses the form of an adder operation.

    Args:
        problem: Geometry and counts.
        x: `(batch, *sizes, G * Cg)`.
        w: `(T, G, Cg, Fg)`.

    Returns:
        The binding to the compiled kernels that serves, or `None`: the portable form does.

    Raises:
        RuntimeError: If `KERAS_SHIFTADD_OPS` is `native` and the kernels cannot be used at all.
    """
    if not _find_binding() or problem.dtype != "float32" or len(problem.windows.sizes) > 2:
        return None
    if any(isinstance(size, int) and size < 1 for size in (*x.shape[1:], *w.shape)):
        return None
    windows = problem.windows
    extents = zip(windows.kernel_size, windows.dilation_rate, strict=True)
    if any((taps - 1) * dilation >= _LONGEST_WINDOW for taps, dilation in extents):
        return None
    binding = _binding
    return binding if binding is not None and binding.serves(x, w) else None


def matmul_binding(a: Any, b: Any, dtype: str) -> ModuleType | None:
    """Chooses the form of an adder product of matrices.

    Args:
        a: `(L, M, K)`.
        b: `(L, K, N)`.
        dtype: Dtype of the accumulation.

    Returns:
        The binding to the compiled kernels that serves, or `None`: the portable form does.

    Raises:
        RuntimeError: If `KERAS_SHIFTADD_OPS` is `native` and the kernels cannot be used at all.
    """
    if not _find_binding() or dtype != "float32":
        return None
    if any(isinstance(size, int) and size < 1 for size in (*a.shape, *b.shape)):
        return None
    binding = _binding
    return binding if binding is not None and binding.serves(a, b) else None


def adder_matmul(binding: ModuleType, a: Any, b: Any, gradient: str) -> Any:
    """Runs the adder product of matrices as one convolution with a group a matrix.

    Args:
        binding: What `matmul_binding` returned.
        a: `(L, M, K)`.
        b: `(L, K, N)`.
        gradient: One of `ADDER_GRADIENTS`.

    Returns:
        `(L, M, N)` in the dtype of `a`.
    """
    from keras_shiftadd.custom_ops._window import Window

    window = Window(kernel_size=(1, 1), strides=(1, 1), dilation=(1, 1), padding="valid")
    matrices, rows, depth = ops.shape(a)
    columns = ops.shape(b)[2]
    x = ops.transpose(ops.cast(a, "float32"), (1, 0, 2))
    x = ops.reshape(x, (1, rows, 1, matrices * depth))
    y = binding.adder_conv(x, ops.cast(b, "float32")[None], window, gradient)
    y = ops.transpose(ops.reshape(y, (rows, matrices, columns)), (1, 0, 2))
    return ops.cast(y, a.dtype)


def adder_conv(binding: ModuleType, problem: AdderProblem, x: Any, w: Any, gradient: str) -> Any:
    """Runs the compiled adder operation; arguments and result as in the portable form.

    Args:
        binding: What `serving_binding` returned.
        problem: Geometry and counts.
        x: `(batch, *sizes, G * Cg)`.
        w: `(T, G, Cg, Fg)`.
        gradient: One of `ADDER_GRADIENTS`.

    Returns:
        `(batch, *output_sizes, G * Fg)` in the dtype of `x`.
    """
    from keras_shiftadd.custom_ops._window import Window

    windows = problem.windows
    one_axis = len(windows.sizes) == 1
    extra = (1,) if one_axis else ()
    window = Window(
        kernel_size=(*windows.kernel_size, *extra),
        strides=(*windows.strides, *extra),
        dilation=(*windows.dilation_rate, *extra),
        padding=windows.padding,
    )
    wide = ops.cast(x, "float32")
    if one_axis:
        wide = ops.expand_dims(wide, 2)
    y = binding.adder_conv(wide, ops.cast(w, "float32"), window, gradient)
    if one_axis:
        y = ops.squeeze(y, 2)
    return ops.cast(y, x.dtype)
