"""Writes a file as a whole or not at all."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: Path, content: bytes) -> Iterator[Path]:
    """Writes to a temporary file beside `path`, which takes its place when the block ends well.

    Yields:
        The temporary file, to be checked.

    Raises:
        OSError: If the file cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    # Unlike the functions of tempfile, this leaves the permissions to the user's umask.
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
