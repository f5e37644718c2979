"""Equations as MathML, which browsers draw by themselves: pages need no script from elsewhere."""

import html
import re
from typing import Any

from latex2mathml.converter import convert
from mkdocs.exceptions import PluginError

_INLINE = re.compile(r'<span class="arithmatex">\\\((.+?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.+?)\\\]\s*</div>', re.DOTALL)
# Bars around a magnitude: without this they get the space of an operator between two operands.
_BAR = re.compile(r'<mo(?: stretchy="false")?>(&#x0007C;|&#x02016;)</mo>')


def on_page_content(text: str, page: Any, **kwargs: Any) -> str:
    """Replaces the equations of a page."""

    def replace(match: re.Match[str], display: str) -> str:
        latex = html.unescape(match[1]).strip()
        try:
            mathml = convert(latex, display=display)
        except Exception as error:
            raise PluginError(f"{page.file.src_uri}: no equation: {latex!r}: {error!r}") from error
        return _BAR.sub(r'<mo stretchy="false" lspace="0" rspace="0">\1</mo>', mathml)

    text = _BLOCK.sub(lambda match: replace(match, "block"), text)
    return _INLINE.sub(lambda match: replace(match, "inline"), text)
