"""The compiled libraries: finding them, checking that they fit, loading the kernels."""

import ctypes
import functools
import os
import pathlib
import sys
from collections.abc import Iterable

from keras_shiftadd._version import __version__
from keras_shiftadd.custom_ops import _builder
from keras_shiftadd.custom_ops._interface import ABI_VERSION, declare

# Of a binding: the version of the C interface that it was compiled for.
BINDING_VERSION = "shiftadd_binding_abi_version"
REBUILD_COMMAND = "keras-shiftadd build --force"
INSTRUCTION_SET_VARIABLE = "KERAS_SHIFTADD_INSTRUCTION_SET"
_INSTRUCTION_SETS = ("avx512", "avx2", "neon", "scalar")

_FOLDER = pathlib.Path(__file__).parent


class CompiledOpsUnavailable(RuntimeError):
    """The compiled kernels are there and cannot be used: they do not fit, or do not load."""


class CompiledOpsNotBuilt(CompiledOpsUnavailable):
    """The compiled kernels were never built, which is no fault."""


def library_folder() -> pathlib.Path:
    """The folder of the compiled libraries."""
    return _FOLDER / "_lib"


@functools.lru_cache(maxsize=1)
def kernels() -> ctypes.CDLL:
    """Loads the kernels.

    Returns:
        The library, its functions declared.

    Raises:
        CompiledOpsUnavailable: it is not there, does not fit this package, or does not load.
        ValueError: `KERAS_SHIFTADD_INSTRUCTION_SET` names a set that is not available.
    """
    library = load_file(checked_file("kernels"), "shiftadd_abi_version")
    declare(library)
    _choose_instruction_set(library)
    return library


def checked_file(name: str) -> pathlib.Path:
    """The file of a library that was built from the sources of this package.

    Nothing is loaded.

    Args:
        name: `"kernels"`, `"tensorflow"`, `"jax"`, `"litert"` or `"tflite_micro"`.

    Returns:
        Its path.

    Raises:
        CompiledOpsUnavailable: it is not there, or does not fit.
    """
    folder = library_folder()
    file = folder / _builder.library_file(name)
    if not file.exists():
        reason = _builder.read_outcomes(folder).get(name, "nobody has built it yet")
        raise CompiledOpsNotBuilt(f"{file.name} was not built: {reason}")
    manifest = _builder.read_manifest(file)
    if manifest is None:
        raise CompiledOpsUnavailable(f"{file.name} is damaged: it has no manifest")
    if manifest.get("version") != __version__:
        raise CompiledOpsUnavailable(
            f"{file.name} was built for keras_shiftadd {manifest.get('version')}, this is "
            f"{__version__}"
        )
    _check_sources(name, file, str(manifest.get("sources")))
    _check_tensorflow(file, manifest.get("tensorflow"))
    return file


def load_file(file: pathlib.Path, version_function: str, names: Iterable[str] = ()) -> ctypes.CDLL:
    """Loads a library that fits this package.

    Args:
        file: Of the library.
        version_function: Name of its function that returns the version of the C interface.
        names: Of further functions that it must have.

    Returns:
        The library.

    Raises:
        CompiledOpsUnavailable: it does not load, lacks a function, or has another version.
    """
    try:
        library = ctypes.CDLL(str(file))
        version = getattr(library, version_function)()
        for name in names:
            getattr(library, name)
    except (OSError, AttributeError) as error:
        raise CompiledOpsUnavailable(f"{file.name} does not load: {error}") from None
    if version != ABI_VERSION:
        raise CompiledOpsUnavailable(
            f"{file.name} has version {version} of the C interface, this package needs version "
            f"{ABI_VERSION}"
        )
    return library


def binding_file(name: str) -> pathlib.Path:
    """The file of a binding that another program loads, checked to load and to fit the kernels.

    Args:
        name: `"litert"` or `"tflite_micro"`.

    Returns:
        Its path.

    Raises:
        RuntimeError: it cannot be used; the message says why and what to do.
        ValueError: `KERAS_SHIFTADD_INSTRUCTION_SET` names a set that is not available.
    """
    try:
        kernels()
        file = checked_file(name)
        load_file(file, BINDING_VERSION)
    except CompiledOpsUnavailable as unavailable:
        raise RuntimeError(
            f"Custom operators need compiled kernels, which cannot be used: {unavailable}. This "
            f"command builds them: {REBUILD_COMMAND}"
        ) from unavailable
    return file


def _check_sources(name: str, file: pathlib.Path, built: str) -> None:
    if not (_FOLDER / "kernels" / "shiftadd.h").exists():
        return  # An installation without sources has nothing that could differ.
    present = _builder.source_hash(_builder.LIBRARIES[name], _FOLDER)
    if built != present:
        raise CompiledOpsUnavailable(
            f"{file.name} was built from other sources (SHA-256 {built[:12]}) than those of this "
            f"package ({present[:12]})"
        )


def _check_tensorflow(file: pathlib.Path, built: str | None) -> None:
    """Minor versions share the C interface of TensorFlow; a library for another one may load."""
    tensorflow = sys.modules.get("tensorflow")
    present = getattr(tensorflow, "__version__", None)
    if built is None or present is None:
        return
    if built.partition(".")[0] not in (present.partition(".")[0], "unknown"):
        raise CompiledOpsUnavailable(
            f"{file.name} was built for TensorFlow {built}, this is TensorFlow {present}"
        )


def _choose_instruction_set(library: ctypes.CDLL) -> None:
    name = os.environ.get(INSTRUCTION_SET_VARIABLE)
    if name is None:
        return
    if name not in _INSTRUCTION_SETS:
        raise ValueError(
            f"The environment variable {INSTRUCTION_SET_VARIABLE} must be one of "
            f"{', '.join(_INSTRUCTION_SETS)}. Received: {INSTRUCTION_SET_VARIABLE}={name!r}"
        )
    if library.shiftadd_use_instruction_set(name.encode()) != 0:
        best = library.shiftadd_instruction_set().decode()
        raise ValueError(
            f"The environment variable {INSTRUCTION_SET_VARIABLE} must name an instruction set "
            f"that this processor and the compiled kernels have; the best one is {best}. "
            f"Received: {INSTRUCTION_SET_VARIABLE}={name!r}"
        )
