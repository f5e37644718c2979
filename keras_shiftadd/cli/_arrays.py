"""Arrays that the user names on the command line."""

import zipfile
from pathlib import Path
from typing import Any


def load_array(path: str, key: str, argument: str) -> Any:
    """Reads an array from a .npy file, or from a .npz file by name.

    Args:
        path: the file.
        key: name of the array in a .npz file; a file with a single array may name it otherwise.
        argument: the option that named the file, for messages.

    Returns:
        A NumPy array.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is neither, or has no such array.
    """
    import numpy as np

    if not Path(path).is_file():
        raise FileNotFoundError(f"There is no file for {argument}. Received: {path!r}")
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            name = key if key in loaded.files or len(loaded.files) != 1 else loaded.files[0]
            if name in loaded.files:
                return loaded[name]
            found = ", ".join(loaded.files) or "no array"
    except (ValueError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{argument} must name a .npy or .npz file of numbers. Received: {path!r}, which "
            f"cannot be read as one ({' '.join(str(error).split())})"
        ) from error
    raise ValueError(
        f"The .npz file of {argument} must have an array named '{key}', or a single array. "
        f"Received: {path!r} with {found}"
    )
