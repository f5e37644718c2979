"""`keras-shiftadd status`."""

import argparse
import sys
from importlib import metadata
from typing import Any

from keras_shiftadd._version import __version__
from keras_shiftadd.cli import _commands

# Distribution, and what it is for.
_OPTIONAL = (
    ("tensorflow", "backend"),
    ("jax", "backend"),
    ("torch", "backend"),
    ("ai-edge-litert", "export, and running .tflite files"),
    ("tflite-micro", "running .tflite files as a microcontroller does"),
    ("tensorflow-model-optimization", "compression"),
    ("tf-keras", "compression"),
    ("matplotlib", "plots of the examples"),
    ("seglearn", "data of the examples"),
)


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    _commands.add_command(
        commands,
        "status",
        _run,
        summary="versions, backend, form of the operations, optional packages",
        description=(
            "Print the versions of Python and of the packages in use, Keras' backend, which form\n"
            "of the operations is active and why, what the compiled kernels were built from and\n"
            "with, and which optional packages are installed.\n"
            "The output belongs into a report of a fault."
        ),
        example="  KERAS_BACKEND=jax keras-shiftadd status",
    )


def _run(options: argparse.Namespace) -> int:
    import keras

    from keras_shiftadd.custom_ops import status

    form = status()
    lines = [
        ("keras_shiftadd", __version__),
        ("python", ".".join(map(str, sys.version_info[:3]))),
        ("keras", keras.__version__),
        ("backend", keras.config.backend()),
        ("numpy", _version("numpy") or "not installed"),
        ("operations", str(form)),
    ]
    width = max(len(name) for name, _ in (*lines, *_OPTIONAL))
    for name, value in lines:
        print(f"{name:{width}}  {value}")
    print("compiled:")
    for library in form.libraries:
        print(f"{library.name:{width}}  {library.problem or 'fits this package'}")
        for key, value in library.manifest.items():
            if key != "library":
                print(f"  {key}: {_text(value)}")
    print("optional:")
    for name, purpose in _OPTIONAL:
        print(f"{name:{width}}  {_version(name) or 'not installed'} ({purpose})")
    return 0


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{key} {item}" for key, item in value.items())
    return str(value)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None
