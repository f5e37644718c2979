"""Checks of the arguments of `HybridTuner`."""

from typing import TYPE_CHECKING, Any

import keras

from keras_shiftadd.callbacks._samples import is_arrays

if TYPE_CHECKING:
    from keras_shiftadd.tuners._space.search_space import SearchSpace


def check_search_data(space: "SearchSpace", x: Any, y: Any, validation_data: Any) -> None:
    """Raises ValueError unless a search can begin with these data."""
    if x is None or validation_data is None:
        raise ValueError(
            "`search` needs training data `x` (and `y`) and `validation_data`. Received: "
            f"x={'None' if x is None else type(x).__name__}, validation_data="
            f"{'None' if validation_data is None else type(validation_data).__name__}"
        )
    if not is_arrays(x):
        return
    count = len(keras.tree.flatten(x)[0])
    if y is None or count != len(y):
        raise ValueError(
            "`y` must hold a target for each sample of `x`. Received: "
            f"{count} samples, {'no' if y is None else len(y)} targets."
        )
    space.check_inputs(x, y)
