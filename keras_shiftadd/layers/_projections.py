"""The linear maps of layers made of layers: ordinary, shift or adder."""

from typing import Any

import keras

from keras_shiftadd.layers import _arguments
from keras_shiftadd.layers.adder_dense import AdderDense
from keras_shiftadd.layers.shift_dense import ShiftDense

PLACES = ("query", "key", "value", "output")
PROJECTIONS = ("dense", "shift", "adder")


def projections(value: Any, places: tuple[str, ...] = PLACES) -> dict[str, str]:
    """Returns the projection at each place, from one name or a dict of them."""
    if isinstance(value, dict):
        if set(value) != set(places):
            raise ValueError(
                f"A dict as `projection` must name the projection at each of {places}. "
                f"Received: projection={value!r}."
            )
        return {
            place: _arguments.one_of(value[place], PROJECTIONS, "projection") for place in places
        }
    return dict.fromkeys(places, _arguments.one_of(value, PROJECTIONS, "projection"))


def make_projection(
    kind: str,
    units: int,
    name: str,
    dense: dict[str, Any],
    shift: dict[str, Any],
    adder: dict[str, Any],
) -> keras.layers.Layer:
    """Returns the layer of a projection.

    Args:
        kind: One of `PROJECTIONS`.
        units: Size of the output.
        name: Name of the layer.
        dense: Arguments that the three kinds share.
        shift: Arguments of a shift layer.
        adder: Arguments of an adder layer.
    """
    # Two projections must not start with the same values, which one initializer object would give.
    dense = {key: _fresh(value) for key, value in dense.items()}
    if kind == "shift":
        return ShiftDense(units, name=name, **dense, **shift)
    if kind == "adder":
        # The normalisation that follows holds the bias, as its offset.
        dense.update(use_bias=False, bias_regularizer=None, bias_constraint=None)
        return AdderDense(units, name=name, **dense, **adder)
    if dense["kernel_initializer"] is None:
        dense["kernel_initializer"] = "glorot_uniform"
    return keras.layers.Dense(units, name=name, **dense)


def make_normalization(
    kind: str, name: str, momentum: float, dense: dict[str, Any]
) -> keras.layers.Layer | None:
    """Returns the normalisation behind a projection; only an adder has one.

    Args:
        kind: One of `PROJECTIONS`.
        name: Name of the projection.
        momentum: Momentum of the moving statistics.
        dense: Arguments that the three kinds of projection share.
    """
    if kind != "adder":
        return None
    return keras.layers.BatchNormalization(
        momentum=momentum,
        center=dense["use_bias"],
        beta_initializer=_fresh(dense["bias_initializer"]),
        beta_regularizer=dense["bias_regularizer"],
        beta_constraint=dense["bias_constraint"],
        trainable=dense["trainable"],
        dtype=dense["dtype"],
        name=f"{name}_normalization",
    )


def _fresh(value: Any) -> Any:
    return value.clone() if isinstance(value, keras.initializers.Initializer) else value
