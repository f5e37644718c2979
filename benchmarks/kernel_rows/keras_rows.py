"""Operations through Keras on the backend of this process, compiled where the backend compiles.

The gradients are asked for together with the output, so that no compiler drops the forward pass.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras import ops

import keras_shiftadd as ksa
from kernel_rows.broadcast import broadcast_adder
from kernel_rows.layer import Arrays, Layer
from kernel_rows.timing import Row

OPS_VARIABLE = "KERAS_SHIFTADD_OPS"
# The differences of a whole batch would take gigabytes: the broadcast form gets this many images.
BROADCAST_BATCH = 4


def operations(layer: Layer) -> dict[str, Callable[[Any, Any], Any]]:
    """The layer's operations, by row."""
    window = {"strides": layer.stride, "padding": "same", "data_format": "channels_last"}
    adder = ksa.ops.adder_depthwise_conv if layer.depthwise else ksa.ops.adder_conv
    conv = ops.depthwise_conv if layer.depthwise else ops.conv

    def portable(x: Any, w: Any) -> Any:
        before = os.environ.get(OPS_VARIABLE)
        os.environ[OPS_VARIABLE] = "python"
        try:
            return adder(x, w, **window)
        finally:
            del os.environ[OPS_VARIABLE]
            if before is not None:
                os.environ[OPS_VARIABLE] = before

    return {
        "adder_op": lambda x, w: adder(x, w, **window),
        "conv": lambda x, w: conv(x, w, **window),
        "portable": portable,
        "keras_broadcast": lambda x, w: broadcast_adder(ops, layer, x, w),
    }


def rows(
    layer: Layer, batch: int, arrays: Arrays, names: tuple[str, ...], step: bool
) -> Iterator[Row]:
    """The named operations: the forward pass, or a training step."""
    compiled = (_compiled_step if step else _compiled_forward)(keras.config.backend())
    for name in names:
        images = min(batch, BROADCAST_BATCH) if name == "keras_broadcast" else batch
        tensors = [
            ops.convert_to_tensor(a)
            for a in (arrays.x[:images], arrays.w, arrays.g[:images])[: 3 if step else 2]
        ]
        run = compiled(operations(layer)[name])
        yield Row(name, _bound(run, tensors), scale=batch / images)


def _bound(run: Callable[..., Any], tensors: list[Any]) -> Callable[[], Any]:
    return lambda: run(*tensors)


def _compiled_forward(backend: str) -> Callable[[Any], Any]:
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function
    if backend == "jax":
        import jax

        def compiled(operation: Any) -> Any:
            jitted = jax.jit(operation)
            return lambda *tensors: jax.block_until_ready(jitted(*tensors))

        return compiled
    import torch

    return torch.no_grad()


def _compiled_step(backend: str) -> Callable[[Any], Any]:
    """Turns an operation into one that returns the output and both gradients."""
    if backend == "tensorflow":
        import tensorflow as tf

        def compiled(operation: Any) -> Any:
            @tf.function
            def run(x: Any, w: Any, g: Any) -> Any:
                with tf.GradientTape() as tape:
                    tape.watch([x, w])
                    y = operation(x, w)
                return y, tape.gradient(y, [x, w], g)

            return run

    elif backend == "jax":
        import jax

        def compiled(operation: Any) -> Any:
            @jax.jit
            def run(x: Any, w: Any, g: Any) -> Any:
                y, pullback = jax.vjp(operation, x, w)
                return y, pullback(g)

            return lambda *tensors: jax.block_until_ready(run(*tensors))

    else:
        import torch

        def compiled(operation: Any) -> Any:
            def run(x: Any, w: Any, g: Any) -> Any:
                inputs = [x.detach().requires_grad_(), w.detach().requires_grad_()]
                y = operation(*inputs)
                return y.detach(), torch.autograd.grad(y, inputs, g)

            return run

    return compiled
