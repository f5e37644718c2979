"""Which form of the operations is active, and why."""

import os
from dataclasses import dataclass
from typing import Literal

ENVIRONMENT_VARIABLE = "KERAS_SHIFTADD_OPS"
_CHOICES = ("auto", "native", "python")


@dataclass(frozen=True)
class OpsStatus:
    """Which form of the operations is active.

    Args:
        form: `"portable"`: the operations written on `keras.ops`, which run on every backend.
            The only form in this version.
        requested: what `KERAS_SHIFTADD_OPS` asks for: `"auto"` (also when it is unset) or
            `"python"`.
        reason: why this form is active, in words.
    """

    form: Literal["portable"]
    requested: Literal["auto", "python"]
    reason: str

    def __str__(self) -> str:
        return f"{self.form} ({self.reason})"


def status() -> OpsStatus:
    """Says which form of the operations is active, and why.

    The environment variable `KERAS_SHIFTADD_OPS` is read, never written: `auto` (default) takes
    the best form that this installation has, `python` the portable one, `native` the compiled
    kernels, of which this version has none.

    Returns:
        An `OpsStatus`.

    Raises:
        RuntimeError: `KERAS_SHIFTADD_OPS` is `native`.
        ValueError: `KERAS_SHIFTADD_OPS` has any other unknown value.

    Example:

    >>> ksa.custom_ops.status().form
    'portable'
    """
    requested = os.environ.get(ENVIRONMENT_VARIABLE, "auto")
    if requested == "auto":
        return OpsStatus("portable", "auto", "this version contains no compiled kernels")
    if requested == "python":
        return OpsStatus("portable", "python", f"{ENVIRONMENT_VARIABLE}=python asks for it")
    if requested == "native":
        raise RuntimeError(
            f"{ENVIRONMENT_VARIABLE}=native asks for compiled kernels, and this installation has "
            f"none. Unset {ENVIRONMENT_VARIABLE}, or set it to 'auto' or 'python'."
        )
    raise ValueError(
        f"The environment variable {ENVIRONMENT_VARIABLE} must be one of {', '.join(_CHOICES)}. "
        f"Received: {ENVIRONMENT_VARIABLE}={requested!r}"
    )
