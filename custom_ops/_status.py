"""Which form of the operations is active, and why."""

from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Literal

import keras

from keras_shiftadd.custom_ops import _binding, _builder, _library


@dataclass(frozen=True)
class LibraryStatus:
    """A compiled library of this installation.

    Args:
        name: `"kernels"`, or the backend whose binding it is. The binding of PyTorch is no
            library of its own.
        problem: why it cannot be used, or `None`. A library that fits may still fail to load.
        manifest: what it was built from and with: package version, compiler, flags, platform,
            SHA-256 of the sources, instruction sets, version of the framework. Empty without a
            library.
    """

    name: str
    problem: str | None
    manifest: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class OpsStatus:
    """Which form of the operations is active.

    Args:
        form: `"compiled"`: the compiled kernels serve wherever they can, which the
            documentation of each operation says; `"portable"`: the operations written on
            `keras.ops` serve, which run everywhere.
        requested: what `KERAS_SHIFTADD_OPS` asks for; `"auto"` when it is unset.
        reason: why this form is active, in words.
        backend: Keras' backend.
        libraries: the compiled libraries, the kernels first.
        instruction_set: the one that the kernels use: `"avx512"`, `"avx2"`, `"neon"` or
            `"scalar"`; `None` in the portable form.
        threads: how many threads the kernels use; `None` in the portable form.
    """

    form: Literal["compiled", "portable"]
    requested: Literal["auto", "native", "python"]
    reason: str
    backend: str
    libraries: tuple[LibraryStatus, ...] = ()
    instruction_set: str | None = None
    threads: int | None = None

    def __str__(self) -> str:
        return f"{self.form} ({self.reason})"


def status() -> OpsStatus:
    """Says which form of the operations is active, and why.

    The environment variable `KERAS_SHIFTADD_OPS` is read, never written: `auto` (default) takes
    the compiled kernels if they can be used, and else the portable form; `native` the compiled
    kernels or nothing; `python` the portable form, and no library is loaded.

    Returns:
        An `OpsStatus`.

    Raises:
        RuntimeError: `KERAS_SHIFTADD_OPS` is `native` and the kernels cannot be used.
        ValueError: an environment variable of this package has an unknown value.

    Example:

    >>> ksa.custom_ops.status().form
    'compiled'
    """
    requested = _binding.requested_form()
    backend = keras.config.backend()
    libraries = tuple(_library_status(name) for name in _builder.LIBRARIES)
    if requested == "python":
        reason = f"{_binding.VARIABLE}=python asks for it"
        return OpsStatus("portable", requested, reason, backend, libraries)
    loaded = _binding.load_binding(backend)
    if not isinstance(loaded, ModuleType):
        if requested == "native":
            raise RuntimeError(_binding.native_message(loaded))
        reason = str(loaded)
        if backend in _binding.BACKENDS:
            reason += f"; to build for what is installed now: {_library.REBUILD_COMMAND}"
        return OpsStatus("portable", requested, reason, backend, libraries)
    kernels = _library.kernels()
    instruction_set = kernels.shiftadd_instruction_set().decode()
    threads = int(kernels.shiftadd_default_parallel().contents.threads)
    count = f"{threads} thread" if threads == 1 else f"{threads} threads"
    reason = f"{instruction_set}, {count}, bound to {backend}"
    return OpsStatus("compiled", requested, reason, backend, libraries, instruction_set, threads)


def _library_status(name: str) -> LibraryStatus:
    file = _library.library_folder() / _builder.library_file(name)
    problem = None
    try:
        _library.checked_file(name)
    except _library.CompiledOpsUnavailable as unavailable:
        problem = str(unavailable)
    return LibraryStatus(name, problem, _builder.read_manifest(file) or {})
