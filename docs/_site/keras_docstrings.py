"""Docstrings in Keras' order, for griffe's parser of Google's style.

The two styles agree on `Args`, `Returns` and `Raises`. The others of Keras' sections, and examples
that are not indented, become paragraphs with a title.
"""

import importlib
import inspect
import re
import textwrap
from typing import Any

import griffe

_OWN_SECTIONS = ("Call arguments", "Input shape", "Output shape", "Example", "Note", "Reference")
_TITLE = re.compile(rf"^({'|'.join(_OWN_SECTIONS)}):[ ]*$")
# Stands in docstrings that a decorator completes when their module is imported.
_COMPLETED_LATER = "{shared}"
_ARGUMENT = re.compile(r"^(\*{0,2}\w+): ")


def to_google_style(text: str) -> str:
    """Returns a docstring with Keras' own sections as titled paragraphs of Markdown."""
    lines = textwrap.dedent(text).split("\n")
    out: list[str] = []
    while lines:
        line = lines.pop(0)
        title = _TITLE.match(line)
        if title is None:
            out.append(line)
            continue
        indented = []
        while lines and (not lines[0].strip() or lines[0].startswith(" ")):
            indented.append(lines.pop(0))
        body = textwrap.dedent("\n".join(indented)).strip("\n")
        if title[1] == "Call arguments":
            body = "\n".join(_as_item(entry) for entry in body.split("\n"))
        out += [f"**{title[1]}**", "", *body.split("\n"), ""]
    return _fence_examples("\n".join(out))


def _as_item(line: str) -> str:
    """A line of a list of arguments as a line of a list of Markdown."""
    return _ARGUMENT.sub(r"- `\1`: ", line)


def _fence_examples(text: str) -> str:
    """Puts `>>>` examples into fences: as they are, Markdown takes them for quotations."""
    out: list[str] = []
    inside = False
    for line in text.split("\n"):
        if not inside and line.startswith(">>> "):
            out.append("```python")
            inside = True
        elif inside and not line.strip():
            out.append("```")
            inside = False
        out.append(line)
    return "\n".join([*out, "```"] if inside else out)


class KerasDocstrings(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrites the docstring of an object that was found."""
        if obj.docstring is None:
            return
        text = obj.docstring.value
        if _COMPLETED_LATER in text:
            function = getattr(importlib.import_module(obj.module.path), obj.name)
            text = inspect.getdoc(function) or ""
        obj.docstring.value = to_google_style(text)
