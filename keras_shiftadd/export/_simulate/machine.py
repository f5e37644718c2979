"""A processor that runs a program in an emulator and counts what it executes."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keras_shiftadd.export._imports import require
from keras_shiftadd.export._simulate.block_counter import attach_counter
from keras_shiftadd.export._simulate.elf import Elf
from keras_shiftadd.export._simulate.instruction_sizes import count_instructions
from keras_shiftadd.export._simulate.link_script import FLASH_BYTES, RAM_BYTES
from keras_shiftadd.export._targets import Core

# Behind all code: where a function returns to that is called from outside.
_RETURN = FLASH_BYTES - 16
_STACK_BYTES = 1 << 20
_PATTERN = b"\xa5"
_ALIGNMENT = 16


class SimulationError(RuntimeError):
    """A program did in the emulator what no program may do, such as reading where no memory is."""


@dataclass(frozen=True)
class Execution:
    """What a call of a function did.

    Args:
        result: What the function returned, as a signed 32-bit integer; only meaningful for
            functions that return something.
        instructions: Executed instructions, from the function's first to its return.
        by_function: Of these, those of each function, without the functions that it calls.
        by_stage: Of these, those from the entry of a marked function to that of the next one.
        stack: Bytes of stack that it used.
    """

    result: int
    instructions: int
    by_function: dict[str, int]
    by_stage: dict[str, int]
    stack: int


class Machine:
    """A program in the memory of an emulated processor (Unicorn).

    The counts are exact: the emulator reports each block of instructions that it runs, and the
    instructions of each block are counted once. A conditional instruction counts whether its
    condition holds or not: the processor takes it in either way.

    Args:
        program: What `compile_program` made.
        core: The processor that it was compiled for.
        stages: Functions whose entry begins a stage, for `Execution.by_stage`.

    Raises:
        ImportError: If unicorn is not installed.
    """

    def __init__(self, program: Elf, core: Core, stages: Sequence[str] = ()) -> None:
        require("unicorn", "a processor emulator", 'pip install "keras-shiftadd[micro]"')
        import unicorn
        from unicorn import arm_const, riscv_const

        self.program, self._core = program, core
        self._arm = core.instruction_set == "thumb"
        if self._arm:
            mode = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
            self._emulator = unicorn.Uc(unicorn.UC_ARCH_ARM, mode)
            registers, prefix = arm_const, "UC_ARM_REG_"
            self._arguments = [getattr(registers, f"{prefix}R{i}") for i in range(4)]
            self._return, self._stack = registers.UC_ARM_REG_LR, registers.UC_ARM_REG_SP
        else:
            self._emulator = unicorn.Uc(unicorn.UC_ARCH_RISCV, unicorn.UC_MODE_RISCV32)
            registers, prefix = riscv_const, "UC_RISCV_REG_"
            self._arguments = [getattr(registers, f"{prefix}A{i}") for i in range(8)]
            self._return, self._stack = registers.UC_RISCV_REG_RA, registers.UC_RISCV_REG_SP
        self._error: Any = unicorn.UcError
        self._emulator.ctl_set_cpu_model(getattr(registers, core.unicorn))
        self._emulator.mem_map(core.flash, FLASH_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC)
        self._emulator.mem_map(core.ram, RAM_BYTES, unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE)
        for segment in program.segments:
            self._emulator.mem_write(segment.address, segment.content)
        self._free = core.ram
        for segment in program.segments:
            if core.ram <= segment.address < core.ram + RAM_BYTES:
                self._free = max(self._free, segment.address + segment.size)
        self._stages = {program.functions[name].address: name for name in stages}
        self._sizes: dict[tuple[int, int], int] = {}
        self._counter = attach_counter(self._emulator, self._stages)

    def place(self, content: bytes) -> int:
        """Writes bytes to memory that nothing uses, aligned to 16 bytes.

        Returns:
            Their address.

        Raises:
            SimulationError: If the memory is full.
        """
        address = -(-self._free // _ALIGNMENT) * _ALIGNMENT
        if address + len(content) > self._core.ram + RAM_BYTES - _STACK_BYTES:
            raise SimulationError(
                f"Data and variables must fit into {RAM_BYTES - _STACK_BYTES} bytes of emulated "
                f"memory. Received: {len(content)} more bytes."
            )
        self._free = address + len(content)
        self.write(address, content)
        return address

    def write(self, address: int, content: bytes) -> None:
        """Writes bytes to an address."""
        self._emulator.mem_write(address, content)

    def read(self, address: int, size: int) -> bytes:
        """Reads bytes from an address."""
        return bytes(self._emulator.mem_read(address, size))

    def variable(self, name: str) -> int:
        """The address of a variable of the program."""
        return self.program.variables[name].address

    def call(self, function: str, *arguments: int) -> Execution:
        """Calls a function.

        Args:
            function: Its name, one of the program's roots.
            arguments: Integers of 32 bits and addresses, as the processor passes them: those that
                do not fit into registers go onto the stack.

        Raises:
            SimulationError: If the processor stopped before the function returned.
        """
        start = self.program.functions[function].address
        bottom = self._core.ram + RAM_BYTES - _STACK_BYTES
        self.write(bottom, _PATTERN * _STACK_BYTES)
        registers = len(self._arguments)
        spilled = b"".join((a & 0xFFFFFFFF).to_bytes(4, "little") for a in arguments[registers:])
        top = (self._core.ram + RAM_BYTES - len(spilled)) & -_ALIGNMENT
        self.write(top, spilled)
        for register, argument in zip(self._arguments, arguments, strict=False):
            self._emulator.reg_write(register, argument & 0xFFFFFFFF)
        end = self._core.flash + _RETURN
        self._emulator.reg_write(self._stack, top)
        self._emulator.reg_write(self._return, end | self._arm)
        self._counter.reset()
        try:
            self._emulator.emu_start(start | self._arm, end)
        except self._error as error:
            raise SimulationError(
                f"The program must run to its end. {function} stopped: {error}."
            ) from error
        result = self._emulator.reg_read(self._arguments[0])
        unused = self.read(bottom, top - bottom)
        stack = len(unused.lstrip(_PATTERN))
        return Execution(
            result - (1 << 32) if result >> 31 else result,
            *self._counts(),
            stack=stack,
        )

    def _counts(self) -> tuple[int, dict[str, int], dict[str, int]]:
        """All instructions, those of each function, and those of each stage."""
        functions = sorted((f.address, f.name) for f in self.program.functions.values() if f.size)
        by_function: defaultdict[str, int] = defaultdict(int)
        by_stage = {"": 0, **dict.fromkeys(self._stages.values(), 0)}
        for run in self._counter.runs():
            number = run.times * self._size((run.address, run.size))
            by_function[_function_at(run.address, functions)] += number
            by_stage[run.stage] += number
        return sum(by_stage.values()), dict(by_function), by_stage

    def _size(self, block: tuple[int, int]) -> int:
        """Instructions of a block, given by its address and its bytes."""
        if block not in self._sizes:
            address, size = block
            code = self.read(address, size)
            self._sizes[block] = count_instructions(code, self._core.instruction_set)
        return self._sizes[block]


def _function_at(address: int, functions: Sequence[tuple[int, str]]) -> str:
    """The function that an address lies in."""
    at = bisect_right(functions, (address, chr(0x10FFFF)))
    return functions[at - 1][1] if at else "?"
