"""Checks that any Keras layer should pass, ours and users' own."""

import json
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_shiftadd.testing._gradients import layer_gradients

Reference = Callable[..., tuple[Any, Any, list[Any]]]


class ConformanceError(AssertionError):
    """A layer does not do what a Keras layer should."""


def check_layer(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
    reference: Reference | None = None,
    data_formats: bool | None = None,
    mixed_precision: bool = True,
) -> None:
    """Holds a layer to all checks of this module.

    Serialisation, build, shapes, one training step, mixed precision, both data formats, and
    gradients against a NumPy reference. Each check is also a function of its own.

    Args:
        layer_class: Class of a layer with one input and one output, registered with
            `keras.saving.register_keras_serializable`.
        init_kwargs: Arguments of the layer.
        input_shape: Input shape with the batch axis, as integers.
        reference: For the gradients: a function
            `(inputs, weights, upstream) -> (outputs, input_gradient, weight_gradients)` in
            float64. `None` leaves that check out.
        data_formats: Whether to compare both data formats. `None` does so if the layer takes a
            `data_format`.
        mixed_precision: Whether to check float16 and bfloat16 policies.

    Raises:
        ConformanceError: If a check fails; the message says which and how.

    Example:

    >>> keras_shiftadd.testing.check_layer(
    ...     keras_shiftadd.layers.AdderDense, {"units": 4}, (2, 8)
    ... )
    """
    check_serialization(layer_class, init_kwargs, input_shape)
    check_build(layer_class, init_kwargs, input_shape)
    check_shapes(layer_class, init_kwargs, input_shape)
    check_training_step(layer_class, init_kwargs, input_shape)
    if mixed_precision:
        for policy in ("mixed_float16", "mixed_bfloat16"):
            check_mixed_precision(layer_class, init_kwargs, input_shape, policy)
    takes_data_format = hasattr(layer_class(**init_kwargs), "data_format")
    if takes_data_format if data_formats is None else data_formats:
        check_data_formats(layer_class, init_kwargs, input_shape)
    if reference is not None:
        check_gradients(layer_class, init_kwargs, input_shape, reference)


def check_serialization(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
) -> None:
    """Checks that a layer survives its config, JSON, and a `.keras` file, bit for bit.

    Args:
        layer_class: Class of the layer.
        init_kwargs: Arguments of the layer.
        input_shape: Input shape with the batch axis.

    Raises:
        ConformanceError: If the config changes, or predictions differ after loading.

    Example:

    >>> keras_shiftadd.testing.check_serialization(
    ...     keras_shiftadd.layers.ShiftDense, {"units": 4}, (2, 8)
    ... )
    """
    layer = layer_class(**init_kwargs)
    config = layer.get_config()
    again = layer_class.from_config(config).get_config()
    _require(_plain(config) == _plain(again), f"the config changes: {config} -> {again}")
    try:
        json.dumps(keras.saving.serialize_keras_object(layer))
    except TypeError as error:
        raise ConformanceError(f"{layer_class.__name__}: the config is no JSON: {error}") from error
    model = keras.Sequential([keras.Input(input_shape[1:]), layer])
    inputs = _inputs(input_shape)
    before = model.predict(inputs, batch_size=input_shape[0], verbose=0)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.saving.load_model(path)
    after = loaded.predict(inputs, batch_size=input_shape[0], verbose=0)
    _require(np.array_equal(before, after), "a reloaded model predicts something else")


def check_build(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
) -> None:
    """Checks that `build` creates all weights, and calls none.

    Args:
        layer_class: Class of the layer.
        init_kwargs: Arguments of the layer.
        input_shape: Input shape with the batch axis.

    Raises:
        ConformanceError: If weights appear before `build` or with the first call.

    Example:

    >>> keras_shiftadd.testing.check_build(
    ...     keras_shiftadd.layers.ShiftDense, {"units": 4}, (2, 8)
    ... )
    """
    layer = layer_class(**init_kwargs)
    _require(not layer.weights, "there are weights before `build`")
    layer.build((None, *input_shape[1:]))
    _require(layer.built, "`built` is False after `build`")
    paths = [weight.path for weight in layer.weights]
    layer(_inputs(input_shape))
    _require(paths == [weight.path for weight in layer.weights], "the first call creates weights")


