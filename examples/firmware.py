"""The last step of the demo: C for microcontrollers, run here and on emulated processors."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

import keras_shiftadd as ksa

# A core with instructions for sums of absolute differences, and one without a multiplier.
CORTEX, RISCV = "cortex-m4", "rv32i"
SAMPLES = 2


@dataclass(frozen=True)
class Firmware:
    """What one network is as firmware.

    Args:
        predicted: Classes of the test samples, by the C on this machine.
        cortex_instructions: Executed instructions of an inference on a Cortex-M4.
        riscv_instructions: The same on an rv32i.
        flash_bytes: Code and weights on the Cortex-M4, as compiled.
        ram_bytes: Arena, input, output and stack on the Cortex-M4.
    """

    predicted: np.ndarray
    cortex_instructions: float
    riscv_instructions: float
    flash_bytes: int
    ram_bytes: int


def build(
    model: keras.Model, calibration_data: np.ndarray, x_test: np.ndarray, folder: Path
) -> Firmware:
    """Writes C for both processors, runs it on this machine and in an emulator, and compares.

    Args:
        model: A trained model.
        calibration_data: Typical inputs.
        x_test: Inputs to run; two of them in the emulator.
        folder: The C is written to `folder` with the name of the processor appended.
    """
    network = ksa.export.quantize(
        model, calibration_data, conv_rounding="single", add_rounding="single"
    )
    folders = {t: folder.with_name(f"{folder.name}_{t}") for t in (CORTEX, RISCV)}
    reports = {
        target: ksa.export.to_c(network, path, target=target) for target, path in folders.items()
    }
    host = ksa.export.simulate(folders[CORTEX], "portable", x_test)
    emulated = {
        target: ksa.export.simulate(path, target, x_test[:SAMPLES])
        for target, path in folders.items()
    }
    for target, run in emulated.items():
        if not np.array_equal(run.outputs, host.outputs[:SAMPLES]):
            raise RuntimeError(
                f"The outputs on {target} must be those of this machine. They are not."
            )
    cortex, riscv = emulated[CORTEX], emulated[RISCV]
    return Firmware(
        predicted=host.outputs.argmax(axis=-1),
        cortex_instructions=cortex.instructions or 0.0,
        riscv_instructions=riscv.instructions or 0.0,
        flash_bytes=cortex.flash_bytes or 0,
        ram_bytes=reports[CORTEX].ram_bytes + (cortex.stack_bytes or 0),
    )
