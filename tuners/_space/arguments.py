"""Checks of the arguments of a space."""

import math
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from keras_shiftadd.callbacks._samples import is_array
from keras_shiftadd.ops._numbers import is_integer, is_number, is_positive_integer
from keras_shiftadd.tuners._space.presets import BLOCKS, Preset

OPERATORS = ("conv", "shift", "adder", "attention")


def check_input_shape(input_shape: Any) -> tuple[int, ...]:
    """The input shape as a tuple of 2 or 3 positive integers."""
    shape = tuple(input_shape) if isinstance(input_shape, list | tuple) else ()
    if len(shape) not in (2, 3) or not all(map(is_positive_integer, shape)):
        raise ValueError(
            "`input_shape` must be (height, width, channels) or (steps, channels), all known and "
            f"positive. Received: input_shape={input_shape!r}"
        )
    return tuple(map(int, shape))


def check_samples(x: Any, shape: tuple[int, ...]) -> None:
    """Raises ValueError unless an array holds finite samples of a shape."""
    if not is_array(x) or tuple(x.shape[1:]) != shape:
        received = tuple(x.shape[1:]) if is_array(x) else type(x).__name__
        raise ValueError(
            f"Samples of `x` must have the shape of the space, {shape}. Received: {received}"
        )
    if not np.isfinite(np.asarray(keras.ops.convert_to_numpy(x))).all():
        raise ValueError("`x` must hold finite numbers. Received: NaN or infinite entries.")


def check_gradient_scale(value: Any) -> float | None:
    """A positive number, or None."""
    if value is None:
        return None
    if not is_number(value) or not 0 < value < math.inf:
        raise ValueError(f"`gradient_scale` must be a positive number or None. Received: {value!r}")
    return float(value)


def check_multiples(name: str, given: Any, above_one: bool = False) -> tuple[float, ...]:
    """Ascending numbers from 1, or above 1."""
    values = given if isinstance(given, list | tuple) else ()
    numbers = all(map(is_number, values))
    if not values or not numbers or any(not 1 <= v < math.inf for v in values):
        fits = False
    else:
        fits = list(values) == sorted(set(values)) and not (above_one and values[0] == 1)
    if not fits:
        least = "above 1" if above_one else "from 1"
        raise ValueError(
            f"`{name}` must hold numbers {least}, ascending, each once. Received: {given!r}"
        )
    return tuple(float(value) for value in values)


def check_operators(operators: Any) -> tuple[str, ...]:
    """The operators in a fixed order, each once."""
    given = tuple(operators) if isinstance(operators, list | tuple) else ()
    if not given or len(set(given)) != len(given) or not set(given) <= set(OPERATORS):
        raise ValueError(
            f"`operators` must be one or several of {OPERATORS}, each once. Received: {operators!r}"
        )
    if given == ("attention",):
        raise ValueError(
            "`operators` must hold more than attention: blocks that stride need a convolution. "
            f"Received: {operators!r}"
        )
    return tuple(operator for operator in OPERATORS if operator in given)


def check_preset(preset: Preset) -> Preset:
    """The preset with all its sequences as tuples.

    Raises:
        ValueError: If a value is out of its range.
    """
    if preset.block not in BLOCKS:
        raise ValueError(f"`block` must be one of {BLOCKS}. Received: {preset.block!r}")
    strides = _integers(preset.strides, "strides", allowed=(1, 2), ordered=False)
    stages = len(strides)
    result = replace(
        preset,
        widths=_choices(preset.widths, "widths", stages),
        depths=_choices(preset.depths, "depths", stages),
        strides=strides,
        kernel_sizes=_integers(preset.kernel_sizes, "kernel_sizes"),
        expansions=_integers(preset.expansions, "expansions"),
    )
    if any(size < 3 or size % 2 == 0 for size in result.kernel_sizes):
        raise ValueError(
            "`kernel_sizes` must be odd integers from 3, so that they share one centre. "
            f"Received: {preset.kernel_sizes!r}"
        )
    if not set(preset.stem_stride) <= {1, 2, 4}:
        raise ValueError(f"`stem_stride` must be 1, 2 or 4. Received: {preset.stem_stride[0]!r}")
    for name in ("stem_width", "num_heads", "key_dim"):
        if not is_positive_integer(getattr(preset, name)):
            raise ValueError(
                f"`{name}` must be a positive integer. Received: {getattr(preset, name)!r}"
            )
    if not is_integer(preset.attention_stages) or not 0 <= preset.attention_stages <= stages:
        raise ValueError(
            f"`attention_stages` must be an integer from 0 to the number of stages, {stages}. "
            f"Received: {preset.attention_stages!r}"
        )
    if result.block == "bottleneck" and any(
        width % expansion
        for choices in result.widths
        for width in choices
        for expansion in result.expansions
    ):
        raise ValueError(
            "Each of `widths` must be divisible by each of `expansions`: a bottleneck has "
            f"width / expansion channels inside. Received: widths={result.widths}, "
            f"expansions={result.expansions}"
        )
    least = sum(choices[0] for choices in result.depths)
    most = sum(choices[-1] for choices in result.depths)
    total = preset.total_depth
    if total is not None and (not is_positive_integer(total) or not least <= total <= most):
        raise ValueError(
            f"`total_depth` must be an integer from {least} to {most}, what `depths` allow "
            f"together. Received: {total!r}"
        )
    if total is not None and any(
        choices != tuple(range(choices[0], choices[-1] + 1)) for choices in result.depths
    ):
        raise ValueError(
            "With `total_depth`, `depths` must be consecutive integers, so that blocks can move "
            f"from stage to stage. Received: {preset.depths!r}"
        )
    return result


def resolutions(
    strides: tuple[int, ...], input_shape: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Rows and columns behind each stride.

    Raises:
        ValueError: If nothing is left to pool over.
    """
    rows, columns = input_shape[:-1] if len(input_shape) == 3 else (input_shape[0], 1)
    result = []
    for stride in strides:
        rows, columns = -(-rows // stride), -(-columns // stride)
        result.append((rows, columns))
    if rows * columns < 2:
        raise ValueError(
            "The strides must leave at least two positions behind the last stage. Received: "
            f"input_shape={input_shape} with strides {strides} (stem first), which leave "
            f"{rows}x{columns}. Pass smaller `strides` or `stem_stride`, or a smaller preset."
        )
    return tuple(result)


def _choices(given: Any, name: str, stages: int) -> tuple[tuple[int, ...], ...]:
    if not isinstance(given, list | tuple) or len(given) != stages:
        raise ValueError(
            f"`{name}` must hold a tuple of integers for each of the {stages} stages (as many as "
            f"`strides`). Received: {given!r}"
        )
    return tuple(_integers(choices, name) for choices in given)


def _integers(
    given: Any, name: str, allowed: tuple[int, ...] | None = None, ordered: bool = True
) -> tuple[int, ...]:
    values = tuple(given) if isinstance(given, list | tuple) else ()
    fits = bool(values) and all(map(is_positive_integer, values))
    if fits and allowed is not None:
        fits = set(values) <= set(allowed)
    if fits and ordered:
        fits = values == tuple(sorted(set(values)))
    if not fits:
        kind = f"out of {allowed}" if allowed else "positive, ascending, each once"
        raise ValueError(f"`{name}` must hold integers ({kind}). Received: {given!r}")
    return values
