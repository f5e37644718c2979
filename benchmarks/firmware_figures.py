"""Measures code and executed instructions of the microcontroller kernels on each processor.

    python benchmarks/firmware_figures.py            # prints how well the instructions fit
    python benchmarks/firmware_figures.py --write    # writes the table that `to_c` chooses by
    python benchmarks/firmware_figures.py --write --kernels conv_dsp    # others stay as they are

Instructions are fitted, for each kernel, operator and processor, to a line in what
`figures.features` names, over convolutions of different shapes.
"""

import argparse
import itertools
import json
import pathlib
import tempfile
from typing import Any

import machine
import numpy as np
from least_squares import nonnegative_fit
from micro_cmsis import cmsis_folders

from keras_shiftadd.export._c import figures
from keras_shiftadd.export._c.kernel_files import CMSIS_NN_FOLDER, KERNEL_FOLDER
from keras_shiftadd.export._c.kernels import CMSIS_NN, KERNELS, Kernel
from keras_shiftadd.export._c.program import make_program
from keras_shiftadd.export._c.write_source import write_constants, write_header, write_model
from keras_shiftadd.export._integer.model import IntegerModel, Tensor
from keras_shiftadd.export._integer.operators import Convolution, Requantization
from keras_shiftadd.export._integer.windows import output_size
from keras_shiftadd.export._quantization import Quantization
from keras_shiftadd.export._simulate.compilation import compile_program
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.kernel_call import call_kernel
from keras_shiftadd.export._simulate.machine import Machine
from keras_shiftadd.export._targets import TARGETS, Core

OTHERS = (
    "add",
    "adder_matmul",
    "average_pool",
    "concatenate",
    "lookup",
    "matmul",
    "max_pool",
    "mean",
    "multiply",
    "pad",
    "repeat",
    "softmax",
    "transpose",
)
ALL = (*KERNELS, CMSIS_NN.name, *OTHERS)
# Rows and columns, window, channels, filters, groups.
SHAPES = (
    ((8, 8), (3, 3), 8, 8, 1),
    ((8, 8), (1, 1), 16, 16, 1),
    ((6, 6), (3, 3), 16, 4, 1),
    ((8, 8), (1, 1), 8, 32, 1),
    ((7, 7), (5, 5), 4, 8, 1),
    ((4, 4), (3, 3), 32, 16, 1),
    ((1, 1), (1, 1), 64, 12, 1),
    ((8, 8), (3, 3), 16, 16, 16),
    ((6, 6), (3, 3), 8, 8, 8),
    ((6, 6), (3, 3), 8, 8, 2),
)
# Shifts of the requantisation: the one that DSP cores do in two instructions, and another.
FAST, GENERAL = 32, 33
PADS = {1: (0, 0), 3: (1, 1), 5: (2, 2)}


