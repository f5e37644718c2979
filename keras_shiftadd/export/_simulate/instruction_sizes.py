"""How many instructions a stretch of machine code has."""

from typing import Literal

InstructionSet = Literal["thumb", "riscv"]


def count_instructions(code: bytes, instruction_set: InstructionSet) -> int:
    """Instructions in machine code that begins with one and ends behind one.

    Args:
        code: Little-endian machine code.
        instruction_set: `"thumb"` or `"riscv"`; both mix instructions of 2 and 4 bytes.

    Returns:
        Their number.

    Raises:
        ValueError: If the code ends within an instruction.
    """
    at = number = 0
    while at < len(code):
        at += _size(code[at] | code[at + 1] << 8, instruction_set)
        number += 1
    if at != len(code):
        raise ValueError(f"{code.hex()} must end behind an instruction. It ends within one.")
    return number


def _size(first: int, instruction_set: InstructionSet) -> int:
    """Bytes of the instruction whose first halfword is `first`."""
    if instruction_set == "thumb":
        return 4 if first >> 11 in (0b11101, 0b11110, 0b11111) else 2
    return 4 if first & 3 == 3 else 2
