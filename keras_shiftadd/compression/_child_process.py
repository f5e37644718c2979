"""Runs a job in a process of its own, so that Model Optimization leaves no trace in this one."""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
from collections import deque
from pathlib import Path
from typing import IO

_MODULES = {
    "tensorflow": "tensorflow",
    "tf_keras": "tf-keras",
    "tensorflow_model_optimization": "tensorflow-model-optimization",
}
_RUN = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from keras_shiftadd.compression._child.main import main; sys.exit(main(sys.argv[2]))"
)
# Of what the process says besides its progress, this many last lines are shown if it fails.
_LAST_LINES = 20
_TERMINATION_SECONDS = 5.0
_ERRORS: dict[str, type[Exception]] = {
    error.__name__: error for error in (ValueError, TypeError, ImportError, MemoryError)
}


def require_model_optimization() -> None:
    """Raises if the packages that the child process needs are missing.

    Raises:
        ImportError: It names them, and the command that installs them.
    """
    missing = [
        name for module, name in _MODULES.items() if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise ImportError(
            "keras_shiftadd.compression needs TensorFlow Model Optimization and tf_keras; "
            f"{', '.join(missing)} cannot be found. Install them with: "
            'pip install "keras-shiftadd[compression]"'
        )


def run_child(folder: Path, verbose: int) -> None:
    """Runs the job that a folder describes; its results lie in the folder afterwards.

    Args:
        folder: Made by `write_job`.
        verbose: 0 is silent; else what the process prints is printed.

    Raises:
        ValueError, TypeError, ImportError, MemoryError: As the job raised it.
        RuntimeError: If the process ended in another way.
        KeyboardInterrupt: If interrupted; the process has been ended.
    """
    # The child ends when its standard input does: with this process, however that ends.
    process = subprocess.Popen(
        [sys.executable, "-c", _RUN, json.dumps(_search_path()), str(folder)],
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # Ctrl-C arrives once: here.
        start_new_session=True,
    )
    last: deque[str] = deque(maxlen=_LAST_LINES)
    assert process.stdout is not None
    assert process.stderr is not None
    reader = threading.Thread(target=last.extend, args=(process.stderr,), daemon=True)
    reader.start()
    try:
        _show(process.stdout, verbose)
        status = process.wait()
    finally:
        _end(process)
        reader.join(_TERMINATION_SECONDS)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                pipe.close()  # type: ignore[union-attr]
    if status:
        raise _error(folder, status, "".join(last))


def _show(output: IO[str], verbose: int) -> None:
    for line in output:
        if verbose:
            print(line, end="", flush=True)


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_TERMINATION_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _search_path() -> list[str]:
    """Where this process finds modules; the child starts in the same folder."""
    package = str(Path(__file__).resolve().parents[2])
    return [package, *(path for path in sys.path if path != package)]


def _environment() -> dict[str, str]:
    return {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # A framework of this process may hold memory of the same GPU.
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        "TF_USE_LEGACY_KERAS": "1",
    }


def _error(folder: Path, status: int, last: str) -> Exception:
    file = folder / "error.json"
    if file.exists():
        content = json.loads(file.read_text(encoding="utf-8"))
        kind = _ERRORS.get(content["type"])
        if kind is not None:
            return kind(content["message"])
        return RuntimeError(
            "Training with Model Optimization failed; the model is as it was. "
            f"Received: {content['type']}: {content['message']}\n{content['traceback']}"
        )
    ending = f"signal {-status}" if status < 0 else f"exit status {status}"
    return RuntimeError(
        "The process that trains with Model Optimization must end by itself; the model is as it "
        f"was. Received: {ending}. A lack of memory ends it with signal 9. Its last words:\n{last}"
    )
