"""The two interpreters behind one face."""

import contextlib
import importlib.util
import io
import re
import sys
import types
from collections.abc import Iterator
from typing import Any, Protocol

import numpy as np

from keras_shiftadd.custom_ops import litert_delegate
from keras_shiftadd.custom_ops.tflite_micro_binding import registerer
from keras_shiftadd.export._imports import litert_interpreter, require
from keras_shiftadd.export._runtime.native_output import captured_stderr

_FIRST_ARENA = 4 << 20
_LARGEST_ARENA = 1 << 30


class Runtime(Protocol):
    """What `Interpreter` needs of a runtime."""

    def details(self, which: str) -> dict[str, Any]:
        """Shape, dtype, scale and zero point of the "input" or the "output"."""

    def run(self, batch_of_one: np.ndarray) -> np.ndarray:
        """Runs the model once."""

    def arena_bytes(self) -> int | None:
        """Memory that the runtime took for tensors and its own records."""


class LiteRtRuntime:
    """LiteRT's interpreter (`ai_edge_litert`).

    Args:
        content: A .tflite file.
        custom: Whether the file has custom operators of this package.
        exact: Whether LiteRT's reference kernels run, in the place of its usual ones.
    """

    def __init__(self, content: bytes, custom: bool, exact: bool) -> None:
        module = litert_interpreter()
        arguments: dict[str, Any] = {"model_content": content, "num_threads": 1}
        if exact:
            arguments["experimental_op_resolver_type"] = module.OpResolverType.BUILTIN_REF
        if custom:
            arguments["experimental_delegates"] = [module.load_delegate(litert_delegate())]
        with captured_stderr() as text:
            try:
                self._interpreter = module.Interpreter(**arguments)
                self._interpreter.allocate_tensors()
            except (RuntimeError, ValueError) as error:
                raise RuntimeError(_failure("LiteRT", error, text())) from error
        self._details = {
            "input": self._interpreter.get_input_details(),
            "output": self._interpreter.get_output_details(),
        }
        _check_one_each(len(self._details["input"]), len(self._details["output"]))

    def details(self, which: str) -> dict[str, Any]:
        [details] = self._details[which]
        scale, zero_point = details["quantization"]
        return {
            "shape": tuple(int(size) for size in details["shape"]),
            "dtype": np.dtype(details["dtype"]),
            "scale": float(scale),
            "zero_point": int(zero_point),
        }

    def run(self, batch_of_one: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._details["input"][0]["index"], batch_of_one)
        self._interpreter.invoke()
        return np.array(self._interpreter.get_tensor(self._details["output"][0]["index"]))

    def arena_bytes(self) -> int | None:
        return None


class MicroRuntime:
    """tflite-micro's interpreter, which plans all memory inside one arena.

    Args:
        content: A .tflite file.
        custom: Whether the file has custom operators of this package.
        arena_size: Bytes of the arena; None searches upwards.
    """

    def __init__(self, content: bytes, custom: bool, arena_size: int | None) -> None:
        self._module = _import_tflite_micro()
        self._registerers = [registerer(self._module._runtime)] if custom else []
        self._content = content
        self._interpreter = self._load(arena_size)
        self._arena_bytes: int | None = None
        self._ran = False

    def _load(self, arena_size: int | None) -> Any:
        size = arena_size or max(_FIRST_ARENA, 2 * len(self._content))
        while True:
            with captured_stderr() as text, contextlib.redirect_stdout(io.StringIO()):
                try:
                    return self._module.Interpreter.from_bytes(
                        self._content, self._registerers, arena_size=size
                    )
                except RuntimeError as error:
                    printed = text()
                    too_small = "alloc" in printed.lower() or "arena" in printed.lower()
                    if not too_small:
                        raise RuntimeError(_failure("tflite-micro", error, printed)) from error
                    if arena_size or size >= _LARGEST_ARENA:
                        raise RuntimeError(
                            f"An arena of {size} bytes is too small for this model in "
                            "tflite-micro. Pass a larger `arena_size`, or export with a smaller "
                            f"`max_scratch_bytes`. {printed.strip()}"
                        ) from error
            size *= 4

    def details(self, which: str) -> dict[str, Any]:
        read = getattr(self._interpreter, f"get_{which}_details")
        details = read(0)
        parameters = details["quantization_parameters"]
        quantized = len(parameters["scales"]) > 0
        return {
            "shape": tuple(int(size) for size in details["shape"]),
            "dtype": np.dtype(details["dtype"]),
            "scale": float(parameters["scales"][0]) if quantized else 0.0,
            "zero_point": int(parameters["zero_points"][0]) if quantized else 0,
        }

    def run(self, batch_of_one: np.ndarray) -> np.ndarray:
        self._interpreter.set_input(batch_of_one, 0)
        self._interpreter.invoke()
        self._ran = True
        return np.array(self._interpreter.get_output(0))

    def arena_bytes(self) -> int | None:
        if self._arena_bytes is None:
            if not self._ran:
                details = self.details("input")
                self.run(np.zeros(details["shape"], details["dtype"]))
            # The wheel reports its allocations only as text on standard error.
            with captured_stderr() as text:
                self._interpreter.print_allocations()
                found = re.search(r"Arena allocation total (\d+) bytes", text())
            self._arena_bytes = int(found.group(1)) if found else None
        return self._arena_bytes


def _import_tflite_micro() -> Any:
    # Its import brings TensorFlow, which greets on standard error.
    with captured_stderr(), _pkg_resources_present():
        return require("tflite_micro", "tflite-micro", "pip install --pre tflite-micro").runtime


@contextlib.contextmanager
def _pkg_resources_present() -> Iterator[None]:
    """Lets tflite-micro import where setuptools no longer ships `pkg_resources`.

    The wheel imports that module at start and uses it only in its self-test.
    """
    if "pkg_resources" in sys.modules or importlib.util.find_spec("pkg_resources"):
        yield
        return
    sys.modules["pkg_resources"] = types.ModuleType("pkg_resources")
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]


def _check_one_each(inputs: int, outputs: int) -> None:
    if inputs != 1 or outputs != 1:
        raise ValueError(
            "A model must have one input and one output. "
            f"Received: {inputs} inputs and {outputs} outputs."
        )


def _failure(runtime: str, error: Exception, printed: str) -> str:
    return f"{runtime} cannot run this file: {error} {printed.strip()}".strip()
