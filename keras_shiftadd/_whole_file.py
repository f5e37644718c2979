"""Writes a file as a whole or not at all, whenever the process is killed."""

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Makes an empty temporary file beside `path`, which takes its place when the block ends well.

    Yields:
        The temporary file, to be written, and checked where that is wanted.

    Raises:
        OSError: If the file cannot be written.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    # Unlike the functions of tempfile, this leaves the permissions to the user's umask.
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike[str], value: Any) -> str:
    """Writes a value as JSON.

    Returns:
        The JSON.
    """
    text = json.dumps(value)
    with written_whole(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return text