def check_shapes(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
) -> None:
    """Checks that computed, symbolic and real output shapes and dtypes agree.

    Args:
        layer_class: Class of the layer.
        init_kwargs: Arguments of the layer.
        input_shape: Input shape with the batch axis.

    Raises:
        ConformanceError: If they differ.

    Example:

    >>> keras_shiftadd.testing.check_shapes(
    ...     keras_shiftadd.layers.ShiftDense, {"units": 4}, (2, 8)
    ... )
    """
    layer = layer_class(**init_kwargs)
    real = layer(_inputs(input_shape))
    computed = tuple(layer.compute_output_shape(input_shape))
    _require(tuple(real.shape) == computed, f"computed {computed}, real {tuple(real.shape)}")
    symbolic = layer(keras.Input(batch_shape=(None, *input_shape[1:])))
    _require(
        tuple(symbolic.shape) == (None, *computed[1:]),
        f"symbolic {symbolic.shape}, computed {computed}",
    )
    dtype = keras.backend.standardize_dtype(real.dtype)
    _require(symbolic.dtype == dtype, f"symbolic dtype {symbolic.dtype}, real {dtype}")


def check_training_step(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
) -> None:
    """Checks that one step of `fit` moves every trainable weight and leaves all finite.

    Args:
        layer_class: Class of the layer.
        init_kwargs: Arguments of the layer.
        input_shape: Input shape with the batch axis.

    Raises:
        ConformanceError: If a trainable weight stays, or any weight is not finite afterwards.

    Example:

    >>> keras_shiftadd.testing.check_training_step(
    ...     keras_shiftadd.layers.ShiftDense, {"units": 4}, (2, 8)
    ... )
    """
    layer = layer_class(**init_kwargs)
    # The normalisation keeps layers with large outputs in the range of an ordinary loss.
    model = keras.Sequential(
        [keras.Input(input_shape[1:]), layer, keras.layers.BatchNormalization()]
    )
    before = {v.path: ops.convert_to_numpy(v) for v in layer.trainable_variables}
    frozen = {v.path: ops.convert_to_numpy(v) for v in layer.non_trainable_variables}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    targets = np.random.default_rng(2).normal(size=(input_shape[0], *model.output_shape[1:]))
    model.fit(_inputs(input_shape), targets.astype("float32"), batch_size=input_shape[0], verbose=0)
    for variable in layer.trainable_variables:
        value = ops.convert_to_numpy(variable)
        _require(bool(np.isfinite(value).all()), f"{variable.path} is not finite after a step")
        # A normalisation behind the layer takes away what is constant over the batch.
        if not variable.path.endswith("bias"):
            _require(
                not np.array_equal(value, before[variable.path]),
                f"{variable.path} does not move in a training step",
            )
    for variable in layer.non_trainable_variables:
        if variable.path in frozen and not variable.path.endswith(("mean", "variance", "state")):
            _require(
                np.array_equal(ops.convert_to_numpy(variable), frozen[variable.path]),
                f"{variable.path} is not trainable and moves",
            )


def check_mixed_precision(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
    policy: str = "mixed_float16",
) -> None:
    """Checks that a layer computes about the same under a policy of lower precision.

    Args:
        layer_class: Class of the layer.
        init_kwargs: Arguments of the layer, without `dtype`.
        input_shape: Input shape with the batch axis.
        policy: `"mixed_float16"` or `"mixed_bfloat16"`.

    Raises:
        ConformanceError: If the output has another dtype than the policy's compute dtype, a
            weight another than float32, or values differ by more than the inputs' rounding.

    Example:

    >>> keras_shiftadd.testing.check_mixed_precision(
    ...     keras_shiftadd.layers.ShiftDense, {"units": 4}, (2, 8), policy="mixed_bfloat16"
    ... )
    """
    full = layer_class(**init_kwargs)
    low = layer_class(**init_kwargs, dtype=policy)
    compute = keras.DTypePolicy(policy).compute_dtype
    inputs = _inputs(input_shape)
    # Both see the same rounded inputs; only the arithmetic differs.
    inputs = np.asarray(ops.convert_to_numpy(ops.cast(ops.cast(inputs, compute), "float32")))
    full.build(input_shape)
    low.build(input_shape)
    low.set_weights(full.get_weights())
    expected = np.asarray(ops.convert_to_numpy(full(inputs)), "float64")
    output = low(inputs)
    dtype = keras.backend.standardize_dtype(output.dtype)
    _require(dtype == compute, f"under {policy} the output is {dtype}")
    for weight in low.weights:
        _require(weight.dtype != compute, f"under {policy} {weight.path} is {weight.dtype}")
    output = np.asarray(ops.convert_to_numpy(ops.cast(output, "float32")), "float64")
    tolerance = 0.01 if compute == "float16" else 0.06
    error = _relative(output, expected)
    _require(error < tolerance, f"under {policy} the output differs by {error:.2g} (relative)")


