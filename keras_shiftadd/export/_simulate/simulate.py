"""Runs the C of a network on an emulated processor."""

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import numpy as np

from keras_shiftadd.export._simulate.cmsis import Cmsis
from keras_shiftadd.export._simulate.compilation import COMPILERS, Compiler
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.firmware_folder import (
    INVOKE,
    End,
    FirmwareFolder,
    layer_functions,
    read_folder,
)
from keras_shiftadd.export._simulate.host import HostMachine
from keras_shiftadd.export._simulate.machine import Machine
from keras_shiftadd.export._simulate.qemu import run_in_qemu
from keras_shiftadd.export._simulate.simulation import Simulation
from keras_shiftadd.export._targets import Core, find_target

Engine = Literal["unicorn", "qemu"]
_DEFAULT_COMPILERS: dict[Engine, Compiler] = {"unicorn": "zig", "qemu": "gcc"}


def simulate(
    folder: str | os.PathLike[str],
    target: str,
    inputs: Any,
    engine: Engine = "unicorn",
    compiler: Compiler | None = None,
    cmsis: tuple[str | os.PathLike[str], str | os.PathLike[str]] | None = None,
) -> Simulation:
    """Compiles the C of a network for a processor, runs it in an emulator, and counts instructions.

    The counts are exact and the same in every run. They are instructions, not cycles: a load or a
    taken branch takes more than one on most processors.

    Args:
        folder: What `to_c` wrote.
        target: `"cortex-m4"`, `"cortex-m7"`, `"cortex-m33"`, `"cortex-m0"`, `"rv32i"` or
            `"rv32im"`. With `"x86"` or `"portable"` it runs on this machine, and nothing is
            counted.
        inputs: Array `(samples, *shape)`: int8 numbers as they are, or float numbers as the model
            takes them.
        engine: `"unicorn"` needs the packages unicorn and ziglang alone. `"qemu"` needs Debian's
            QEMU and a C compiler, and is an independent witness: for the same program both give
            the same outputs and counts.
        compiler: `"zig"` (clang, from the package ziglang) or `"gcc"` (Debian's cross compilers).
            By default zig for Unicorn and gcc for QEMU.
        cmsis: The folders of CMSIS-NN and CMSIS-Core, for what `to_c(convolutions="cmsis-nn")`
            wrote.

    Returns:
        A `Simulation` with outputs and counts; print it for a table.

    Raises:
        ValueError: If an argument does not fit.
        FileNotFoundError: If the folder is not one that `to_c` wrote, or a program or CMSIS-NN is
            missing.
        ImportError: If a package is missing.
        RuntimeError: If the C does not compile or does not run to its end.

    Example:

    >>> simulation = keras_shiftadd.export.simulate("firmware", "cortex-m4", x_test[:10])
    >>> print(simulation)
    """
    if engine not in _DEFAULT_COMPILERS:
        raise ValueError(
            f"`engine` must be one of {', '.join(_DEFAULT_COMPILERS)}. Received: {engine!r}."
        )
    if compiler is not None and compiler not in COMPILERS:
        raise ValueError(
            f"`compiler` must be one of {', '.join(COMPILERS)}. Received: {compiler!r}."
        )
    core = find_target(target).core
    firmware = read_folder(Path(folder).absolute())
    library = None if cmsis is None else Cmsis(*(Path(path).absolute() for path in cmsis))
    if firmware.calls_cmsis_nn and library is None and core is not None:
        raise ValueError(
            f"A network on CMSIS-NN needs `cmsis`, the folders of CMSIS-NN and CMSIS-Core. "
            f"Received: {str(folder)!r} and cmsis=None."
        )
    samples = _int8_samples(inputs, firmware.input)
    with tempfile.TemporaryDirectory() as temporary:
        where = Path(temporary)
        if core is None:
            return _on_host(firmware, target, samples, where)
        used = compiler or _DEFAULT_COMPILERS[engine]
        file = where / "firmware.elf"
        program = firmware.compile_for(core, file, used, cmsis=library)
        stages = layer_functions(program)
        stack = None
        if engine == "unicorn":
            outputs, counts, stack = _in_unicorn(firmware, program, core, stages, samples)
        else:
            run = run_in_qemu(program, file, core, [INVOKE, *stages], samples.tobytes())
            outputs, counts = run.outputs, run.counts
    means = counts.mean(axis=0)
    return Simulation(
        target=target,
        engine=engine,
        compiler=used,
        outputs=np.frombuffer(outputs, np.int8).reshape(-1, *firmware.output.shape),
        instructions_per_sample=tuple(map(int, counts.sum(axis=1))),
        instructions_per_layer=dict(zip([INVOKE, *stages], map(float, means), strict=True)),
        stack_bytes=stack,
        flash_bytes=program.bytes_in(".text", ".rodata", ".data"),
        ram_bytes=_static_bytes(program),
    )


def _int8_samples(inputs: Any, end: End) -> np.ndarray:
    array = np.asarray(inputs)
    if end.shape[0] == 1 and array.shape[1:] == end.shape[1:]:
        array = array.reshape(len(array), *end.shape)  # a sequence is an image of one row
    if array.shape[1:] != end.shape or array.ndim == 0 or len(array) == 0:
        raise ValueError(
            f"`inputs` must have the shape (samples, {', '.join(map(str, end.shape))}) with at "
            f"least one sample. Received: shape {array.shape}."
        )
    if array.dtype == np.int8:
        return np.ascontiguousarray(array)
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise ValueError(
            "`inputs` must be int8 numbers, or finite float numbers as the model takes them. "
            f"Received: dtype {array.dtype}."
        )
    return end.quantization.quantize(array)


def _on_host(firmware: FirmwareFolder, target: str, samples: np.ndarray, where: Path) -> Simulation:
    library = where / "firmware.so"
    firmware.compile_for_host(library)
    machine = HostMachine(library)
    x, y = machine.place(bytes(firmware.input.size)), machine.place(bytes(firmware.output.size))
    outputs = []
    for sample in samples:
        machine.write(x, sample.tobytes())
        machine.call(INVOKE, x, y)
        outputs.append(np.frombuffer(machine.read(y, firmware.output.size), np.int8))
    return Simulation(
        target=target,
        engine="host",
        compiler="the C compiler of this machine",
        outputs=np.stack(outputs).reshape(-1, *firmware.output.shape),
    )


def _in_unicorn(
    firmware: FirmwareFolder, program: Elf, core: Core, stages: list[str], samples: np.ndarray
) -> tuple[bytes, np.ndarray, int]:
    """Outputs, instructions `(samples, 1 + layers)`, and the largest stack."""
    machine = Machine(program, core, stages)
    x, y = machine.place(bytes(firmware.input.size)), machine.place(bytes(firmware.output.size))
    outputs, counts, stack = [], [], 0
    for sample in samples:
        machine.write(x, sample.tobytes())
        execution = machine.call(INVOKE, x, y)
        outputs.append(machine.read(y, firmware.output.size))
        counts.append([execution.by_stage[stage] for stage in ("", *stages)])
        stack = max(stack, execution.stack)
    return b"".join(outputs), np.array(counts, np.int64), stack


def _static_bytes(program: Elf) -> int:
    """Static memory without the buffers of main.c."""
    own = (program.variables[f"simulation_{end}"].size for end in ("input", "output"))
    return program.bytes_in(".bss", ".data") - sum(own)
