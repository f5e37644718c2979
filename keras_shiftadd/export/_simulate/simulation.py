"""What a network did on an emulated processor."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Simulation:
    """What `simulate` found.

    Args:
        target: The processor.
        engine: What it was emulated with; `"host"` where it ran on this machine itself.
        compiler: What compiled it.
        outputs: int8 array `(samples, *shape)`.
        instructions_per_sample: Executed instructions of each inference, from the first of
            `model_invoke` to its return; None on this machine, where they are not counted.
        instructions_per_layer: Of these, those of each layer, in the mean over the samples, by the
            name of its C function; `"model_invoke"` has what comes before the first layer. None on
            this machine.
        stack_bytes: Bytes of stack that an inference used at most; None where it is not measured,
            on this machine and in QEMU.
        flash_bytes: Bytes of code and constants as compiled, without the start of the processor
            and the reading of files; None on this machine.
        ram_bytes: Bytes of static memory of the network as compiled; None on this machine.
    """

    target: str
    engine: str
    compiler: str
    outputs: np.ndarray
    instructions_per_sample: tuple[int, ...] | None = None
    instructions_per_layer: dict[str, float] | None = None
    stack_bytes: int | None = None
    flash_bytes: int | None = None
    ram_bytes: int | None = None

    @property
    def instructions(self) -> float | None:
        """Executed instructions of an inference, in the mean; None on this machine."""
        if self.instructions_per_sample is None:
            return None
        return float(np.mean(self.instructions_per_sample))

    def __str__(self) -> str:
        samples = f"{len(self.outputs)} sample{'s' if len(self.outputs) != 1 else ''}"
        lines = [f"{samples} on {self.target} ({self.engine}, compiled with {self.compiler})"]
        if self.instructions is None or self.instructions_per_layer is None:
            return "\n".join([*lines, "  instructions are counted on emulated processors only"])
        stack = "" if self.stack_bytes is None else f", stack {self.stack_bytes:,} bytes"
        lines.append(f"  {self.instructions:,.0f} instructions an inference{stack}")
        lines.append(
            f"  flash {self.flash_bytes:,} bytes, static RAM {self.ram_bytes:,} bytes as compiled"
        )
        width = max(map(len, self.instructions_per_layer))
        for name, count in self.instructions_per_layer.items():
            share = count / max(self.instructions, 1)
            lines.append(f"  {name:<{width}}  {count:>14,.0f}  {share:>6.1%}")
        return "\n".join(lines)
