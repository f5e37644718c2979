"""A whole int8 network on CMSIS-NN, layer by layer, with the fastest function for each."""

import pathlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from micro_cmsis import SYMBOL, build_cmsis, cmsis_arguments, pooling_arguments
from micro_run import CMSIS

from keras_shiftadd.export import IntegerInterpreter, IntegerModel
from keras_shiftadd.export._integer.operators import Add, Convolution, Operator, Pooling, Reshape
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.machine import Machine
from keras_shiftadd.export._targets import Core, find_target


@dataclass(frozen=True)
class Count:
    """What a layer takes.

    Args:
        layer: Its name.
        function: The function and the compiler that take the fewest instructions.
        instructions: Theirs.
    """

    layer: str
    function: str
    instructions: int


def count_layers(
    model: IntegerModel, x: np.ndarray, target: str, ours: Mapping[str, float]
) -> list[Count]:
    """Counts each layer of a network on the tensors of one sample.

    Each convolution runs on what CMSIS-NN's own wrapper chooses and on `arm_convolve_s8`, compiled
    by clang and, where it is installed, by `arm-none-eabi-gcc`; the least counts. Dense layers have
    a multiplier a channel and run as 1x1 convolutions. Sums, whose function bakenn lacks, run on
    our kernel.

    Args:
        model: Convolutions rounded as TFLite does, average poolings, sums and reshapes.
        x: int8 array of one sample.
        target: The processor.
        ours: Instructions of our kernels, by C function.

    Raises:
        ImportError: bakenn is not installed.
        RuntimeError: Outputs are not those of the NumPy reference.
        TypeError: A layer is of another kind.
    """
    core = find_target(target).core
    assert core is not None
    values = list(IntegerInterpreter(model).tensors(x[None]).values())
    counts = []
    with tempfile.TemporaryDirectory() as folder:
        programs: dict[str, Elf] = {}
        for name, compiler in CMSIS.items():
            file = pathlib.Path(folder, f"{compiler}.elf")
            try:
                programs[name] = build_cmsis(core, file, compiler)
            except FileNotFoundError as error:
                print(f"{name}: {error}")
        for index, operator in enumerate(model.operators):
            if isinstance(operator, Reshape):
                continue
            if isinstance(operator, Add):
                own = next(n for f, n in ours.items() if f.startswith(f"layer_{index:02d}_"))
                counts.append(Count(operator.name, "our kernel", round(own)))
                continue
            counts.append(
                min(
                    (
                        Count(operator.name, f"{name}, {form}", done)
                        for name, program in programs.items()
                        for form, done in _forms(program, core, model, operator, values)
                    ),
                    key=lambda count: count.instructions,
                )
            )
    return counts


def _forms(
    program: Elf, core: Core, model: IntegerModel, operator: Operator, values: list[np.ndarray]
) -> list[tuple[str, int]]:
    """Functions that a layer can run on, and their instructions."""
    source, output = model.tensors[operator.inputs[0]], model.tensors[operator.output]
    x, expected = values[operator.inputs[0]], values[operator.output]
    found = []
    for form in ("wrapper", "arm_convolve_s8"):
        machine = Machine(program, core)
        match operator:
            case Convolution():
                direct = form == "arm_convolve_s8"
                if direct and operator.groups > 1:
                    continue
                _, layer = cmsis_arguments(machine, operator, source, output, direct)
            case Pooling(kind="average"):
                layer, form = pooling_arguments(machine, operator, source, output), "arm_avgpool_s8"
            case _:
                raise TypeError(
                    "CMSIS-NN must have a function for each layer. "
                    f"Received: {operator.name}, {type(operator).__name__}"
                )
        at, y = machine.place(x.tobytes()), machine.place(bytes(output.size))
        done = machine.call(SYMBOL, layer, at, y)
        if machine.read(y, output.size) != expected.tobytes():
            raise RuntimeError(
                "CMSIS-NN must have the bits of the reference. Received: others in "
                f"{operator.name}, {form}"
            )
        found.append((form, done.instructions))
    return found
