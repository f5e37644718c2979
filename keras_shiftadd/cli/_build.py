"""`keras-shiftadd build`."""

import argparse
from typing import Any

from keras_shiftadd.cli import _commands


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = _commands.add_command(
        commands,
        "build",
        _run,
        summary="compile the kernels for the frameworks that are installed",
        description=(
            "Compile the kernels, and their bindings to the TensorFlow and the JAX that are\n"
            "installed now. Needed when one of them was installed or upgraded after this package.\n"
            "What is up to date stays; what fails leaves the library that was there before.\n"
            "CXX, CXXFLAGS and LDFLAGS are read from the environment."
        ),
        example="  CXX=clang++ keras-shiftadd build --force",
    )
    parser.add_argument("--force", action="store_true", help="compile what is up to date, too")


def _run(options: argparse.Namespace) -> int:
    from keras_shiftadd.custom_ops import _builder

    outcomes = _builder.build(force=options.force)
    _builder.report(outcomes)
    return _builder.exit_status(outcomes)
