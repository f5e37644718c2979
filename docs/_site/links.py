"""Links that differ between a code host and the site."""

import re
from typing import Any

from mkdocs.structure.files import Files

_TO_SOURCES = re.compile(r"\[([^\]]+)\]\((\.\./[^)\s]+)\)")
_FILE_NAME = re.compile(r"\[(\w+\.md)\]\((\w+\.md)(#[\w-]+)?\)")
_TITLE = re.compile(r"^# (.+)$", re.MULTILINE)


def on_page_markdown(markdown: str, files: Files, **kwargs: Any) -> str:
    """Shows the paths of files of the sources, and titles of pages instead of their file names."""

    def titled(match: re.Match[str]) -> str:
        file = files.get_file_from_path(match[2])
        title = _TITLE.search(file.content_string) if file is not None else None
        return f"[{title[1] if title else match[1]}]({match[2]}{match[3] or ''})"

    markdown = _TO_SOURCES.sub(lambda match: f"`{match[2].removeprefix('../')}`", markdown)
    return _FILE_NAME.sub(titled, markdown)
