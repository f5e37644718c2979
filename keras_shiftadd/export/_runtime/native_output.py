"""Catches what native code prints."""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator

_STDERR = 2


@contextlib.contextmanager
def captured_stderr() -> Iterator[Callable[[], str]]:
    """Redirects the process's standard error, native code included, while the block runs.

    Yields:
        A function that returns what was printed so far.
    """
    saved = os.dup(_STDERR)
    with tempfile.TemporaryFile() as file:

        def text() -> str:
            return os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace")

        os.dup2(file.fileno(), _STDERR)
        try:
            yield text
        finally:
            os.dup2(saved, _STDERR)
            os.close(saved)
