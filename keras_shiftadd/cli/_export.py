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
        summary="turn a model into an int8 file, or C source, for microcontrollers",
        description=(
            "Turn a saved model into a .tflite file of int8 arithmetic, and\n"
            "report its size and how well it agrees with the float model; or into a folder of C\n"
            "source, and report the memory that it takes on a processor."
        ),
        example=(
            "  keras-shiftadd export gestures.keras --to tflite --calibration windows.npy\n"
            "  keras-shiftadd export gestures.keras --to tflite --calibration data.npz \\\n"
            "      --evaluation test.npz --labels test.npz --output firmware/gestures.tflite\n"
            "  keras-shiftadd export gestures.keras --to c --target cortex-m4 \\\n"
            "      --calibration windows.npy --ram-budget 65536"
        ),
    )
    parser.set_defaults(usage_error=parser.error)
    parser.add_argument(
        "model",
        metavar="MODEL",
        help="file that model.save wrote; for C also an int8 .tflite file",
    )
    parser.add_argument("--to", choices=("tflite", "c"), required=True, help="what to write")
    parser.add_argument(
        "--calibration",
        metavar="FILE",
        help="some hundred typical inputs, from which the ranges of all values are measured: a "
        ".npy file, or a .npz file with an array 'x' (or a single array); needed for .keras files",
    )
    parser.add_argument(
        "--kernels",
        choices=("builtin", "custom"),
        help="for .tflite: whether shift and adder layers are made of builtin operators, which "
        "every runtime has (default), or are operators that shift and subtract",
    )
    parser.add_argument(
        "--target", metavar="NAME", help="for C: the processor, such as cortex-m4 or rv32i"
    )
    for what in ("ram", "flash"):
        parser.add_argument(
            f"--{what}-budget",
            metavar="BYTES",
            type=int,
            help=f"for C: how much {what.upper() if what == 'ram' else what} the network may take",
        )
    parser.add_argument(
        "--convolutions",
        choices=("own", "cmsis-nn"),
        help="for C: whether multiplicative layers run on the kernels of this package (default) or "
        "on your copy of CMSIS-NN",
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
        help="the file or folder to write (default: MODEL.tflite or MODEL_c beside the model)",
    )


def _run(options: argparse.Namespace) -> int:
    for name in _OF_TFLITE if options.to == "c" else _OF_C:
        if getattr(options, name) is not None:
            option = f"--{name.replace('_', '-')}"
            options.usage_error(f"{option} does not go with --to {options.to}")
    calibration = None
    if options.calibration is not None:
        calibration = _arrays.load_array(options.calibration, "x", "--calibration")
    elif options.to == "tflite" or not options.model.endswith(".tflite"):
        options.usage_error("a .keras file needs --calibration, a file of typical inputs")
    return _to_c(options, calibration) if options.to == "c" else _to_tflite(options, calibration)


_OF_TFLITE = ("kernels", "labels", "evaluation")
_OF_C = ("target", "ram_budget", "flash_budget", "convolutions")


def _to_tflite(options: argparse.Namespace, calibration: Any) -> int:
    labels = evaluation = None
    if options.evaluation is not None:
        evaluation = _arrays.load_array(options.evaluation, "x", "--evaluation")
    if options.labels is not None:
        labels = _arrays.load_array(options.labels, "y", "--labels")
    output = options.output or Path(options.model).with_suffix(".tflite")

    from keras_shiftadd.export import to_tflite
    from keras_shiftadd.saving import load_model

    model = load_model(options.model, compile=False)
    report = to_tflite(
        model,
        output,
        calibration,
        labels=labels,
        evaluation_data=evaluation,
        kernels=options.kernels or "builtin",
    )
    print(report)
    return 0


def _to_c(options: argparse.Namespace, calibration: Any) -> int:
    path = Path(options.model)
    output = options.output or path.with_name(f"{path.stem}_c")

    from keras_shiftadd.export import to_c
    from keras_shiftadd.saving import load_model

    model = path if path.suffix == ".tflite" else load_model(path, compile=False)
    report = to_c(
        model,
        output,
        target=options.target or "portable",
        calibration_data=calibration,
        ram_budget=options.ram_budget,
        flash_budget=options.flash_budget,
        convolutions=options.convolutions or "own",
    )
    print(report)
    return 0
