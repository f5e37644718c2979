"""`keras-shiftadd summary`."""

import argparse
import json
from typing import Any

from keras_shiftadd.cli import _commands


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = _commands.add_command(
        commands,
        "summary",
        _run,
        summary="operations, size, energy and memory of a model, layer by layer",
        description=(
            "Print what each layer of a saved model does at inference (multiplications,\n"
            "additions, shifts), its size, its energy or its instructions on a target, and the\n"
            "RAM of its activations, beside the same architecture with ordinary convolutions."
        ),
        example=(
            "  keras-shiftadd summary gestures.keras\n"
            "  keras-shiftadd summary gestures.keras --target cortex-m4\n"
            "  keras-shiftadd summary gestures.keras --bits 16 --json > gestures.json"
        ),
    )
    parser.add_argument("model", metavar="MODEL.keras", help="file that model.save wrote")
    parser.add_argument(
        "--bits",
        type=int,
        choices=(8, 16, 32),
        default=8,
        help="word length of the network (default: 8); kernels of shift layers have their own",
    )
    parser.add_argument(
        "--accounting",
        choices=("fair", "paper"),
        default="fair",
        help="fair: all operations that are done (default); paper: as the papers charge them, "
        "without accumulation and with depthwise layers as dense ones",
    )
    parser.add_argument(
        "--target",
        metavar="NAME",
        default="asic-45nm",
        help="hardware: asic-45nm (default), asic-45nm-arithmetic or fpga-zc706 for energies; "
        "cortex-m4, cortex-m0 or rv32i for executed instructions",
    )
    parser.add_argument(
        "--input-shape",
        metavar="SIZES",
        type=_sizes,
        action="append",
        help="input sizes without the batch dimension, such as 96,96,3, where the model leaves "
        "them open; once for each input",
    )
    parser.add_argument("--json", action="store_true", help="print the exact figures as JSON")


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(
            f"sizes are positive integers with commas between, such as 96,96,3; received {text!r}"
        )
    return sizes


def _run(options: argparse.Namespace) -> int:
    from keras_shiftadd.cost import summary
    from keras_shiftadd.saving import load_model

    result = summary(
        load_model(options.model, compile=False),
        bits=options.bits,
        accounting=options.accounting,
        input_shape=options.input_shape,
        verbose=False,
        target=options.target,
    )
    print(json.dumps(result.to_dict(), indent=2) if options.json else result)
    return 0
