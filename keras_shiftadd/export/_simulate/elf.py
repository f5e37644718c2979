"""Reads the ELF files that compilers for 32-bit processors write."""

import struct
from dataclasses import dataclass
from pathlib import Path

_LOAD_SEGMENT, _SYMBOL_TABLE, _WITHOUT_CONTENT = 1, 2, 8
_FUNCTION, _OBJECT = 2, 1
_ALLOCATED = 2
_ARM = 40


@dataclass(frozen=True)
class Segment:
    """A stretch of memory that is filled before the program starts."""

    address: int
    content: bytes
    size: int


@dataclass(frozen=True)
class Section:
    """A part of the program: code, constants, variables.

    Args:
        name: Such as `".text"`.
        size: Bytes.
        stored: Whether the file holds its content; `.bss` has none.
    """

    name: str
    size: int
    stored: bool


@dataclass(frozen=True)
class Symbol:
    """A function or a variable.

    Args:
        name: In the program.
        address: Of its first byte.
        size: Bytes.
        shared: Whether other files see it; others may have one of the same name.
    """

    name: str
    address: int
    size: int
    shared: bool


@dataclass(frozen=True)
class Elf:
    """A linked program.

    Args:
        segments: What is loaded.
        sections: What takes memory on the processor.
        functions: By name.
        variables: By name.
    """

    segments: tuple[Segment, ...]
    sections: tuple[Section, ...]
    functions: dict[str, Symbol]
    variables: dict[str, Symbol]

    def bytes_in(self, *names: str) -> int:
        """Bytes of the sections of these names."""
        return sum(section.size for section in self.sections if section.name in names)


def read_elf(path: Path) -> Elf:
    """Reads a linked little-endian program of 32 bits.

    Raises:
        ValueError: If it is not one.
    """
    data = path.read_bytes()
    if data[:6] != b"\x7fELF\x01\x01":
        raise ValueError(f"{path} must be a little-endian ELF file of 32 bits. It is not.")
    machine = struct.unpack_from("<H", data, 18)[0]
    programs, headers = struct.unpack_from("<II", data, 28)
    program_size, program_count, header_size, header_count, names = struct.unpack_from(
        "<5H", data, 42
    )
    segments = []
    for i in range(program_count):
        kind, offset, address, _, stored, size = struct.unpack_from(
            "<6I", data, programs + i * program_size
        )
        if kind == _LOAD_SEGMENT and size:
            segments.append(Segment(address, data[offset : offset + stored], size))
    table = [
        struct.unpack_from("<10I", data, headers + i * header_size) for i in range(header_count)
    ]
    sections, functions, variables = [], {}, {}
    for header in table:
        name, kind, flags, _, offset, size, link = header[:7]
        if flags & _ALLOCATED and size:
            title = _text(data, table[names][4] + name)
            sections.append(Section(title, size, kind != _WITHOUT_CONTENT))
        if kind == _SYMBOL_TABLE:
            for at in range(offset, offset + size, 16):
                title_at, address, length, info = struct.unpack_from("<IIIB", data, at)
                title = _text(data, table[link][4] + title_at)
                if info & 15 == _FUNCTION:
                    # The lowest bit of an Arm function's address says that it is Thumb code.
                    address = address & ~1 if machine == _ARM else address
                    functions[title] = Symbol(title, address, length, info >> 4 != 0)
                elif info & 15 == _OBJECT:
                    variables[title] = Symbol(title, address, length, info >> 4 != 0)
    return Elf(tuple(segments), tuple(sections), functions, variables)


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode()
