"""`keras-shiftadd export`."""

import argparse
from pathlib import Path
from typing import Any

from keras_shiftadd.cli import _arrays, _commands


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = _commands.add_command(
        commands,
        "export",
        _run,
        summary="turn a model into an int8 file for microcontrollers",
        description=(
            "Turn a saved model into a .tflite file of int8 arithmetic and builtin operators, and\n"
            "report its size and how well it agrees with the float model."
        ),
        example=(
            "  keras-shiftadd export gestures.keras --to tflite --calibration windows.npy\n"
            "  keras-shiftadd export gestures.keras --to tflite --calibration data.npz \\\n"
            "      --evaluation test.npz --labels test.npz --output firmware/gestures.tflite"
        ),
    )
    parser.add_argument("model", metavar="MODEL.keras", help="file that model.save wrote")
    parser.add_argument("--to", choices=("tflite",), required=True, help="the kind of file")
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        required=True,
        help="some hundred typical inputs, from which the ranges of all values are measured: a "
        ".npy file, or a .npz file with an array 'x' (or a single array)",
    )
    parser.add_argument(
        "--labels",
        metavar="FILE",
        help="class numbers, to report the accuracy before and after: a .npy file, or a .npz file "
        "with an array 'y' (or a single array)",
    )
    parser.add_argument(
        "--evaluation",
        metavar="FILE",
        help="inputs on which model and file are compared, and which the labels belong to "
        "(default: the calibration inputs); a file like that of --calibration",
    )
    parser.add_argument(
        "--output",
        metavar="FILE",
        help="the file to write (default: MODEL.tflite beside the model)",
    )


def _run(options: argparse.Namespace) -> int:
    calibration = _arrays.load_array(options.calibration, "x", "--calibration")
    labels = evaluation = None
    if options.evaluation is not None:
        evaluation = _arrays.load_array(options.evaluation, "x", "--evaluation")
    if options.labels is not None:
        labels = _arrays.load_array(options.labels, "y", "--labels")
    output = options.output or Path(options.model).with_suffix(".tflite")

    from keras_shiftadd.export import to_tflite
    from keras_shiftadd.saving import load_model

    model = load_model(options.model, compile=False)
    print(to_tflite(model, output, calibration, labels=labels, evaluation_data=evaluation))
    return 0
