"""The pages of the documentation: their code blocks, links and words."""

import ast
import dataclasses
import pathlib
import re

import keras
import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
README = ROOT / "README.md"
TEXTS = [*PAGES, *([README] if README.exists() else []), ROOT / "CONTRIBUTING.md"]

_FENCE = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<code>.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
_EXPECTED = re.compile(r"#\s*->\s*(.+)$")


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: the words behind the fence, the text, the line where it starts."""

    words: list[str]
    code: str
    line: int


def blocks(page):
    """All fenced blocks of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(match["info"].split(), match["code"], text.count("\n", 0, match.start("code")))
        for match in _FENCE.finditer(text)
    ]


def python_blocks(page):
    """The blocks that are Python."""
    return [block for block in blocks(page) if block.words[:1] == ["python"]]


def prose(page):
    """The text without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def run_block(block, page, namespace):
    """Executes a block; returns a line for each `# -> value` that is not what comes out.

    Line numbers in tracebacks are those of the page.
    """
    source = "\n" * block.line + block.code
    lines = source.split("\n")
    wrong = []
    for statement in ast.parse(source, filename=str(page)).body:
        last = lines[statement.end_lineno - 1]
        expected = _EXPECTED.search(last[statement.end_col_offset :])
        if isinstance(statement, ast.Expr) and expected:
            expression = ast.Expression(statement.value)
            value = eval(compile(expression, str(page), "eval"), namespace)
            if not shows(value, expected[1].strip()):
                wrong.append(f"{page.name}:{statement.lineno}: {expected[1]} is {value!r}")
        else:
            module = ast.Module([statement], type_ignores=[])
            exec(compile(module, str(page), "exec"), namespace)
    return wrong


def shows(value, text):
    """Whether `text` is how a page may write `value`: numbers are compared, not their digits."""
    if keras.ops.is_tensor(value):
        value = keras.ops.convert_to_numpy(value)
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if type(value).__name__ in ("Size", "TensorShape"):
        value = tuple(value)
    try:
        expected = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return repr(value) == text or str(value) == text
    return _same(value, expected)


def _same(value, expected):
    if isinstance(expected, list | tuple):
        return (
            type(value) is type(expected)
            and len(value) == len(expected)
            and all(map(_same, value, expected))
        )
    if isinstance(expected, float):
        return isinstance(value, float) and bool(np.isclose(value, expected, rtol=1e-4, atol=1e-7))
    return value == expected
