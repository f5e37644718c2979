"""What the C of a network takes on a microcontroller."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FirmwareLayer:
    """A layer of the generated C.

    Args:
        name: Of the layer.
        function: Name of its C function.
        kernel: Name of the kernel.
        reason: Why this kernel was chosen; empty where there is one only.
        flash_bytes: Bytes of its weights and parameters.
        scratch_bytes: Bytes of scratch memory.
        instructions: How many it is estimated to execute; None where it is no convolution.
    """

    name: str
    function: str
    kernel: str
    reason: str
    flash_bytes: int
    scratch_bytes: int
    instructions: float | None


@dataclass(frozen=True)
class ArenaBuffer:
    """A part of the arena.

    Args:
        name: What it holds.
        offset: Where it begins.
        size: Bytes.
        first: Number of the layer that writes it.
        last: Number of the last layer that reads it.
    """

    name: str
    offset: int
    size: int
    first: int
    last: int


@dataclass(frozen=True)
class FirmwareReport:
    """What `to_c` wrote, and what it takes on the processor.

    Args:
        folder: Where it was written.
        target: The processor.
        constant_bytes: Flash for weights, tables and parameters.
        code_bytes: Flash for machine code, from measured sizes of the kernels (clang -O3); for
            `"portable"` and `"x86"` those on a Cortex-M0.
        arena_bytes: RAM for activations and scratch memory, static in model.c.
        input_bytes: RAM of the caller for the input.
        output_bytes: RAM of the caller for the output.
        layers: In order of execution.
        arena: What lies where in the arena.
    """

    folder: Path
    target: str
    constant_bytes: int
    code_bytes: int
    arena_bytes: int
    input_bytes: int
    output_bytes: int
    layers: tuple[FirmwareLayer, ...]
    arena: tuple[ArenaBuffer, ...]

    @property
    def flash_bytes(self) -> int:
        """Flash: constants and code."""
        return self.constant_bytes + self.code_bytes

    @property
    def ram_bytes(self) -> int:
        """RAM: the arena, the input and the output; the stack comes on top."""
        return self.arena_bytes + self.input_bytes + self.output_bytes

    def __str__(self) -> str:
        lines = [
            f"{self.folder} for {self.target}",
            f"  flash {self.flash_bytes:,} bytes: {self.constant_bytes:,} constants, "
            f"{self.code_bytes:,} code",
            f"  RAM {self.ram_bytes:,} bytes: {self.arena_bytes:,} arena, "
            f"{self.input_bytes:,} input, {self.output_bytes:,} output; and the stack",
            "",
        ]
        lines += _table(
            ("Layer", "Kernel", "Flash", "Scratch", "Instructions", "Why"),
            [
                (
                    layer.name,
                    layer.kernel,
                    f"{layer.flash_bytes:,}",
                    f"{layer.scratch_bytes:,}",
                    "" if layer.instructions is None else f"{layer.instructions:,.0f}",
                    layer.reason,
                )
                for layer in self.layers
            ],
            left=(0, 1, 5),
        )
        lines.append("")
        lines += _table(
            ("Arena", "From", "To", "Bytes", "Layers"),
            [
                (
                    buffer.name,
                    str(buffer.offset),
                    str(buffer.offset + buffer.size),
                    f"{buffer.size:,}",
                    f"{buffer.first}..{buffer.last}",
                )
                for buffer in self.arena
            ],
            left=(0,),
        )
        return "\n".join(lines)


def _table(
    header: tuple[str, ...], rows: list[tuple[str, ...]], left: tuple[int, ...]
) -> list[str]:
    widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]

    def line(row: tuple[str, ...]) -> str:
        cells = (
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    title = line(header)
    return [title, "-" * max(len(title), sum(widths) + 2 * len(widths) - 2), *map(line, rows)]
