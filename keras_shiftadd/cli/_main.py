"""Arguments, errors and exit status of the command."""

import argparse
import sys
import traceback
from collections.abc import Sequence

from keras_shiftadd._version import __version__
from keras_shiftadd.cli import _audit, _build, _export, _search, _simulate, _status, _summary

PROGRAM = "keras-shiftadd"

_DESCRIPTION = """\
Keras models without multiplications: what they cost, and their way to a microcontroller.
"""
_EPILOG = """\
examples:
  keras-shiftadd summary gestures.keras
  keras-shiftadd export gestures.keras --to tflite --calibration windows.npy
  keras-shiftadd export gestures.keras --to c --target cortex-m4 --calibration windows.npy
  keras-shiftadd simulate gestures_c --target cortex-m4 --inputs windows.npy
  keras-shiftadd audit gestures.tflite --assert-multiplication-free
  keras-shiftadd search --workers 4 search.py
  keras-shiftadd status
  keras-shiftadd build

'keras-shiftadd COMMAND --help' explains a command.
exit status: 0 done; 1 a check that was asked for, a build or a search failed; 2 bad usage or input.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command `keras-shiftadd`.

    Args:
        arguments: the words after the command's name; `None` takes those of the process.

    Returns:
        The exit status: 0 done, 1 a check that was asked for, a build or a search failed, 2 bad
        input.

    Raises:
        SystemExit: after `--help` and `--version` (0) and on bad usage (2), as argparse does.

    Example:

    >>> main(["summary", "model.keras"])
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except KeyboardInterrupt:
        return 130
    except (ImportError, OSError, RuntimeError, TypeError, ValueError) as error:
        if options.traceback:
            traceback.print_exc()
        message = " ".join(str(error).split()) or type(error).__name__
        print(f"{PROGRAM}: error: {message}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"{PROGRAM} {__version__}")
    parser.add_argument(
        "--traceback", action="store_true", help="show where in the code an error arose"
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in (_summary, _export, _audit, _simulate, _search, _status, _build):
        command.add_command(commands)
    return parser
