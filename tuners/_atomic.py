"""Writes state so that a process killed at any moment leaves the old file or the new one."""

import json
import os
import pathlib
import secrets
from typing import Any


def write_json(path: str | os.PathLike[str], value: Any) -> str:
    """Writes a value as JSON beside `path`, then puts it in its place.

    Returns:
        The JSON.
    """
    text = json.dumps(value)
    target = pathlib.Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    return text