def check_data_formats(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
) -> None:
    """Checks that `"channels_first"` gives the transposed result of `"channels_last"`.

    Args:
        layer_class: Class of the layer.
        init_kwargs: Arguments of the layer, without `data_format`.
        input_shape: Input shape with the batch axis, channels last.

    Raises:
        ConformanceError: If shapes or values differ.

    Example:

    >>> keras_shiftadd.testing.check_data_formats(
    ...     keras_shiftadd.layers.ShiftConv2D, {"filters": 4, "kernel_size": 3}, (2, 8, 8, 3)
    ... )
    """
    arguments = {**init_kwargs, "data_format": "channels_last"}
    last = layer_class(**arguments)
    first = layer_class(**{**arguments, "data_format": "channels_first"})
    inputs = _inputs(input_shape)
    rank = inputs.ndim - 2
    expected = np.moveaxis(ops.convert_to_numpy(last(inputs)), -1, 1)
    moved = np.ascontiguousarray(np.moveaxis(inputs, -1, 1))
    first.build(moved.shape)
    first.set_weights(last.get_weights())
    output = ops.convert_to_numpy(first(moved))
    _require(output.shape == expected.shape, f"{output.shape} instead of {expected.shape}")
    error = _relative(output, expected)
    _require(error < 1e-5, f"channels_first differs by {error:.2g} (relative), rank {rank}")


def check_gradients(
    layer_class: type[keras.layers.Layer],
    init_kwargs: dict[str, Any],
    input_shape: tuple[int, ...],
    reference: Reference,
    tolerance: float = 1e-5,
) -> None:
    """Checks outputs and gradients against a NumPy float64 reference.

    Args:
        layer_class: Class of the layer.
        init_kwargs: Arguments of the layer.
        input_shape: Input shape with the batch axis.
        reference: Function `(inputs, weights, upstream)` that returns
            `(outputs, input_gradient, weight_gradients)`; `weights` and `weight_gradients` are in
            the order of `layer.trainable_variables`.
        tolerance: Largest error, relative to the largest magnitude of each tensor.

    Raises:
        ConformanceError: If an output or a gradient differs by more.

    Example:

    >>> def reference(x, weights, upstream):
    ...     (kernel,) = weights
    ...     return x @ kernel, upstream @ kernel.T, [x.T @ upstream]
    >>> keras_shiftadd.testing.check_gradients(
    ...     keras.layers.Dense, {"units": 4, "use_bias": False}, (2, 8), reference
    ... )
    """
    layer = layer_class(**init_kwargs)
    layer.build(input_shape)
    inputs = _inputs(input_shape)
    shape = layer.compute_output_shape(input_shape)
    upstream = np.random.default_rng(1).normal(size=shape).astype("float32")
    weights = [ops.convert_to_numpy(v) for v in layer.trainable_variables]
    outputs, dx, dws = layer_gradients(layer, inputs, upstream)
    expected, expected_dx, expected_dws = reference(inputs, weights, upstream)
    names = ["outputs", "input gradient", *(v.path for v in layer.trainable_variables)]
    for name, value, wanted in zip(
        names, [outputs, dx, *dws], [expected, expected_dx, *expected_dws], strict=True
    ):
        _require(value.shape == wanted.shape, f"{name}: {value.shape} instead of {wanted.shape}")
        error = _relative(value, wanted)
        _require(error <= tolerance, f"{name} differs by {error:.2g} (relative)")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConformanceError(message)


def _inputs(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def _relative(value: Any, wanted: Any) -> float:
    difference = np.abs(np.asarray(value, "float64") - wanted).max()
    return float(difference / max(np.abs(wanted).max(), 1e-30))


def _plain(config: dict[str, Any]) -> dict[str, Any]:
    """Tuples and lists alike, as in a JSON file."""
    return json.loads(json.dumps(config, default=str))
