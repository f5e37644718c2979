"""The processors that C source is written for."""

from dataclasses import dataclass
from typing import Literal

InstructionSet = Literal["thumb", "riscv"]


@dataclass(frozen=True)
class Core:
    """A processor as the compilers and the emulators know it.

    Args:
        instruction_set: `"thumb"` or `"riscv"`.
        zig: Arguments of `zig cc` that name the processor.
        gcc: Arguments of `arm-none-eabi-gcc` or `riscv64-unknown-elf-gcc` that name it.
        unicorn: Name of the processor in `unicorn.arm_const` or `unicorn.riscv_const`.
        qemu: Arguments of QEMU that name a machine with it.
        flash: Address of the code on that machine.
        ram: Address of the variables.
    """

    instruction_set: InstructionSet
    zig: tuple[str, ...]
    gcc: tuple[str, ...]
    unicorn: str
    qemu: tuple[str, ...]
    flash: int
    ram: int


@dataclass(frozen=True)
class Target:
    """A processor that C source is written for.

    Args:
        name: What users call it.
        description: What it is, in words.
        core: How it is compiled for and emulated; None for the machine that this runs on.
    """

    name: str
    description: str
    core: Core | None


def _arm(
    cpu: str, machine: str, flash: int = 0, ram: int = 0x20000000, extensions: str = ""
) -> Core:
    # Without floats no floating point unit is needed; memory is copied in ordinary registers.
    return Core(
        instruction_set="thumb",
        zig=(
            "-target",
            "thumb-freestanding-eabi",
            f"-mcpu={cpu.replace('-', '_')}{extensions}",
            "-mfloat-abi=soft",
        ),
        gcc=(f"-mcpu={cpu}", "-mthumb", "-mfloat-abi=soft"),
        unicorn=f"UC_CPU_ARM_{cpu.replace('-', '_').upper()}",
        qemu=("qemu-system-arm", "-machine", machine),
        flash=flash,
        ram=ram,
    )


def _riscv(extensions: str, missing: str, cpu: str) -> Core:
    return Core(
        instruction_set="riscv",
        zig=("-target", "riscv32-freestanding", f"-mcpu=generic_rv32{missing}"),
        gcc=(f"-march=rv32{extensions}", "-mabi=ilp32"),
        unicorn="UC_CPU_RISCV32_ANY",
        qemu=("qemu-system-riscv32", "-machine", "virt", "-bios", "none", "-cpu", cpu),
        flash=0x80000000,
        ram=0x80400000,
    )


_TARGETS = (
    Target("portable", "C99 for any processor; run on this machine", None),
    Target("x86", "this machine", None),
    Target("cortex-m4", "Arm Cortex-M4 with DSP instructions", _arm("cortex-m4", "mps2-an386")),
    Target("cortex-m7", "Arm Cortex-M7 with DSP instructions", _arm("cortex-m7", "mps2-an500")),
    Target(
        "cortex-m33",
        "Arm Cortex-M33 with DSP instructions",
        # Optional on this core; clang leaves it out where nothing is said.
        _arm("cortex-m33", "mps2-an505", 0x10000000, 0x38000000, extensions="+dsp"),
    ),
    # The board has a Cortex-M3, which runs the code of a Cortex-M0, and more memory than boards
    # with a Cortex-M0.
    Target(
        "cortex-m0",
        "Arm Cortex-M0: a multiplier, no DSP instructions",
        _arm("cortex-m0", "mps2-an385"),
    ),
    Target(
        "rv32i",
        "RISC-V without a multiplier",
        _riscv("i", "-m-a-f-d-c", "rv32,m=false,a=false,f=false,d=false,c=false"),
    ),
    Target(
        "rv32im",
        "RISC-V with a multiplier",
        _riscv("im", "+m-a-f-d-c", "rv32,m=true,a=false,f=false,d=false,c=false"),
    ),
)

TARGETS: dict[str, Target] = {target.name: target for target in _TARGETS}


def find_target(target: str) -> Target:
    """The target of a name.

    Raises:
        ValueError: If there is none.
    """
    if target not in TARGETS:
        raise ValueError(f"`target` must be one of {', '.join(TARGETS)}. Received: {target!r}.")
    return TARGETS[target]
