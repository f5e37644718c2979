"""Runs a program in QEMU and counts what it executes, with a plugin that is compiled here."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_shiftadd.export._simulate.compilation import run_compiler
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.machine import SimulationError
from keras_shiftadd.export._simulate.tools import find_program, host_compiler
from keras_shiftadd.export._targets import Core

_PLUGIN = Path(__file__).with_name("counting_plugin.c")
_QUIET = ("-display", "none", "-serial", "none", "-monitor", "none")
_SECONDS = 600


@dataclass(frozen=True)
class QemuRun:
    """What a program did in QEMU.

    Args:
        outputs: Bytes that it wrote.
        counts: int64 array `(inferences, stages)` of executed instructions.
    """

    outputs: bytes
    counts: np.ndarray


def run_in_qemu(
    program: Elf, file: Path, core: Core, stages: Sequence[str], inputs: bytes
) -> QemuRun:
    """Runs a program that reads inputs.bin and writes outputs.bin.

    Args:
        program: What was compiled.
        file: Where it lies, in a folder that is written to.
        core: The processor.
        stages: Functions whose entry begins a stage; that of the first one an inference, which
            ends at the return to `main`.
        inputs: The content of inputs.bin.

    Returns:
        A `QemuRun`.

    Raises:
        FileNotFoundError: If QEMU or a C compiler is missing.
        SimulationError: If the program did not run to its end.
    """
    emulator = find_program(core.qemu[0])
    folder = file.parent
    plugin = folder / "counting_plugin.so"
    run_compiler([*host_compiler(), "-O2", "-shared", "-fPIC", str(_PLUGIN), "-o", str(plugin)])
    (folder / "inputs.bin").write_bytes(inputs)
    main = program.functions["main"]
    arguments = [
        f"out={folder / 'counts.txt'}",
        f"main={main.address:x}:{main.address + main.size:x}",
        *(f"stage={program.functions[name].address:x}" for name in stages),
    ]
    command = [
        emulator,
        *core.qemu[1:],
        *_QUIET,
        "-semihosting-config",
        "enable=on,target=native",
        "-kernel",
        str(file),
        "-plugin",
        ",".join([str(plugin), *arguments]),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        raise SimulationError(
            f"The program must end. It still ran in {core.qemu[0]} after {_SECONDS} seconds."
        ) from error
    written = folder / "outputs.bin"
    if done.returncode != 0 or not written.exists():
        raise SimulationError(
            f"The program must run to its end in {core.qemu[0]}, which ended with status "
            f"{done.returncode}: {done.stdout.strip()[-500:]}"
        )
    lines = (folder / "counts.txt").read_text().splitlines()
    counts = np.array([[int(n) for n in line.split()] for line in lines], np.int64)
    return QemuRun(written.read_bytes(), counts.reshape(len(lines), len(stages)))
