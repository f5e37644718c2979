"""Which form of the operations serves: the binding of the current backend, or none."""

import functools
import importlib
import os
import warnings
from types import ModuleType
from typing import Literal, cast

import keras

from keras_shiftadd.custom_ops._library import (
    REBUILD_COMMAND,
    CompiledOpsNotBuilt,
    CompiledOpsUnavailable,
)

VARIABLE = "KERAS_SHIFTADD_OPS"
Requested = Literal["auto", "native", "python"]

_CHOICES = ("auto", "native", "python")
BACKENDS = ("tensorflow", "jax", "torch")

_warned = False


def requested_form() -> Requested:
    """The form that `KERAS_SHIFTADD_OPS` asks for.

    Raises:
        ValueError: it has an unknown value.
    """
    value = os.environ.get(VARIABLE, "auto")
    if value not in _CHOICES:
        raise ValueError(
            f"The environment variable {VARIABLE} must be one of {', '.join(_CHOICES)}. "
            f"Received: {VARIABLE}={value!r}"
        )
    return cast(Requested, value)


def active_binding() -> ModuleType | None:
    """The binding of Keras' backend to the compiled kernels.

    The first call loads it. The first call of a process that finds kernels that cannot be used
    warns; where they were never built, nothing is amiss.

    Returns:
        A module with `serves` and `adder_conv`, or `None`: the portable form serves.

    Raises:
        RuntimeError: `KERAS_SHIFTADD_OPS` is `native` and the kernels cannot be used.
        ValueError: an environment variable has an unknown value.
    """
    requested = requested_form()
    if requested == "python":
        return None
    loaded = load_binding(keras.config.backend())
    if isinstance(loaded, ModuleType):
        return loaded
    if requested == "native":
        raise RuntimeError(native_message(loaded))
    if not isinstance(loaded, CompiledOpsNotBuilt):
        _warn_once(loaded)
    return None


@functools.cache
def load_binding(backend: str) -> ModuleType | CompiledOpsUnavailable:
    """Loads the binding of a backend, or says why it cannot be used."""
    if backend not in BACKENDS:
        return CompiledOpsNotBuilt(f"the backend {backend} has no compiled kernels")
    try:
        binding = importlib.import_module(f"keras_shiftadd.custom_ops.{backend}_binding")
        binding.load()
    except CompiledOpsUnavailable as unavailable:
        return unavailable
    return binding


def native_message(unavailable: CompiledOpsUnavailable) -> str:
    """The error under `KERAS_SHIFTADD_OPS=native`."""
    return f"{VARIABLE}=native asks for the compiled kernels. {_explanation(unavailable)}"


def _warn_once(unavailable: CompiledOpsUnavailable) -> None:
    global _warned
    if not _warned:
        _warned = True
        message = f"The portable form of the operations serves. {_explanation(unavailable)}"
        warnings.warn(message, RuntimeWarning, stacklevel=3)


def _explanation(unavailable: CompiledOpsUnavailable) -> str:
    return (
        f"The compiled kernels cannot be used: {unavailable}. This command builds them for the "
        f"packages that are installed now: {REBUILD_COMMAND}"
    )
