"""Checks of the arguments of `HybridTuner`."""

from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_shiftadd.callbacks._samples import is_array

if TYPE_CHECKING:
    from keras_shiftadd.tuners.hybrid_space import HybridSpace


def check_search_data(
    space: "HybridSpace", x: Any, y: Any, validation_data: Any, epochs: Any
) -> None:
    """Raises ValueError unless a search can begin with these data."""
    if x is None or validation_data is None:
        raise ValueError(
            "`search` needs training data `x` (and `y`) and `validation_data`. Received: "
            f"x={'None' if x is None else type(x).__name__}, validation_data="
            f"{'None' if validation_data is None else type(validation_data).__name__}"
        )
    if isinstance(epochs, bool) or not isinstance(epochs, int) or epochs < 1:
        raise ValueError(f"`epochs` must be a positive integer. Received: {epochs!r}")
    if not is_array(x):
        return
    if y is None or len(x) != len(y):
        raise ValueError(
            "`y` must hold a target for each sample of `x`. Received: "
            f"{len(x)} samples, {'no' if y is None else len(y)} targets."
        )
    if tuple(x.shape[1:]) != space.input_shape:
        raise ValueError(
            f"Samples of `x` must have the shape of the space, {space.input_shape}. "
            f"Received: {tuple(x.shape[1:])}"
        )
    if not np.isfinite(np.asarray(keras.ops.convert_to_numpy(x))).all():
        raise ValueError("`x` must hold finite numbers. Received: NaN or infinite entries.")
