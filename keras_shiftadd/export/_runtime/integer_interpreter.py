"""Runs an int8 network in NumPy."""

from typing import Any

import numpy as np

from keras_shiftadd.export._integer.check import check
from keras_shiftadd.export._integer.model import IntegerModel
from keras_shiftadd.export._integer.reference import run, run_all


class IntegerInterpreter:
    """Runs an int8 network on the NumPy reference, whose bits every other runner has.

    Args:
        model: An `IntegerModel`.

    Raises:
        ValueError: If the model breaks a rule of docs/integer_ops.md.

    Example:

    >>> integer_model = keras_shiftadd.export.quantize(model, x_train[:256])
    >>> keras_shiftadd.export.IntegerInterpreter(integer_model).predict(x[:5]).shape
    (5, 10)
    """

    def __init__(self, model: IntegerModel) -> None:
        check(model)
        self.model = model
        self._input = model.tensors[model.input]
        self._output = model.tensors[model.output]

    def predict(self, x: Any) -> np.ndarray:
        """Predicts from float data.

        Args:
            x: Array of shape `(samples, ...)`; each sample has as many elements as the model's
                input.

        Returns:
            float32 array of shape `(samples, ...)`.

        Raises:
            ValueError: If the shape does not fit.
        """
        inputs = self._input.quantization.quantize(np.asarray(x, np.float32))
        return self._output.quantization.dequantize(self.predict_quantized(inputs))

    def predict_quantized(self, x: Any) -> np.ndarray:
        """Predicts from integers as they enter the model.

        Args:
            x: int8 array of shape `(samples, ...)`; each sample has as many elements as the model's
                input.

        Returns:
            int8 array of shape `(samples, ...)`.

        Raises:
            ValueError: If the shape or the dtype does not fit.
        """
        return run(self.model, self._as_input(x))

    def tensors(self, x: Any) -> dict[str, np.ndarray]:
        """All tensors of the network, by name, from integers as they enter the model.

        Args:
            x: int8 array of shape `(samples, ...)`.

        Returns:
            int8 arrays of shape `(samples, ...)`.

        Raises:
            ValueError: If the shape or the dtype does not fit.
        """
        names = [tensor.name for tensor in self.model.tensors]
        return dict(zip(names, run_all(self.model, self._as_input(x)), strict=True))

    def _as_input(self, x: Any) -> np.ndarray:
        inputs, shape = np.asarray(x), self._input.shape
        # A sequence is an image of one row.
        if len(shape) == 3 and shape[0] == 1 and inputs.shape[1:] == shape[1:]:
            return inputs[:, None]
        return inputs
