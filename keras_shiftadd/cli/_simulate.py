"""`keras-shiftadd simulate`."""

import argparse
from typing import Any

from keras_shiftadd.cli import _arrays, _commands


def add_command(commands: Any) -> None:
    """Adds the command to the parser."""
    parser = _commands.add_command(
        commands,
        "simulate",
        _run,
        summary="run exported C on an emulated processor and count its instructions",
        description=(
            "Compile a folder that 'export --to c' wrote for a processor, run it in an emulator,\n"
            "and print the instructions of each layer. Needs the packages ziglang and unicorn."
        ),
        example=(
            "  keras-shiftadd simulate gestures_c --target cortex-m4 --inputs windows.npy\n"
            "  keras-shiftadd simulate gestures_c --target rv32i --inputs windows.npy \\\n"
            "      --engine qemu --outputs outputs.npy"
        ),
    )
    parser.add_argument("folder", metavar="FOLDER", help="what 'export --to c' wrote")
    parser.add_argument(
        "--target", metavar="NAME", required=True, help="the processor, such as cortex-m4 or rv32i"
    )
    parser.add_argument(
        "--inputs",
        metavar="FILE",
        required=True,
        help="inputs, int8 or float: a .npy file, or a .npz file with an array 'x' (or a single "
        "array)",
    )
    parser.add_argument(
        "--engine", choices=("unicorn", "qemu"), default="unicorn", help="default: unicorn"
    )
    parser.add_argument(
        "--compiler", choices=("zig", "gcc"), help="default: zig, and gcc for --engine qemu"
    )
    parser.add_argument(
        "--cmsis",
        metavar="FOLDER",
        nargs=2,
        help="the folders of CMSIS-NN and CMSIS-Core, for what '--convolutions cmsis-nn' wrote",
    )
    parser.add_argument("--outputs", metavar="FILE.npy", help="write the int8 outputs there")


def _run(options: argparse.Namespace) -> int:
    inputs = _arrays.load_array(options.inputs, "x", "--inputs")

    import numpy as np

    from keras_shiftadd._whole_file import written_whole
    from keras_shiftadd.export import simulate

    result = simulate(
        options.folder,
        options.target,
        inputs,
        engine=options.engine,
        compiler=options.compiler,
        cmsis=options.cmsis,
    )
    if options.outputs is not None:
        with written_whole(options.outputs) as file, file.open("wb") as stream:
            np.save(stream, result.outputs)
    print(result)
    return 0
