"""Runs a .tflite file on LiteRT or on tflite-micro."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._runtime.runtimes import LiteRtRuntime, MicroRuntime, Runtime
from keras_shiftadd.export._tflite.model_file import has_custom_operators, read_model_file
from keras_shiftadd.ops._numbers import positive

RUNTIMES = ("litert", "tflite-micro")


@dataclass(frozen=True)
class TensorDetails:
    """The input or the output of a .tflite file.

    Args:
        shape: Tuple of integers, the batch of 1 included.
        dtype: NumPy dtype.
        scale: Float, 0.0 for a tensor that is not quantised.
        zero_point: Integer that stands for 0.0.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int


class Interpreter:
    """Runs a .tflite file with one input and one output, one sample after the other.

    Args:
        path: The file.
        runtime: `"litert"` (ai-edge-litert, the runtime of phones and computers) or
            `"tflite-micro"` (the runtime of microcontrollers, compiled for this computer).
        arena_size: Integer, bytes of memory given to tflite-micro, to try whether a model fits.
            By default the size is searched upwards. LiteRT ignores it.
        exact: Whether LiteRT runs its reference kernels, which round as docs/integer_ops.md says
            and as tflite-micro does; its usual ones are faster, and some outputs are a step off.
            tflite-micro ignores it.

    Raises:
        ValueError: If `runtime` is unknown, or the file is not a .tflite file with one input and
            one output for one sample.
        FileNotFoundError: If there is no such file.
        ImportError: If the runtime is not installed.
        RuntimeError: If the runtime refuses the model, or the arena is too small; for a file with
            custom operators also if the compiled kernels cannot be used, or tflite-micro has
            another version than they were made for.

    Example:

    >>> interpreter = keras_shiftadd.export.Interpreter("model.tflite", runtime="tflite-micro")
    >>> interpreter.predict(x[:5]).shape
    (5, 10)
    >>> interpreter.arena_bytes
    31204
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        runtime: str = "litert",
        arena_size: int | None = None,
        exact: bool = False,
    ) -> None:
        if runtime not in RUNTIMES:
            raise ValueError(
                f"`runtime` must be one of {', '.join(RUNTIMES)}. Received: runtime={runtime!r}."
            )
        arena_size = None if arena_size is None else positive(arena_size, "arena_size")
        self.path = Path(path)
        self.runtime = runtime
        content = read_model_file(self.path)
        custom = has_custom_operators(content, str(self.path))
        self._runtime: Runtime
        if runtime == "litert":
            self._runtime = LiteRtRuntime(content, custom, exact)
        else:
            self._runtime = MicroRuntime(content, custom, arena_size)
        self.input_details = TensorDetails(**self._runtime.details("input"))
        self.output_details = TensorDetails(**self._runtime.details("output"))
        for shape in (self.input_details.shape, self.output_details.shape):
            if not shape or shape[0] != 1:
                raise ValueError(
                    "A model must take and give one sample at a time, with a first axis of 1. "
                    f"Received: {self.path} with a tensor of shape {shape}."
                )

    @property
    def arena_bytes(self) -> int | None:
        """Bytes of memory that the model takes in tflite-micro; None for LiteRT.

        It is everything that the runtime places in its arena on this computer: tensors, and its
        own records of them, which are smaller on a 32-bit microcontroller. LiteRT does not tell.
        """
        return self._runtime.arena_bytes()

    def predict(self, x: Any) -> np.ndarray:
        """Predicts from float data.

        Args:
            x: Array of shape `(samples, ...)`; each sample has the shape of the model's input.

        Returns:
            float32 array of shape `(samples, ...)`.

        Raises:
            ValueError: If the shape does not fit.
        """
        inputs = np.asarray(x, np.float32)
        self._check_shape(inputs)
        if self.input_details.dtype == np.int8:
            inputs = _quantization(self.input_details).quantize(inputs)
        outputs = self._run(inputs.astype(self.input_details.dtype))
        if self.output_details.dtype == np.int8:
            return _quantization(self.output_details).dequantize(outputs)
        return outputs.astype(np.float32)

    def predict_quantized(self, x: Any) -> np.ndarray:
        """Predicts from integers as they enter the model.

        Args:
            x: int8 array of shape `(samples, ...)`.

        Returns:
            int8 array of shape `(samples, ...)`.

        Raises:
            ValueError: If the shape or the dtype does not fit.
        """
        inputs = np.asarray(x)
        if inputs.dtype != self.input_details.dtype:
            raise ValueError(
                f"`x` must have the dtype of the model's input, {self.input_details.dtype}. "
                f"Received: dtype {inputs.dtype}. For float data use predict()."
            )
        self._check_shape(inputs)
        return self._run(inputs)

    def _check_shape(self, inputs: np.ndarray) -> None:
        expected = self.input_details.shape[1:]
        if inputs.ndim != len(expected) + 1 or inputs.shape[1:] != expected:
            raise ValueError(
                "`x` must have shape (samples, "
                f"{', '.join(map(str, expected))}). Received: shape {inputs.shape}."
            )

    def _run(self, inputs: np.ndarray) -> np.ndarray:
        outputs = np.empty((len(inputs), *self.output_details.shape[1:]), self.output_details.dtype)
        for index in range(len(inputs)):
            outputs[index] = self._runtime.run(np.ascontiguousarray(inputs[index : index + 1]))[0]
        return outputs


def _quantization(details: TensorDetails) -> Quantization:
    return Quantization(details.scale, details.zero_point)
