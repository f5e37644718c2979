"""`keras-shiftadd audit`."""

import argparse
import sys
from typing import Any

from keras_shiftadd.cli import _commands


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = _commands.add_command(
        commands,
        "audit",
        _run,
        summary="list the operators of a .tflite file and the multiplications that they do",
        description=(
            "List every operator of a .tflite file with the multiplications that it performs. It\n"
            "reads the file that ships, whoever wrote it."
        ),
        example=(
            "  keras-shiftadd audit gestures.tflite\n"
            "  keras-shiftadd audit gestures.tflite --assert-multiplication-free && echo none"
        ),
    )
    parser.add_argument("file", metavar="FILE.tflite", help="the file to read")
    parser.add_argument(
        "--assert-multiplication-free",
        action="store_true",
        help="exit with status 1 if the file multiplies data by weights or by data, or has an "
        "operator that is not known",
    )
    parser.add_argument(
        "--allow-powers-of-two",
        action="store_true",
        help="with --assert-multiplication-free: let operators pass whose stored kernel has only "
        "zeros and powers of two (shift layers; shifts would do, but stock runtimes multiply)",
    )
    parser.add_argument(
        "--forbid-scaling",
        action="store_true",
        help="with --assert-multiplication-free: also forbid multiplications by a constant for "
        "each channel, functions of one number, and the rescaling of int8 results",
    )


def _run(options: argparse.Namespace) -> int:
    from keras_shiftadd.export import MultiplicationFound, audit

    report = audit(options.file)
    print(report)
    if options.assert_multiplication_free:
        try:
            report.assert_multiplication_free(
                allow_scaling=not options.forbid_scaling,
                allow_powers_of_two=options.allow_powers_of_two,
            )
        except MultiplicationFound as error:
            print(f"keras-shiftadd: {error}", file=sys.stderr)
            return 1
    return 0