def convolution(
    rng: np.random.Generator,
    operator: str,
    shape: tuple,
    shift: int = FAST,
    rounding: Any = "single",
) -> IntegerModel:
    """A network of one convolution with random weights."""
    size, window, channels, filters, groups = shape
    kernel = rng.integers(-127, 128, (*window, channels // groups, filters))
    if operator == "shift":
        kernel = rng.choice([-1, 1], kernel.shape) * 2 ** rng.integers(0, 7, kernel.shape)
    pads = (PADS[window[0]], PADS[window[1]])
    multiplier = rng.integers(2**20, 2**24, filters).astype(np.int32)
    requantization = Requantization(multiplier, np.full(filters, shift, np.int32), 3, rounding)
    made = Convolution(
        "layer", operator, (0,), 1, kernel.astype(np.int8), np.zeros(filters, np.int32),
        requantization, np.ones(filters), groups, pads=pads,
    )  # fmt: skip
    out = output_size(size, window, (1, 1), (1, 1), pads)
    tensors = (
        Tensor("x", (*size, channels), Quantization(1.0, 5)),
        Tensor("y", (*out, filters), Quantization(1.0, 3)),
    )
    return IntegerModel("network", tensors, (made,), 0, 1)


def run(processor: Machine, kernel: Kernel, model: IntegerModel, rng: np.random.Generator) -> int:
    """Instructions of a kernel on random inputs."""
    x = rng.integers(-128, 128, model.tensors[0].size).astype(np.int8)
    return call_kernel(processor, kernel, model, x)[1].instructions


def code(program: Elf, kernel: str) -> dict[str, int]:
    """Bytes of the functions and tables of a program, by name; one name an address."""
    sizes: dict[int, tuple[str, int]] = {}
    for symbol in (*program.functions.values(), *program.variables.values()):
        library = symbol.name.startswith(("compiler_rt", "__", "mem"))
        name = symbol.name if symbol.shared or library else f"{kernel}.{symbol.name}"
        sizes[symbol.address] = min(
            sizes.get(symbol.address, (name, symbol.size)), (name, symbol.size)
        )
    return {name: size for name, size in sizes.values() if size}


def fit(rows: list[tuple[float, ...]], counts: list[int]) -> tuple[list[float], float]:
    """Factors that are not negative, with the least relative error, and the largest of these."""
    matrix, values = np.array(rows), np.array(counts, float)
    result = nonnegative_fit(matrix, values)
    return [float(f"{f:.4g}") for f in result], float(np.abs(matrix @ result / values - 1).max())


def layer_code(core: Core, numbers: figures.Figures, folder: pathlib.Path) -> int:
    """Bytes of code of a layer of the generated C beside its kernel."""
    rng = np.random.default_rng(0)
    shape = ((4, 4), (1, 1), 4, 4, 1)
    one = convolution(rng, "conv", shape)
    count = 4
    operators = tuple(
        Convolution(
            **{**vars(one.operators[0]), "name": f"layer_{i}", "inputs": (i,), "output": i + 1}
        )
        for i in range(count)
    )
    tensors = tuple(Tensor(f"t{i}", (4, 4, 4), Quantization(1.0, 5)) for i in range(count + 1))
    program = make_program(IntegerModel("network", tensors, operators, 0, count), numbers)
    for name, write in (
        ("model.h", write_header),
        ("model.c", write_model),
        ("model_constants.h", write_constants),
    ):
        (folder / name).write_text(write(program))
    sources = [folder / "model.c", *sorted(KERNEL_FOLDER.glob("*.c"))]
    elf = compile_program(
        sources, core, folder / "m.elf", ["model_invoke"], include=[KERNEL_FOLDER]
    )
    own = [f.size for n, f in elf.functions.items() if n.startswith(("layer_", "model_invoke"))]
    return -(-sum(own) // count)


def cmsis_nn_program(core: Core, folder: pathlib.Path) -> Elf | None:
    """The kernel that calls CMSIS-NN; None where that does not run."""
    if core.instruction_set != "thumb":
        return None
    try:
        nn, headers = cmsis_folders()
    except ImportError as error:
        print(error)
        return None
    return compile_program(
        [CMSIS_NN_FOLDER / f"{CMSIS_NN.name}.c", *sorted((nn / "Source").glob("*/*.c"))],
        core,
        folder / "cmsis.elf",
        [CMSIS_NN.function],
        flags=("-std=gnu99", "-w"),
        include=[KERNEL_FOLDER, nn / "Include", headers / "Include"],
    )


def measure_kernel(
    core: Core, program: Elf, kernel: Kernel, name: str, rng: np.random.Generator, result: dict
) -> None:
    """Code and instructions of a kernel on a processor."""
    result["code"][kernel.name] = code(program, kernel.name)
    processor = Machine(program, core)
    result["instructions"][kernel.name] = {}
    rounding = "double" if kernel is CMSIS_NN else "single"
    for operator in sorted(kernel.operators):
        rows, counts = [], []
        for shape, shift in itertools.product(SHAPES, (FAST, GENERAL)):
            model = convolution(rng, operator, shape, shift, rounding)
            (made,) = model.operators
            if kernel.takes(made):
                rows.append(figures.features(kernel, made, model.tensors[1]))
                counts.append(run(processor, kernel, model, rng))
        factors, error = fit(rows, counts)
        result["instructions"][kernel.name][operator] = factors
        title = f"{name:<11} {kernel.name:<20} {operator:<6}"
        print(f"{title} {factors}  largest error {error:.0%}", flush=True)


def measure(core: Core, folder: pathlib.Path, name: str, kernels: list[str], result: dict) -> None:
    """The figures of a processor, for some of the kernels."""
    rng = np.random.default_rng(0)
    sources = sorted(KERNEL_FOLDER.glob("*.c"))
    for kernel in (KERNELS[name] for name in kernels if name in KERNELS):
        program = compile_program(
            sources, core, folder / f"{kernel.name}.elf", [kernel.function], include=[KERNEL_FOLDER]
        )
        measure_kernel(core, program, kernel, name, rng, result)
    if CMSIS_NN.name in kernels:
        found = cmsis_nn_program(core, folder)
        if found is not None:
            measure_kernel(core, found, CMSIS_NN, name, rng, result)
    for other in (name for name in OTHERS if name in kernels):
        program = compile_program(
            sources, core, folder / f"{other}.elf", [f"ksa_{other}"], include=[KERNEL_FOLDER]
        )
        result["code"][other] = code(program, other)
    numbers = figures.Figures(result["code"], result["instructions"], 0)
    result["layer_code"] = layer_code(core, numbers, folder)


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table of the package")
    parser.add_argument(
        "--kernels", nargs="+", choices=ALL, default=ALL, help="by default all that there are"
    )
    machine.add_json_argument(parser)
    options = parser.parse_args()
    results = json.loads(figures.FILE.read_text()) if figures.FILE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        for name, target in TARGETS.items():
            if target.core is not None:
                empty: dict = {"code": {}, "instructions": {}, "layer_code": 0}
                result = results.setdefault(name, empty)
                measure(target.core, pathlib.Path(folder), name, options.kernels, result)
                for part in ("code", "instructions"):
                    result[part] = {k: v for k, v in result[part].items() if k in ALL}
    machine.write(options.json, results)
    if options.write:
        figures.FILE.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
