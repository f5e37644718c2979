"""Numbers, arrays and structs as C source."""

import re
import textwrap
from collections.abc import Mapping, Sequence

import numpy as np

WIDTH = 100
_INDENT = "    "
_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int32": "int32_t"}


def identifier(name: str) -> str:
    """A name as a part of a C identifier."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_").lower() or "layer"


def comment(text: str) -> str:
    """A comment on lines of its own."""
    safe = re.sub(r"[^ -~]", "?", text).replace("*/", "* /")
    lines = textwrap.wrap(safe, WIDTH - 6) or [""]
    return "/* " + "\n * ".join(lines) + " */"


def number(value: int) -> str:
    """An integer; the least one of 32 bits has no literal of its own."""
    return "(-2147483647 - 1)" if value == -(2**31) else str(int(value))


def array(name: str, values: np.ndarray, words: bool = False) -> str:
    """A constant array.

    Args:
        name: Its name.
        values: int8, uint8 or int32 array.
        words: Whether it must begin on a word: C99 aligns a union to its widest member.
    """
    kind = _TYPES[values.dtype.name]
    flat = values.ravel()
    a_line = 20 if flat.itemsize == 1 else 8
    lines = (flat[i : i + a_line].tolist() for i in range(0, flat.size, a_line))
    numbers = ",\n".join(_INDENT + ", ".join(map(number, line)) for line in lines)
    if words and values.dtype.itemsize < 4:
        head = f"static const union {{ uint32_t word; {kind} bytes[{flat.size}]; }} {name}"
        return f"{head} = {{ .bytes = {{\n{numbers}\n}} }};"
    return f"static const {kind} {name}[{flat.size}] = {{\n{numbers}\n}};"


def struct(kind: str, name: str, fields: Mapping[str, str]) -> str:
    """A constant struct with its fields by name."""
    lines = _lines([f".{field} = {value}," for field, value in fields.items()])
    return f"static const {kind} {name} = {{\n{lines}\n}};"


def _lines(parts: Sequence[str]) -> str:
    """Parts on as few lines as they need, none of them broken."""
    lines = [""]
    for part in parts:
        if lines[-1] and len(_INDENT) + len(lines[-1]) + 1 + len(part) > WIDTH:
            lines.append("")
        lines[-1] = f"{lines[-1]} {part}" if lines[-1] else part
    return "\n".join(_INDENT + line for line in lines)
