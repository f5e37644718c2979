"""The main function of the child process: reads a job, does it, writes the results."""

import json
import os
import shutil
import sys
import threading
import traceback
from pathlib import Path


def main(path: str) -> int:
    """Does the job of a folder.

    Args:
        path: The folder; `error.json` is written there if the job fails.

    Returns:
        The exit status.
    """
    folder = Path(path)
    threading.Thread(target=_end_with_parent, args=(folder,), daemon=True).start()
    try:
        from keras_shiftadd.compression._child.jobs import do_job

        do_job(folder)
    except Exception as error:
        content = {
            "type": type(error).__name__,
            "message": str(error),
            "traceback": traceback.format_exc(),
        }
        (folder / "error.json").write_text(json.dumps(content), encoding="utf-8")
        return 1
    return 0


def _end_with_parent(folder: Path) -> None:
    """Ends this process when its parent is gone, and removes the folder that it has left."""
    os.read(sys.stdin.fileno(), 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)
