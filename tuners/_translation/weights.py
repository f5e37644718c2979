"""Layers with named projections and normalisations."""

from typing import Any

import keras


class Weights(keras.layers.Layer):
    """A layer whose weights are projections (kernel and bias) and normalisations (gain, offset).

    Weights are not cast to the compute dtype by themselves: rounding needs them as they are.
    """

    def add_linear(self, name: str, inputs: int, outputs: int) -> None:
        """Creates a kernel and a bias."""
        kernel = self._weight(f"{name}_kernel", (inputs, outputs), "glorot_uniform")
        setattr(self, f"{name}_linear", (kernel, self._weight(f"{name}_bias", (outputs,), "zeros")))

    def linear(self, name: str) -> tuple[Any, Any]:
        """The kernel and the bias of a projection."""
        return getattr(self, f"{name}_linear")

    def add_norm(self, name: str, size: int) -> None:
        """Creates a gain and an offset."""
        gamma = self._weight(f"{name}_gamma", (size,), "ones")
        setattr(self, f"{name}_norm", (gamma, self._weight(f"{name}_beta", (size,), "zeros")))

    def norm(self, name: str) -> tuple[Any, Any]:
        """The gain and the offset of a normalisation."""
        return getattr(self, f"{name}_norm")

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> Any:
        return self.add_weight(name=name, shape=shape, initializer=initializer, autocast=False)
