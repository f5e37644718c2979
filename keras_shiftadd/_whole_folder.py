"""Writes a folder as a whole or not at all."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator, Set
from pathlib import Path


def check_folder(path: Path, known: Set[str]) -> None:
    """Checks that a folder can be written without a loss.

    Args:
        path: The folder, which may exist.
        known: Names that may be in it and would be replaced.

    Raises:
        NotADirectoryError: If it is a file.
        FileExistsError: If something else is in it.
        FileNotFoundError: If the folder that it is to be in is missing.
        PermissionError: If it cannot be written there.
    """
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"`folder` must name a folder. Received: {str(path)!r}, a file.")
    others = sorted({file.name for file in path.iterdir()} - known) if path.exists() else []
    if others:
        raise FileExistsError(
            "`folder` must be new, empty, or an earlier export, which is replaced. "
            f"Received: {str(path)!r} with {', '.join(others[:3])}"
            f"{' and others' if len(others) > 3 else ''}. Name another folder."
        )
    parent = path.absolute().parent
    if not parent.is_dir():
        raise FileNotFoundError(
            f"The folder that `folder` is in must exist. Received: {str(path)!r}, but there is no "
            f"folder {str(parent)!r}."
        )
    if not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError(
            f"`folder` must be in a writable folder. Received: {str(path)!r}, and "
            f"{str(parent)!r} is read-only."
        )


@contextlib.contextmanager
def folder_written_whole(path: Path) -> Iterator[Path]:
    """Makes a temporary folder beside `path`, which takes its place when the block ends well.

    Args:
        path: A folder that `check_folder` accepts; what is in it is replaced.

    Yields:
        The temporary folder.

    Raises:
        OSError: If it cannot be written.
    """
    path = path.absolute()
    mark = secrets.token_hex(4)
    temporary, old = (path.with_name(f".{path.name}.{mark}.{end}") for end in ("part", "old"))
    temporary.mkdir()
    try:
        yield temporary
        if path.exists():
            # A folder with content cannot be replaced in one step: between the two there is none,
            # and the old one is put back where the second fails.
            os.replace(path, old)
        try:
            os.replace(temporary, path)
        except OSError:
            if old.exists():
                os.replace(old, path)
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)
